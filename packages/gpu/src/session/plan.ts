/** What a session on a device does, and why. */
export interface DevicePlan {
  /** 'device': nodes that have kernels run on the device; 'dense': ONNX Runtime runs all of the model on the CPU. */
  readonly kind: 'device' | 'dense'
  /** A sentence. */
  readonly reason: string
  /** Name of the adapter. */
  readonly adapter: string
  /** Whether the adapter computes on the CPU: its times say nothing of GPUs. */
  readonly software: boolean
  /** Nodes with kernels of ours; those that a product or a normalisation takes in count too. */
  readonly deviceNodes: number
  /** Nodes that ONNX Runtime runs on the CPU between them, and why. */
  readonly elsewhere: readonly NodeElsewhere[]
  /** Stretches of nodes on the device, each with one submission, and stretches of ONNX Runtime between them. */
  readonly stages: number
  readonly segments: number
  readonly products: readonly DeviceWeight[]
  /** Milliseconds of one submission of one small kernel and its answer. A model that is faster than that on the CPU stays there. */
  readonly floorMs: number
  /** Medians of runs in turn, where they were measured. */
  readonly denseMs?: number
  readonly deviceMs?: number
}

export interface NodeElsewhere {
  /** Name of its first output. */
  readonly id: string
  readonly op: string
  readonly reason: string
}

/** A weight that is multiplied, as it lies on the device. */
export interface DeviceWeight {
  readonly id: string
  readonly weight: string
  readonly out: number
  readonly in: number
  readonly sparsity: number
  /** 'rows f32', 'bitmap f16', 'tiles 4×1 i8', '2:4 f32', 'dense f32' */
  readonly format: string
  readonly bytes: number
  /** Of the same weight dense, in f32. */
  readonly denseBytes: number
}

/** What the last run on the device cost. */
export interface DeviceCosts {
  readonly submissions: number
  readonly dispatches: number
  /** Bytes from this process to the device, back, and from buffer to buffer there. */
  readonly uploaded: number
  readonly readBack: number
  readonly copied: number
  /** Bytes of weights and other constants on the device, and of buffers for values. */
  readonly weights: number
  readonly values: number
}
