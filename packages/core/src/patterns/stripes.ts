import type { Chunk } from '../backend/backend.js'
import { CHUNK_BYTES, floatsOf, floatType, statsOf, type WeightReading, type WeightSource, widthOf } from '../backend/stream.js'

/**
 * Stretches of a weight in storage order, each of which holds whole blocks of a pattern. One begins at every element o · period + j · step that lies
 * below (o + 1) · period: the last of each period may be shorter.
 */
export interface Stripes {
  readonly period: number
  readonly step: number
}

/** The whole stripes that hold the elements from `first` to below `last`, as such a stretch. */
export function wholeStripes(stripes: Stripes, first: number, last: number): readonly [number, number] {
  return [floor(stripes, first), ceil(stripes, last)]
}

/** The elements of a weight in order, whole stripes at a time: about a chunk, or one stripe where that is larger. */
export async function* readStripes(
  source: WeightSource,
  stripes: Stripes,
  reading: Omit<WeightReading, 'buffers'>,
): AsyncGenerator<Chunk> {
  const { weight, stream, stats, elements } = source
  const { tensor } = weight
  const width = widthOf(tensor)
  let to = 0
  for (let start = 0; start < elements; start = to) {
    to = Math.max(ceil(stripes, start + 1), floor(stripes, Math.min(start + CHUNK_BYTES / width, elements)))
    const bytes = new Uint8Array((to - start) * width)
    await tensor.data.read(bytes, start * width)
    const weights = floatsOf(bytes, floatType(tensor), reading.precision)
    yield { weights, start, stream, ...(stats && { stats: statsOf(source, start, weights) }) }
    reading.progress(bytes.byteLength)
  }
}

/** The last border that is not behind the element. */
function floor({ period, step }: Stripes, element: number): number {
  const within = element % period
  return element - (within % step)
}

/** The first border that is not before the element. */
function ceil(stripes: Stripes, element: number): number {
  const below = floor(stripes, element)
  if (below === element) return element
  const end = below - (below % stripes.period) + stripes.period
  return Math.min(below + stripes.step, end)
}
