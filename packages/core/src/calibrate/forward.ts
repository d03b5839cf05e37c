import type { DataType, Model } from '@pare/onnx'

/** Runs a model over calibration data, from the first sample to the last. Handed in: core has no run time. */
export interface Forward {
  (model: Model, options: ForwardOptions): AsyncIterable<ForwardOutput>
  /** Whether it fills in an input attention_mask i64[batch, seq] beside token ids, 0 where a token only fills a sample up. Default: false */
  readonly fillsMask?: boolean
  /**
   * Reads the samples once, for the inputs of this model, to run one segment of it after another over them. Default: whoever goes through a model level by
   * level runs it from its inputs for each, which costs the square of its depth.
   */
  open?(model: Model, options: Pick<ForwardOptions, 'signal'>): Promise<Relay>
}

export interface ForwardOptions {
  /** Outputs of which only the sum over the batches of a chunk is wanted. */
  readonly sums: ReadonlySet<string>
  /** Chunks before this one are left out. Default: 0 */
  readonly from?: number
  /** How many samples run together, at most. Default: as the data and the model say */
  readonly batch?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly done: number; readonly total?: number }) => void
}

/** Outputs of one batch, or sums of those of a chunk, in order. */
export interface ForwardOutput {
  /** Samples ÷ CHUNK_SAMPLES, rounded down. A batch lies in one chunk. */
  readonly chunk: number
  readonly outputs: Readonly<Record<string, ArrayLike<number | bigint>>>
}

/** Samples on their way through a model: what one segment gives is stored, and segments after it read it. Disposing of it removes everything that is stored. */
export interface Relay extends AsyncDisposable {
  /** Runs a segment over all samples. Its inputs are inputs of the model or crossings. One at a time, each to its end. */
  run(segment: Model, options: SegmentRun): AsyncIterable<ForwardOutput>
  /** What is stored, by name. */
  readonly crossings: ReadonlyMap<string, CrossingType>
}

export interface SegmentRun extends Pick<ForwardOptions, 'sums' | 'signal' | 'onProgress'> {
  /** Outputs that are stored, for all samples. */
  readonly store: ReadonlySet<string>
  /** Crossings that no segment from this one on reads. */
  readonly forget: readonly string[]
}

/** What the run time says of a value. */
export interface CrossingType {
  readonly type: DataType
  /** How many axes it has. */
  readonly rank: number
}
