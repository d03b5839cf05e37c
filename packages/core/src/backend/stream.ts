import { bfloat16ToFloat32, chunks, type FloatType, float16ToFloat32, isFloat, present, type Tensor } from '@pare/onnx'
import { type SpreadStatistic, spread } from '../calibrate/spread.js'
import type { Weight } from '../contract/contract.js'
import type { Backend, Bits, Chunk, Floats, Kernel, Precision } from './backend.js'
import { type RandomStream, randomStream } from './random.js'

/** Bytes of an element. */
const WIDTH = { float16: 2, bfloat16: 2, float32: 4, float64: 8 } as const satisfies Readonly<Record<FloatType, number>>

/** A weight to be read, with what is needed to compute its saliencies. */
export interface WeightSource {
  readonly weight: Weight
  readonly elements: number
  readonly stream: RandomStream
  /** What the weight meets, by key of the criterion's needs. */
  readonly stats?: Readonly<Record<string, SpreadStatistic>>
}

export function sourceOf(weight: Weight, seed: number, stats?: Readonly<Record<string, SpreadStatistic>>): WeightSource {
  return { weight, elements: elementsOf(weight.tensor), stream: randomStream(seed, weight.id), ...present({ stats }) }
}

/** Elements of a floating-point tensor. */
export function elementsOf(tensor: Tensor): number {
  return tensor.data.byteLength / widthOf(tensor)
}

/** Precision in which the saliencies of all these weights are computed, so that they compare: f64 where f32 would not hold what they meet, or its root. */
export function precisionOf(
  weights: readonly { readonly tensor: Tensor }[],
  statistics: readonly Readonly<Record<string, SpreadStatistic>>[] = [],
): Precision {
  const isWide = weights.some(({ tensor }) => tensor.type === 'float64')
  return isWide || statistics.some((each) => Object.values(each).some(leavesSingle)) ? 'f64' : 'f32'
}

/** Whether the largest number of a statistic is so small or large that f32 does not hold it times a weight. */
function leavesSingle({ values }: SpreadStatistic): boolean {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return largest > 0 && !(largest > 1e-30 && largest < 1e30)
}

/** How weights are read. */
export interface WeightReading {
  readonly precision: Precision
  /** Buffers as large as a chunk, two or more, for one weight after another. */
  readonly buffers: readonly Uint8Array[]
  /** Called with the bytes read; may throw to stop. */
  progress(bytes: number): void
}

/** Large enough to hide the cost of a read, small enough to stay in the cache until the loops have seen it. */
export const CHUNK_BYTES = 1 << 20

/** Buffers to read into: the kernel's own, where it has some. */
export function buffersOf(
  { buffers }: Partial<Kernel> = {},
  { chunkBytes = CHUNK_BYTES }: Partial<Backend> = {},
): WeightReading['buffers'] {
  return buffers ?? [new Uint8Array(chunkBytes), new Uint8Array(chunkBytes)]
}

/** The elements of a weight in order, a chunk at a time. A chunk is valid until the next one is asked for, and not to be changed. */
export async function* readChunks(source: WeightSource, reading: WeightReading): AsyncGenerator<Chunk> {
  const { weight, stream, stats } = source
  const { tensor } = weight
  for await (const { bytes, offset } of stretches(tensor, reading.buffers)) {
    const weights = floatsOf(bytes, floatType(tensor), reading.precision)
    const start = offset / widthOf(tensor)
    yield { weights, start, stream, ...(stats && { stats: statsOf(source, start, weights) }) }
    reading.progress(bytes.byteLength)
  }
}

/** The bytes of a tensor in order: those in memory where they can be seen as elements, else read into buffers. */
async function* stretches(
  tensor: Tensor,
  buffers: WeightReading['buffers'],
): AsyncGenerator<{ bytes: Uint8Array; offset: number }> {
  const size = buffers[0]!.byteLength
  const bytes = viewOf(tensor)
  if (bytes === undefined) return yield* chunks(tensor.data, size, buffers)
  for (let offset = 0; offset < bytes.byteLength; offset += size) yield { bytes: bytes.subarray(offset, offset + size), offset }
}

/** The bytes of a tensor where they are in memory and can be seen as elements. */
export function viewOf(tensor: Tensor): Uint8Array | undefined {
  const { bytes } = tensor.data
  return bytes !== undefined && bytes.byteOffset % widthOf(tensor) === 0 ? bytes : undefined
}

/** What each of some elements meets. */
export function statsOf({ weight: { rows }, stats = {} }: WeightSource, start: number, floats: Floats): Record<string, Floats> {
  return Object.fromEntries(
    Object.entries(stats).map(([key, statistic]) => {
      const values = floats instanceof Float32Array ? new Float32Array(floats.length) : new Float64Array(floats.length)
      spread(rows, statistic, start, values)
      return [key, values]
    }),
  )
}

/** The elements as floats to compute with: a view where types agree, else a widened copy. */
export function floatsOf(bytes: Uint8Array, type: FloatType, precision: Precision): Floats {
  const floats = narrowest(bytes, type)
  return precision === 'f64' && floats instanceof Float32Array ? Float64Array.from(floats) : floats
}

export function narrowest(bytes: Uint8Array, type: FloatType): Floats {
  const { buffer, byteOffset, byteLength } = bytes
  switch (type) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, byteLength / 4)
    case 'float64':
      return new Float64Array(buffer, byteOffset, byteLength / 8)
    case 'float16':
      return float16ToFloat32(new Uint16Array(buffer, byteOffset, byteLength / 2))
    case 'bfloat16':
      return bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, byteLength / 2))
    default:
      return type satisfies never
  }
}

/** The elements as integers to be masked. */
export function bitsOf(bytes: Uint8Array, type: FloatType): Bits {
  const { buffer, byteOffset, byteLength } = bytes
  return WIDTH[type] === 2
    ? new Uint16Array(buffer, byteOffset, byteLength / 2)
    : new Uint32Array(buffer, byteOffset, byteLength / 4)
}

export function floatType({ name, type }: Tensor): FloatType {
  if (isFloat(type)) return type
  throw new Error(`'${name}' holds ${type}: analysis should not have made it a weight`)
}

/** Bytes of one element. */
export function widthOf(tensor: Tensor): number {
  return WIDTH[floatType(tensor)]
}
