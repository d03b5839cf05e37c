/** What a session does with inputs of one size, and why. */
export interface SessionPlan {
  readonly kind: 'sparse' | 'dense'
  /** A sentence. */
  readonly reason: string
  /** Shapes of the inputs, each size rounded up to a power of two: 'input_ids 1×128'. */
  readonly shapes: string
  /** Ids of the products that run sparse; none where the plan is dense. */
  readonly sparse: readonly string[]
  readonly layers: readonly LayerPlan[]
  /** Milliseconds of a run of all of the model, medians of runs in turn. Undefined where it was not measured. */
  readonly denseMs?: number
  readonly sparseMs?: number
  /** Sessions of ONNX Runtime that the sparse run consists of. */
  readonly segments?: number
  /** For the product that takes most of the dense time, where the plan is dense and it was asked for: how many zeros would pay. */
  readonly outlook?: readonly SparsityOutlook[]
}

/** The fewest zeros with which a product of this size is faster sparse. */
export interface SparsityOutlook {
  readonly in: number
  readonly out: number
  readonly samples: number
  /** 'rows', zeros in any place, or 'tiles 4×1'. */
  readonly format: string
  /** Both undefined where 95 % do not suffice. */
  readonly sparsity?: number
  readonly speedup?: number
}

/** A product with a sparse weight, by itself: without handing values over between the run times. */
export interface LayerPlan {
  /** Name of the product's output. */
  readonly id: string
  readonly weight: string
  readonly op: string
  readonly out: number
  readonly in: number
  readonly sparsity: number
  /** 'rows', or 'tiles 4×1'. */
  readonly format: string
  readonly samples: number
  /** With bias and activation, the fastest of several runs, in microseconds. */
  readonly denseUs: number
  readonly sparseUs: number
  /** How many times as fast as dense it could be: of one sample by bytes of the weight, of more by multiplications. */
  readonly limit: number
  readonly chosen: 'sparse' | 'dense'
}

export const NOTHING = { shapes: 'all', sparse: [], layers: [] } as const
export const ASKED = 'it was asked for.'
