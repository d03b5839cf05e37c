import type { Expression } from './contract.js'
import { statisticsOf } from './javascript.js'
import { BUCKETS } from './keys.js'
import { type Code, type Definition, f32x4, get, i32, i32x4, loop, moduleOf, set, tee, when } from './wasm-module.js'

/** Each works on `count` weights, a multiple of STEP above 0, in the area `weights`, or `shift` bytes behind it. */
export interface VectorLoops {
  /** results = saliencies. */
  saliency: Loop
  /** counts[bucket]++ for each. */
  histogram: Loop
  /** header = [how many lie below `low`, 4 × how many in the range, 0]; results and positions = those in the range; odd: 0 unless one is not finite. */
  collect: Loop
  /** header = [0, 0, how many are −∞]; odd: 0 unless one is NaN or ∞. */
  survey: Loop
  /** bits = the weights with saliency ≥ low, and 0 for the others. */
  mask: Loop
  /** The same with saliency > low. */
  maskTies: Loop
}

type Loop = (count: number, shift: number, low?: number, high?: number) => void

/** Most weights at a time. */
export const CAPACITY = 1 << 18

// Memory: header · odd · counts · weights that were copied · two buffers that they are read into · results · positions · statistics.
const ODD_AT = 16
const COUNTS = 65536
const WEIGHTS = COUNTS + 4 * BUCKETS
const BUFFERS = WEIGHTS + 4 * CAPACITY
const RESULTS = BUFFERS + 8 * CAPACITY
const POSITIONS = RESULTS + 4 * CAPACITY
// Statistics, one after another.
const STATISTICS = POSITIONS + 4 * CAPACITY

/** Index of the weight that stands at an address of the area `positions`. */
export function positionOf(address: number): number {
  return (address - WEIGHTS) / 4
}

export function instantiate(expression: Expression) {
  const keys = [...new Set(statisticsOf(expression))]
  const memory = new WebAssembly.Memory({ initial: (STATISTICS + 4 * CAPACITY * keys.length) / 65536 })
  const module = new WebAssembly.Module(moduleOf(definitions(expression, keys)))
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const areas = {
    header: new Uint32Array(memory.buffer, 0, 3),
    odd: new Int32Array(memory.buffer, ODD_AT, 4),
    counts: new Uint32Array(memory.buffer, COUNTS, BUCKETS),
    weights: new Float32Array(memory.buffer, WEIGHTS, CAPACITY),
    buffers: [0, 1].map((i) => new Uint8Array(memory.buffer, BUFFERS + 4 * CAPACITY * i, 4 * CAPACITY)),
    results: new Float32Array(memory.buffer, RESULTS, CAPACITY),
    bits: new Uint32Array(memory.buffer, RESULTS, CAPACITY),
    positions: new Uint32Array(memory.buffer, POSITIONS, CAPACITY),
    statistics: keys.map((key, i) => ({ key, values: new Float32Array(memory.buffer, STATISTICS + 4 * CAPACITY * i, CAPACITY) })),
  }
  return { loops: exports as unknown as VectorLoops, areas }
}

// All functions have the same parameters and locals.
const [COUNT, SHIFT, LOW, HIGH, ADDRESS, FOUND, SLOT] = [0, 1, 2, 3, 4, 5, 6] as const
const [WEIGHT, BELOW, SALIENCY, LOWS, HIGHS, SUM, ZEROS, ODD] = [7, 8, 9, 10, 11, 12, 13, 14] as const
/** Lanes in the range: of a vector, and of any vector of a step. */
const [INSIDE, ANY] = [15, 16] as const
const PARAMETERS = ['i32', 'i32', 'f32', 'f32'] as const
const LOCALS = [...Array<'i32'>(3).fill('i32'), ...Array<'v128'>(10).fill('v128')] as const
const LANES = [0, 1, 2, 3] as const

/** Weights of a step: their number is rounded up to a multiple of it. */
export const STEP = 16
/** Offsets of the vectors of a step. */
const VECTORS = [0, 16, 32, 48] as const

function definitions(expression: Expression, keys: readonly string[]): Definition[] {
  const saliency = (at: number) => [...saliencyOf(expression, { keys, at }), ...set(SALIENCY)]
  const bodies = {
    saliency: forEach((at) => [...saliency(at), ...get(ADDRESS), ...get(SALIENCY), ...f32x4.store(RESULTS - WEIGHTS + at)]),
    histogram: forEach((at) => [...saliency(at), ...count()]),
    collect: [
      ...splat(LOW, LOWS),
      ...splat(HIGH, HIGHS),
      ...forEach((at) => [...saliency(at), ...tally()], gather(saliency)),
      ...writeHeader(),
    ],
    survey: [...forEach((at) => [...saliency(at), ...survey()]), ...writeHeader()],
    mask: [...splat(LOW, LOWS), ...forEach((at) => [...saliency(at), ...keep(f32x4.ge, at)])],
    maskTies: [...splat(LOW, LOWS), ...forEach((at) => [...saliency(at), ...keep(f32x4.gt, at)])],
  } satisfies Record<keyof VectorLoops, Code>
  return Object.entries(bodies).map(([name, body]) => ({ name, parameters: PARAMETERS, locals: LOCALS, body }))
}

/** for (address = WEIGHTS; address < WEIGHTS + 4·count; address += 64) { four times: weight = load(address + shift + at); body(at) } and then `after` } */
function forEach(body: (at: number) => Code, after: Code = []): Code {
  const end = [...get(COUNT), ...i32.const(2), ...i32.shl, ...i32.const(WEIGHTS), ...i32.add]
  const next = [...get(ADDRESS), ...i32.const(4 * STEP), ...i32.add, ...tee(ADDRESS), ...end, ...i32.lessUnsigned]
  const step = VECTORS.flatMap((at) => [...load(at), ...body(at)])
  return [...i32.const(WEIGHTS), ...set(ADDRESS), ...loop([...step, ...after, ...next])]
}

const load = (at: number): Code => [...get(ADDRESS), ...get(SHIFT), ...i32.add, ...f32x4.load(at), ...set(WEIGHT)]
const splat = (from: number, to: number): Code => [...get(from), ...f32x4.splat, ...set(to)]

interface Place {
  readonly keys: readonly string[]
  /** Offset within a step. */
  readonly at: number
}

/** weight = 0 ? −∞ : expression + (weight − weight), the latter to carry NaN and to turn −0 into 0. */
function saliencyOf(expression: Expression, place: Place): Code {
  const finite = [...get(WEIGHT), ...get(WEIGHT), ...f32x4.subtract]
  const value = [...vectors(expression, place), ...finite, ...f32x4.add]
  return [...f32x4.const(-Infinity), ...value, ...get(WEIGHT), ...f32x4.const(0), ...f32x4.eq, ...i32x4.select]
}

function vectors(e: Expression, place: Place): Code {
  const of = (inner: Expression) => vectors(inner, place)
  if ('of' in e) return [...of(e.of), ...(e.op === 'square' ? [...of(e.of), ...f32x4.multiply] : f32x4[e.op])]
  // A comparison that holds has all bits set: of 1 it leaves 1.
  if (e.op === 'less') return [...of(e.left), ...of(e.right), ...f32x4.lt, ...f32x4.const(1), ...i32x4.and]
  if ('left' in e) return [...of(e.left), ...of(e.right), ...f32x4[e.op]]
  if (e.op === 'weight') return get(WEIGHT)
  if (e.op === 'constant') return f32x4.const(e.value)
  const area = STATISTICS + 4 * CAPACITY * ('key' in e ? place.keys.indexOf(e.key) : 0)
  if (e.op === 'statistic') return [...get(ADDRESS), ...f32x4.load(area - WEIGHTS + place.at)]
  throw new Error(`'${e.op}' has no vector form`)
}

/** counts[key >>> 16]++ for each lane, where key = bits ^ (bits >> 31 | 0x80000000). */
function count(): Code {
  const sign = [...get(SALIENCY), ...i32.const(31), ...i32x4.shiftSigned, ...i32x4.const(0x80000000), ...i32x4.or]
  const offset = [
    ...get(SALIENCY),
    ...sign,
    ...i32x4.xor,
    ...i32.const(16),
    ...i32x4.shiftUnsigned,
    ...i32.const(2),
    ...i32x4.shiftLeft,
  ]
  const increment = [...get(SLOT), ...i32.load(COUNTS), ...i32.const(1), ...i32.add, ...i32.store(COUNTS)]
  return [...offset, ...set(SUM), ...LANES.flatMap((lane) => [...get(SUM), ...i32x4.lane(lane), ...tee(SLOT), ...increment])]
}

/** sum −= saliency < low; odd |= saliency − saliency; any |= low ≤ saliency ≤ high. A comparison that holds is −1. */
function tally(): Code {
  const below = [...get(SUM), ...get(SALIENCY), ...get(LOWS), ...f32x4.lt, ...tee(BELOW), ...i32x4.sub, ...set(SUM)]
  // x − x is NaN for what is not finite, else 0.
  const odd = [...get(ODD), ...get(SALIENCY), ...get(SALIENCY), ...f32x4.subtract, ...i32x4.or, ...set(ODD)]
  const inside = [...get(SALIENCY), ...get(HIGHS), ...f32x4.le, ...get(BELOW), ...i32x4.andnot]
  return [...below, ...odd, ...inside, ...get(ANY), ...i32x4.or, ...set(ANY)]
}

/** zeros −= saliency = −∞; odd |= saliency < ∞ does not hold. */
function survey(): Code {
  const zeros = [...get(ZEROS), ...get(SALIENCY), ...f32x4.const(-Infinity), ...f32x4.eq, ...i32x4.sub, ...set(ZEROS)]
  const odd = [...i32x4.const(0xffffffff), ...get(SALIENCY), ...f32x4.const(Infinity), ...f32x4.lt, ...i32x4.andnot]
  return [...zeros, ...get(ODD), ...odd, ...i32x4.or, ...set(ODD)]
}

/** Where a step has lanes in the range, which is seldom, computes it again and appends them. */
function gather(saliency: (at: number) => Code): Code {
  const inside = [...get(SALIENCY), ...get(LOWS), ...f32x4.ge, ...get(SALIENCY), ...get(HIGHS), ...f32x4.le, ...i32x4.and]
  const appendEach = VECTORS.flatMap((at) => [
    ...[...load(at), ...saliency(at), ...inside, ...tee(INSIDE)],
    ...[...i32x4.any, ...when(append(at))],
  ])
  return [...get(ANY), ...i32x4.any, ...when([...appendEach, ...i32x4.const(0), ...set(ANY)])]
}

/** Each lane is written to the next free slot, and the slot is taken only if the lane is inside. */
function append(at: number): Code {
  return LANES.flatMap((lane) => [
    ...get(FOUND),
    ...get(SALIENCY),
    ...f32x4.storeLane(RESULTS, lane),
    ...get(FOUND),
    ...get(ADDRESS),
    ...i32.const(at + 4 * lane),
    ...i32.add,
    ...i32.store(POSITIONS),
    ...get(FOUND),
    ...get(INSIDE),
    ...i32x4.lane(lane),
    ...i32.const(2),
    ...i32.shl,
    ...i32.sub,
    ...set(FOUND),
  ])
}

function writeHeader(): Code {
  const sumOf = (vector: number) => LANES.flatMap((lane) => [...get(vector), ...i32x4.lane(lane), ...(lane > 0 ? i32.add : [])])
  const store = (value: Code, offset: number) => [...i32.const(0), ...value, ...i32.store(offset)]
  const odd = [...i32.const(0), ...get(ODD), ...f32x4.store(ODD_AT)]
  return [...store(sumOf(SUM), 0), ...store(get(FOUND), 4), ...store(sumOf(ZEROS), 8), ...odd]
}

/** results = weight where the comparison of saliency with `low` holds, else 0. */
function keep(compare: Code, at: number): Code {
  const kept = [...get(WEIGHT), ...get(SALIENCY), ...get(LOWS), ...compare, ...i32x4.and]
  return [...get(ADDRESS), ...kept, ...f32x4.store(RESULTS - WEIGHTS + at)]
}
