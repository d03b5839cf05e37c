import type { Model } from '@pare/onnx'

/** Runs a model over calibration data, from the first sample to the last. Handed in: core has no run time. */
export interface Forward {
  (model: Model, options: ForwardOptions): AsyncIterable<ForwardOutput>
  /** Whether it fills in an input attention_mask i64[batch, seq] beside token ids, 0 where a token only fills a sample up. Default: false */
  readonly fillsMask?: boolean
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
