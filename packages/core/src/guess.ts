import type { Floats, SaliencyRange } from './backend.js'
import { kth } from './kth.js'
import { saliencyOf } from './saliency.js'
import { floatsOf, floatType, type Source, statsOf, widthOf } from './stream.js'
import type { Scoring } from './threshold.js'

/** Where the saliency of some rank lies, very probably, and how many saliencies lie there, about. */
export interface Guess extends SaliencyRange {
  readonly size: number
}

/** Elements from which on a sample is worth its reads, of some milliseconds. */
const WORTH = 1 << 22
/** Stretches that are looked at, and elements of each. */
const [STRETCHES, STRETCH] = [512, 512]
/** Standard errors on either side: one guess in some thousands is wrong, and costs a pass. */
const ERRORS = 4

const LARGEST = { f32: 2 ** 128 - 2 ** 104, f64: Number.MAX_VALUE } as const

/** From stretches spread evenly over all weights. Undefined where there are few elements, or where no small range would do. */
export async function guessRange(sources: readonly Source[], rank: number, scoring: Scoring): Promise<Guess | undefined> {
  const most = LARGEST[scoring.precision]
  // Zeros are −∞, below every range.
  if (rank === 0) return { low: -most, high: -most, size: 0 }
  const total = sources.reduce((sum, { elements }) => sum + elements, 0)
  if (total < WORTH) return undefined
  const stretches = await readStretches(sources, total, scoring)
  const saliency = Float64Array.from(await sampleOf(stretches, scoring))
  // NaN and Infinity are refused by whoever reads all.
  if (countOf(saliency, (s) => !(s < Infinity)) > 0) return undefined
  const { length } = saliency
  const at = (place: number) => (place < 1 ? -most : place > length ? most : Math.max(kth(saliency, place), -most))
  const place = (rank / total) * length
  const margin = ERRORS * standardError(saliency, at(Math.ceil(place)), stretches.length) * length + 2
  const [low, high] = [at(Math.floor(place - margin)), at(Math.ceil(place + margin))]
  const inside = countOf(saliency, (s) => s >= low && s <= high)
  return { low, high, size: Math.ceil((inside / length) * total) }
}

interface Stretch {
  readonly source: Source
  readonly start: number
  readonly weights: Floats
}

async function readStretches(sources: readonly Source[], total: number, { precision }: Scoring): Promise<Stretch[]> {
  const stretches: Stretch[] = []
  let before = 0
  for (const source of sources) {
    const { elements, weight } = source
    const width = widthOf(weight.tensor)
    const first = Math.ceil((before / total) * STRETCHES)
    const last = Math.ceil(((before + elements) / total) * STRETCHES)
    for (let n = first; n < last; n++) {
      const start = Math.max(0, Math.min(Math.floor((n / STRETCHES) * total) - before, elements - STRETCH))
      const bytes = new Uint8Array(Math.min(STRETCH, elements - start) * width)
      await weight.tensor.data.read(bytes, start * width)
      stretches.push({ source, start, weights: floatsOf(bytes, floatType(weight.tensor), precision) })
    }
    before += elements
  }
  return stretches
}

/** The saliencies of all stretches in one call. Random numbers are those of other elements, which for a guess are as good. */
async function sampleOf(stretches: readonly Stretch[], { kernel, precision }: Scoring): Promise<Floats> {
  const join = (parts: readonly Floats[]) => {
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const joined = precision === 'f32' ? new Float32Array(length) : new Float64Array(length)
    let at = 0
    for (const part of parts) {
      joined.set(part, at)
      at += part.length
    }
    return joined
  }
  const [first] = stretches
  const { stream, stats } = first!.source
  const met = stretches.map(({ source, start, weights }) => statsOf(source, start, weights))
  const joined = stats && Object.fromEntries(Object.keys(stats).map((key) => [key, join(met.map((own) => own[key]!))]))
  return saliencyOf(kernel, {
    weights: join(stretches.map(({ weights }) => weights)),
    start: 0,
    stream,
    ...(joined && { stats: joined }),
  })
}

/** Of the share of saliencies below `value`: stretches may differ, so each counts as one observation. */
function standardError(saliency: Float64Array, value: number, stretches: number): number {
  const size = Math.ceil(saliency.length / stretches)
  let [sum, squares] = [0, 0]
  for (let n = 0; n < stretches; n++) {
    const own = saliency.subarray(n * size, (n + 1) * size)
    const share = countOf(own, (s) => s < value) / Math.max(own.length, 1)
    sum += share
    squares += share * share
  }
  const mean = sum / stretches
  return Math.sqrt(Math.max(squares / stretches - mean * mean, 0) / stretches)
}

function countOf(saliency: Float64Array, holds: (s: number) => boolean): number {
  let count = 0
  for (let i = 0; i < saliency.length; i++) if (holds(saliency[i]!)) count++
  return count
}
