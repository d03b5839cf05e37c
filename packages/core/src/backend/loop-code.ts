import type { Expression } from '../contract/contract.js'
import { STEP, statisticsAt, WEIGHTS } from './loop-memory.js'
import { type Code, f32x4, get, i32, i32x4, loop, set, tee } from './wasm-module.js'

// What the vector loops have in common: parameters, locals, the way through the weights, and the code of a saliency.

export const PARAMETERS = ['i32', 'i32', 'f32', 'f32', 'i32'] as const
export const [COUNT, SHIFT, LOW, HIGH, FIRST] = [0, 1, 2, 3, 4] as const
export const LOCALS = [...Array<'i32'>(6).fill('i32'), ...Array<'v128'>(18).fill('v128')] as const
export const [ADDRESS, SLOT, FOUND, LIST, ENTRY, BITS] = [5, 6, 7, 8, 9, 10] as const
export const [WEIGHT, SALIENCY, LOWS, HIGHS, SUM, ODD, ANY, BELOW] = [11, 12, 13, 14, 15, 16, 17, 18] as const
/** Of `quickCollect`. */
export const [KEYS, MORE_KEYS, LOW_BITS, SPANS, LEAST, MOST] = [19, 20, 21, 22, 23, 24] as const
/** Constants. Some engines make a constant that stands in a loop anew each time round. */
export const [SIZE_BITS, NOUGHT, MINUS_INFINITY] = [25, 26, 27] as const

/** Offsets of the vectors of a step. */
export const VECTORS = [0, 16, 32, 48] as const
export const LANES = [0, 1, 2, 3] as const

/** for (address = WEIGHTS; address < WEIGHTS + 4·count; address += 64) step */
export function forEachStep(step: Code): Code {
  const constants = [
    ...[...i32x4.const(0x7fffffff), ...set(SIZE_BITS)],
    ...[...f32x4.const(0), ...set(NOUGHT)],
    ...[...f32x4.const(-Infinity), ...set(MINUS_INFINITY)],
  ]
  const end = [...get(COUNT), ...i32.const(2), ...i32.shl, ...i32.const(WEIGHTS), ...i32.add]
  const next = [...get(ADDRESS), ...i32.const(4 * STEP), ...i32.add, ...tee(ADDRESS), ...end, ...i32.lessUnsigned]
  return [...constants, ...i32.const(WEIGHTS), ...set(ADDRESS), ...loop([...step, ...next])]
}

/** The code that leaves the saliencies of four weights in SALIENCY and the weights in WEIGHT, given their offset within a step. */
export type SaliencyCode = (at: number) => Code

/** weight = 0 ? −∞ : expression + (weight − weight), the latter to carry NaN and to turn −0 into 0. */
export function saliencyOf(expression: Expression, keys: readonly string[]): SaliencyCode {
  return (at) => {
    const finite = [...get(WEIGHT), ...get(WEIGHT), ...f32x4.subtract]
    const value = [...vectors(expression, { keys, at }), ...finite, ...f32x4.add]
    const zero = [...get(WEIGHT), ...get(NOUGHT), ...f32x4.eq]
    return [...load(at), ...get(MINUS_INFINITY), ...value, ...zero, ...i32x4.select, ...set(SALIENCY)]
  }
}

/** The expression alone: the saliency of all weights but zeros, for which it may be −0, where the expression `tracksWeight`. */
export function plainSaliencyOf(expression: Expression): SaliencyCode {
  return (at) => [...load(at), ...vectors(expression, { keys: [], at }), ...set(SALIENCY)]
}

/** Whether an expression is 0 where the weight is, and not finite where the weight is not, whatever the other weights are. */
export function tracksWeight(e: Expression): boolean {
  if (e.op === 'weight') return true
  if ('of' in e) return tracksWeight(e.of)
  if (e.op === 'multiply' || e.op === 'divide') {
    const isNumber = ({ right }: typeof e) =>
      right.op === 'constant' && Number.isFinite(1 / Math.fround(right.value)) && Number.isFinite(Math.fround(right.value))
    return tracksWeight(e.left) && (isNumber(e) || (e.op === 'multiply' && tracksWeight(e.right)))
  }
  return (e.op === 'add' || e.op === 'subtract') && tracksWeight(e.left) && tracksWeight(e.right)
}

const load = (at: number): Code => [...get(ADDRESS), ...get(SHIFT), ...i32.add, ...f32x4.load(at), ...set(WEIGHT)]

interface Place {
  readonly keys: readonly string[]
  /** Offset within a step. */
  readonly at: number
}

function vectors(e: Expression, place: Place): Code {
  const of = (inner: Expression) => vectors(inner, place)
  if (e.op === 'abs') return [...of(e.of), ...get(SIZE_BITS), ...i32x4.and]
  if ('of' in e) return [...of(e.of), ...(e.op === 'square' ? [...of(e.of), ...f32x4.multiply] : f32x4[e.op])]
  // A comparison that holds has all bits set: of 1 it leaves 1.
  if (e.op === 'less') return [...of(e.left), ...of(e.right), ...f32x4.lt, ...f32x4.const(1), ...i32x4.and]
  if ('left' in e) return [...of(e.left), ...of(e.right), ...f32x4[e.op]]
  if (e.op === 'weight') return get(WEIGHT)
  if (e.op === 'constant') return f32x4.const(e.value)
  const area = statisticsAt('key' in e ? place.keys.indexOf(e.key) : 0)
  if (e.op === 'statistic') return [...get(ADDRESS), ...f32x4.load(area - WEIGHTS + place.at)]
  throw new Error(`'${e.op}' has no vector form`)
}
