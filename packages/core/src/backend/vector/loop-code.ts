import { type Code, f32x4, i32, i32x4, plus, repeat, v128, type Writer } from '@pare/wasm'
import type { Expression } from '../../contract/contract.js'
import type { Arithmetic } from '../arithmetic.js'
import { evaluate } from '../evaluate.js'
import { STEP, statisticsAt, WEIGHTS } from './loop-memory.js'

// What the vector loops have in common: parameters, variables, the way through the weights, and the code of a saliency.

export const PARAMETERS = ['i32', 'i32', 'f32', 'f32', 'i32'] as const

export type Variables = ReturnType<typeof variablesOf>

/** All loops have the same variables. */
export function variablesOf({ parameters, local, locals }: Writer<typeof PARAMETERS>) {
  const [count, shift, low, high, first] = parameters
  const [address, slot, place, list, entry, bits] = locals('i32', 6)
  const [weight, saliency, lows, highs, sum, odd, any, below] = locals('v128', 8)
  const [keys, moreKeys, lowBits, spans, least, most] = locals('v128', 6)
  // Constants. Some engines make a constant that stands in a loop anew each time round.
  const [sizeBits, nought, minusInfinity] = locals('v128', 3)
  const vectors = { weight, saliency, lows, highs, sum, odd, any, below, sizeBits, nought, minusInfinity }
  const ofQuickCollect = { keys, moreKeys, lowBits, spans, least, most }
  return { count, shift, low, high, first, address, slot, place, list, entry, bits, local, ...vectors, ...ofQuickCollect }
}

/** Offsets of the vectors of a step. */
export const VECTORS = [0, 16, 32, 48] as const
export const LANES = [0, 1, 2, 3] as const

/** for (address = WEIGHTS; address < WEIGHTS + 4·count; address += 64) step */
export function forEachStep({ count, address, sizeBits, nought, minusInfinity }: Variables, step: Code): Code {
  const end = plus(i32.shl(count.get, i32.const(2)), WEIGHTS)
  return [
    sizeBits.set(i32x4.const(0x7fffffff)),
    nought.set(f32x4.const(0)),
    minusInfinity.set(f32x4.const(-Infinity)),
    address.set(i32.const(WEIGHTS)),
    repeat(step, i32.lt(address.tee(plus(address.get, 4 * STEP)), end)),
  ]
}

/** The code that leaves the saliencies of four weights in `saliency` and the weights in `weight`, given their offset within a step. */
export type SaliencyCode = (at: number) => Code

/** weight = 0 ? −∞ : expression + (weight − weight), the latter to carry NaN and to turn −0 into 0. */
export function saliencyOf(expression: Expression, keys: readonly string[], variables: Variables): SaliencyCode {
  const { weight, saliency, nought, minusInfinity } = variables
  return (at) => {
    const value = f32x4.add(vectors(expression, { variables, keys, at }), f32x4.sub(weight.get, weight.get))
    return [load(variables, at), saliency.set(v128.select(minusInfinity.get, value, f32x4.eq(weight.get, nought.get)))]
  }
}

/** The expression alone: the saliency of all weights but zeros, for which it may be −0, where the expression `tracksWeight`. */
export function plainSaliencyOf(expression: Expression, variables: Variables): SaliencyCode {
  return (at) => [load(variables, at), variables.saliency.set(vectors(expression, { variables, keys: [], at }))]
}

/** Whether an expression is 0 where the weight is, and not finite where the weight is not, whatever the other weights are. */
export function tracksWeight(e: Expression): boolean {
  if (e.op === 'weight') return true
  if (e.op === 'exp' || e.op === 'log' || e.op === 'tanh') return false
  if ('of' in e) return tracksWeight(e.of)
  if (e.op === 'multiply' || e.op === 'divide') {
    const isNumber = ({ right }: typeof e) =>
      right.op === 'constant' && Number.isFinite(1 / Math.fround(right.value)) && Number.isFinite(Math.fround(right.value))
    return tracksWeight(e.left) && (isNumber(e) || (e.op === 'multiply' && tracksWeight(e.right)))
  }
  return (e.op === 'add' || e.op === 'subtract') && tracksWeight(e.left) && tracksWeight(e.right)
}

const load = ({ address, shift, weight }: Variables, at: number): Code =>
  weight.set(v128.load(i32.add(address.get, shift.get), at))

interface Place {
  readonly variables: Variables
  readonly keys: readonly string[]
  /** Offset within a step. */
  readonly at: number
}

/** The code that leaves the value of an expression: what is shared is stored first. */
function vectors(e: Expression, { variables, keys, at }: Place): Code {
  const { weight, address } = variables
  const stores: Code[] = []
  const value = evaluate(e, vectorArithmetic(variables, stores), (leaf) => {
    if (leaf.op === 'weight') return weight.get
    if (leaf.op === 'statistic') return v128.load(address.get, statisticsAt(keys.indexOf(leaf.key)) - WEIGHTS + at)
    throw new Error(`'${leaf.op}' has no vector form`)
  })
  return [stores, value]
}

function vectorArithmetic({ sizeBits, local }: Variables, stores: Code[]): Arithmetic<Code> {
  const share = (value: Code) => {
    const stored = local('v128')
    stores.push(stored.set(value))
    return stored.get
  }
  return {
    precision: 'f32',
    constant: f32x4.const,
    abs: (x) => v128.and(x, sizeBits.get),
    negate: f32x4.neg,
    square: (x) => f32x4.mul(x, x),
    sqrt: f32x4.sqrt,
    add: f32x4.add,
    subtract: f32x4.sub,
    multiply: f32x4.mul,
    divide: f32x4.div,
    min: f32x4.min,
    max: f32x4.max,
    // A comparison that holds has all bits set: of 1 it leaves 1.
    less: (a, b) => v128.and(f32x4.lt(a, b), f32x4.const(1)),
    powerOfTwo: (n) => i32x4.shl(i32x4.add(i32x4.fromFloat(n), i32x4.const(127)), 23),
    exponentOf: (x) => f32x4.convert(i32x4.sub(v128.and(i32x4.shiftSigned(x, 23), i32x4.const(255)), i32x4.const(127))),
    share,
  }
}
