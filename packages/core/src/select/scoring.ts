import type { Floats, Kernel } from '../backend/backend.js'
import { readChunks, type WeightReading, type WeightSource } from '../backend/stream.js'

/** How the elements of weights are read and valued. */
export interface Scoring extends WeightReading {
  readonly kernel: Kernel
  /** Whose kernel it is, for messages. */
  readonly criterion?: string
}

/** The saliencies of all elements of a weight, in their order. */
export async function saliencies(source: WeightSource, scoring: Scoring): Promise<Floats> {
  const all = scoring.precision === 'f32' ? new Float32Array(source.elements) : new Float64Array(source.elements)
  for await (const chunk of readChunks(source, scoring)) {
    await scoring.kernel.saliency(chunk, all.subarray(chunk.start, chunk.start + chunk.weights.length))
  }
  return all
}
