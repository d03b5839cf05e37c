import { saliencyOf } from '../select/saliency.js'
import type { Scoring } from '../select/scoring.js'
import type { Chunk, Floats, SaliencyRange } from './backend.js'
import { floatsOf, floatType, statsOf, viewOf, type WeightSource, widthOf } from './stream.js'

/** Saliencies of stretches of weights, one stretch after another: of all elements seen, or of those in a range. */
export interface SaliencySample {
  readonly saliency: Floats
  readonly parts: readonly Part[]
}

/** What a sample has of one stretch. */
interface Part {
  readonly source: WeightSource
  /** Elements seen. */
  readonly seen: number
  /** How many of them lie below the range. */
  readonly below: number
  /** Where its saliencies are in the list. */
  readonly start: number
  readonly end: number
}

export interface SampledChunk extends Chunk {
  readonly source: WeightSource
}

/** At even distances over all weights, `count` stretches of `length` elements, or of a weight that has fewer. All are asked for at once. */
export function readStretches(
  sources: readonly WeightSource[],
  { count, length }: { readonly count: number; readonly length: number },
  precision: Scoring['precision'],
): Promise<SampledChunk[]> {
  const total = sources.reduce((sum, { elements }) => sum + elements, 0)
  const reads: Promise<SampledChunk>[] = []
  let before = 0
  for (const source of sources) {
    const { elements } = source
    const first = Math.ceil((before / total) * count)
    const last = Math.ceil(((before + elements) / total) * count)
    for (let n = first; n < last; n++) {
      const start = Math.max(0, Math.min(Math.floor((n / count) * total) - before, elements - length))
      reads.push(readStretch(source, [start, Math.min(start + length, elements)], precision))
    }
    before += elements
  }
  return Promise.all(reads)
}

async function readStretch(
  source: WeightSource,
  [start, end]: readonly [number, number],
  precision: Scoring['precision'],
): Promise<SampledChunk> {
  const { tensor } = source.weight
  const width = widthOf(tensor)
  const there = viewOf(tensor)?.subarray(start * width, end * width)
  const bytes = there ?? new Uint8Array((end - start) * width)
  if (there === undefined) await tensor.data.read(bytes, start * width)
  const weights = floatsOf(bytes, floatType(tensor), precision)
  return { source, weights, start, stream: source.stream, ...(source.stats && { stats: statsOf(source, start, weights) }) }
}

/** All saliencies, computed in one call. Random numbers are those of other elements, which for a sample are as good. */
export async function sampleAll(stretches: readonly SampledChunk[], { kernel }: Scoring): Promise<SaliencySample> {
  const weights = join(stretches.map((chunk) => chunk.weights))
  const { stream, stats } = stretches[0]!
  const keys = Object.keys(stats ?? {})
  const joined = Object.fromEntries(keys.map((key) => [key, join(stretches.map((own) => own.stats![key]!))]))
  const saliency = await saliencyOf(kernel, { weights, start: 0, stream, ...(stats && { stats: joined }) })
  let end = 0
  const parts = stretches.map(({ source, weights: { length: seen } }) => {
    end += seen
    return { source, seen, below: 0, start: end - seen, end }
  })
  return { saliency, parts }
}

/** Collects the saliencies that lie in the range. Undefined where they are more than `most`, or one is not finite. */
export async function sampleRange(
  stretches: readonly SampledChunk[],
  { most, ...range }: SaliencyRange & { readonly most: number },
  { kernel, precision }: Scoring,
): Promise<SaliencySample | undefined> {
  const saliency = precision === 'f32' ? new Float32Array(most) : new Float64Array(most)
  const into = { saliency, index: new Float64Array(most), length: 0 }
  const parts: Part[] = []
  for (const chunk of stretches) {
    const start = into.length
    const { below, finite } = await kernel.collect(chunk, range, into)
    if (!finite || into.length > most) return undefined
    parts.push({ source: chunk.source, seen: chunk.weights.length, below, start, end: into.length })
  }
  return { saliency: saliency.subarray(0, into.length), parts }
}

/** The first elements of a stretch. */
export function firstOf({ weights, stats, ...stretch }: SampledChunk, length: number): SampledChunk {
  const own = stats && Object.fromEntries(Object.entries(stats).map(([key, values]) => [key, values.subarray(0, length)]))
  return { ...stretch, weights: weights.subarray(0, length), ...(own && { stats: own }) }
}

function join(parts: readonly Floats[]): Floats {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const whole = parts[0] instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
