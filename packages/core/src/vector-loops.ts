import type { Expression } from './contract.js'
import { statisticsOf } from './javascript.js'
import { BUCKETS } from './keys.js'
import { type Code, type Definition, f32x4, get, i32, i32x4, loop, moduleOf, set, tee, when } from './wasm-module.js'

/** Each works on `count` weights, a multiple of four above 0, in the area `weights`. */
export interface VectorLoops {
  /** results = saliencies. */
  saliency(count: number): void
  /** counts[bucket]++ for each. */
  histogram(count: number): void
  /** header = [how many lie below `low`, 4 × how many in the range]; results and positions = those in the range. */
  collect(count: number, low: number, high: number): void
  /** bits = the weights with saliency ≥ below, and 0 for the others. */
  mask(count: number, below: number): void
  /** The same with saliency > below. */
  maskTies(count: number, below: number): void
}

/** Most weights at a time. */
export const CAPACITY = 1 << 18

// Memory: header · counts · weights · results · positions · statistics.
const COUNTS = 65536
const WEIGHTS = COUNTS + 4 * BUCKETS
const RESULTS = WEIGHTS + 4 * CAPACITY
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
    header: new Uint32Array(memory.buffer, 0, 2),
    counts: new Uint32Array(memory.buffer, COUNTS, BUCKETS),
    weights: new Float32Array(memory.buffer, WEIGHTS, CAPACITY),
    results: new Float32Array(memory.buffer, RESULTS, CAPACITY),
    bits: new Uint32Array(memory.buffer, RESULTS, CAPACITY),
    positions: new Uint32Array(memory.buffer, POSITIONS, CAPACITY),
    statistics: keys.map((key, i) => ({ key, values: new Float32Array(memory.buffer, STATISTICS + 4 * CAPACITY * i, CAPACITY) })),
  }
  return { loops: exports as unknown as VectorLoops, areas }
}

// All functions have the same parameters and locals.
const [COUNT, LOW, HIGH, ADDRESS, WEIGHT, SALIENCY, LOWS, HIGHS, SUM, FOUND, SLOT] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] as const
const PARAMETERS = ['i32', 'f32', 'f32'] as const
const LOCALS = ['i32', 'v128', 'v128', 'v128', 'v128', 'v128', 'i32', 'i32'] as const
const LANES = [0, 1, 2, 3] as const

function definitions(expression: Expression, keys: readonly string[]): Definition[] {
  const saliency = [...saliencyOf(expression, keys), ...set(SALIENCY)]
  const bodies = {
    saliency: forEach([...saliency, ...get(ADDRESS), ...get(SALIENCY), ...f32x4.store(RESULTS - WEIGHTS)]),
    histogram: forEach([...saliency, ...count()]),
    collect: [...splat(LOW, LOWS), ...splat(HIGH, HIGHS), ...forEach([...saliency, ...gather()]), ...writeHeader()],
    mask: [...splat(LOW, LOWS), ...forEach([...saliency, ...keep(f32x4.ge)])],
    maskTies: [...splat(LOW, LOWS), ...forEach([...saliency, ...keep(f32x4.gt)])],
  } satisfies Record<keyof VectorLoops, Code>
  return Object.entries(bodies).map(([name, body]) => ({ name, parameters: PARAMETERS, locals: LOCALS, body }))
}

/** for (address = WEIGHTS; address < WEIGHTS + 4·count; address += 16) { weight = load(address); body } */
function forEach(body: Code): Code {
  const end = [...get(COUNT), ...i32.const(2), ...i32.shl, ...i32.const(WEIGHTS), ...i32.add]
  const next = [...get(ADDRESS), ...i32.const(16), ...i32.add, ...tee(ADDRESS), ...end, ...i32.lessUnsigned]
  return [...i32.const(WEIGHTS), ...set(ADDRESS), ...loop([...get(ADDRESS), ...f32x4.load(0), ...set(WEIGHT), ...body, ...next])]
}

const splat = (from: number, to: number): Code => [...get(from), ...f32x4.splat, ...set(to)]

/** weight = 0 ? −∞ : expression + (weight − weight), the latter to carry NaN and to turn −0 into 0. */
function saliencyOf(expression: Expression, keys: readonly string[]): Code {
  const finite = [...get(WEIGHT), ...get(WEIGHT), ...f32x4.subtract]
  const value = [...vectors(expression, keys), ...finite, ...f32x4.add]
  return [...f32x4.const(-Infinity), ...value, ...get(WEIGHT), ...f32x4.const(0), ...f32x4.eq, ...i32x4.select]
}

function vectors(e: Expression, keys: readonly string[]): Code {
  const of = (inner: Expression) => vectors(inner, keys)
  if ('of' in e) return [...of(e.of), ...(e.op === 'square' ? [...of(e.of), ...f32x4.multiply] : f32x4[e.op])]
  // A comparison that holds has all bits set: of 1 it leaves 1.
  if (e.op === 'less') return [...of(e.left), ...of(e.right), ...f32x4.lt, ...f32x4.const(1), ...i32x4.and]
  if ('left' in e) return [...of(e.left), ...of(e.right), ...f32x4[e.op]]
  if (e.op === 'weight') return get(WEIGHT)
  if (e.op === 'constant') return f32x4.const(e.value)
  if (e.op === 'statistic') return [...get(ADDRESS), ...f32x4.load(STATISTICS + 4 * CAPACITY * keys.indexOf(e.key) - WEIGHTS)]
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

/** sum −= saliency < low; where low ≤ saliency ≤ high, the lanes are appended. A comparison that holds is −1. */
function gather(): Code {
  const below = [...get(SUM), ...get(SALIENCY), ...get(LOWS), ...f32x4.lt, ...i32x4.sub, ...set(SUM)]
  const inRange = [...get(SALIENCY), ...get(LOWS), ...f32x4.ge, ...get(SALIENCY), ...get(HIGHS), ...f32x4.le, ...i32x4.and]
  // Each lane is written to the next free slot, and the slot is taken only if the lane is in the range.
  const append = LANES.flatMap((lane) => [
    ...get(FOUND),
    ...get(SALIENCY),
    ...f32x4.storeLane(RESULTS, lane),
    ...get(FOUND),
    ...get(ADDRESS),
    ...i32.const(4 * lane),
    ...i32.add,
    ...i32.store(POSITIONS),
    ...get(FOUND),
    ...get(WEIGHT),
    ...i32x4.lane(lane),
    ...i32.const(2),
    ...i32.shl,
    ...i32.sub,
    ...set(FOUND),
  ])
  return [...below, ...inRange, ...tee(WEIGHT), ...i32x4.any, ...when(append)]
}

function writeHeader(): Code {
  const lanes = LANES.flatMap((lane) => [...get(SUM), ...i32x4.lane(lane), ...(lane > 0 ? i32.add : [])])
  return [...i32.const(0), ...lanes, ...i32.store(0), ...i32.const(0), ...get(FOUND), ...i32.store(4)]
}

/** results = weight where the comparison of saliency with `low` holds, else 0. */
function keep(compare: Code): Code {
  const kept = [...get(WEIGHT), ...get(SALIENCY), ...get(LOWS), ...compare, ...i32x4.and]
  return [...get(ADDRESS), ...kept, ...f32x4.store(RESULTS - WEIGHTS)]
}
