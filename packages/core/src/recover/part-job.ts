import type { Model } from '@pare/onnx'

/** What stands in arrays of samples. */
export const SAMPLE_TYPES = [
  ...(['bool', 'uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64'] as const),
  ...(['float32', 'float64'] as const),
] as const
export type SampleType = (typeof SAMPLE_TYPES)[number]

/** One array of all samples, with one row for each. */
export interface SampleArray {
  readonly name: string
  readonly type: SampleType
  /** The samples come first. */
  readonly shape: readonly number[]
  /** Whether samples and positions are one axis in the model: the first two of the shape. */
  readonly split: boolean
  /** The elements as they lie in memory, batch by batch. */
  readonly pieces: readonly Uint8Array[]
}

/** One part of a model that is to be trained to give what the same part of the reference gives. */
export interface PartJob {
  /** The value that the part ends with, and which part of how many it is, from 0 on. */
  readonly name: string
  readonly index: number
  readonly count: number
  /** Computes `loss`, f32[], from rows of `inputs`, and nothing else. */
  readonly model: Model
  readonly loss: string
  readonly inputs: readonly SampleArray[]
  readonly samples: number
  /** Ids of the constants that may change. */
  readonly constants: readonly string[]
}

/** How far a part was from what the reference gives, in mean squares of that, over samples that were not trained on. */
export interface PartErrors {
  readonly before: number
  readonly after: number
}

/** What training a part gave. */
export interface TrainedPart {
  /** The elements of what changed, by id, f32. */
  readonly tensors: ReadonlyMap<string, Float32Array>
  /** Undefined where no samples were held out. */
  readonly errors?: PartErrors
}

/** Trains a part. Handed in: core has no run time. */
export type TrainPart = (job: PartJob) => Promise<TrainedPart>
