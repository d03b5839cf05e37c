import type { Chunk, Floats, Kernel } from '../backend/backend.js'

/** The saliencies of a stretch of a weight. */
export async function saliencyOf(kernel: Kernel, chunk: Chunk): Promise<Floats> {
  const { weights } = chunk
  const saliency = weights instanceof Float32Array ? new Float32Array(weights.length) : new Float64Array(weights.length)
  await kernel.saliency(chunk, saliency)
  return saliency
}
