import { type Code, define, f32x4, i32, i32x4, moduleOf, plus, v128 } from '@pare/wasm'
import type { Expression } from '../../contract/contract.js'
import { statisticsOf } from '../javascript.js'
import { add, collectCode, quickCollectCode, raise, sumOf } from './collect-loops.js'
import {
  forEachStep,
  PARAMETERS,
  plainSaliencyOf,
  type SaliencyCode,
  saliencyOf,
  tracksWeight,
  type Variables,
  VECTORS,
  variablesOf,
} from './loop-code.js'
import { COUNTS, HEADER, openMemory, RESULTS, STEP, WEIGHTS } from './loop-memory.js'

/** Each works on `count` weights, a multiple of STEP above 0, in the area `weights`, or `shift` bytes behind it. */
export interface VectorLoops {
  /** results = saliencies. */
  saliency: Loop
  /** counts[upper 16 bits of a result]++ for each. */
  count: Loop
  collect: Loop
  /** Of an expression that `tracksWeight`, else absent. */
  quickCollect?: Loop
  /** header.zeros += how many saliencies are −∞; header.notFinite is set where one is NaN or ∞. */
  survey: Loop
  /** bits = the weights with saliency ≥ low, and 0 for the others. */
  mask: Loop
  /** The same with saliency > low. */
  maskTies: Loop
}

/** `first` is the position of the first weight. */
type Loop = (count: number, shift: number, low?: number, high?: number, first?: number) => void

export type Instance = ReturnType<typeof instantiate>

/** The loops over one expression, and the areas of the memory they work on. */
export function instantiate(expression: Expression) {
  const keys = [...new Set(statisticsOf(expression))]
  const { memory, areas } = openMemory(keys)
  const tracks = tracksWeight(expression)
  const loop = (name: keyof VectorLoops, write: (variables: Variables, saliency: SaliencyCode) => Code) =>
    define(name, PARAMETERS, (writer) => {
      const variables = variablesOf(writer)
      return write(variables, saliencyOf(expression, keys, variables))
    })
  const functions = [
    loop('saliency', saliencyCode),
    loop('count', countCode),
    loop('collect', collectCode),
    loop('survey', surveyCode),
    loop('mask', (variables, saliency) => maskCode(variables, saliency, f32x4.ge)),
    loop('maskTies', (variables, saliency) => maskCode(variables, saliency, f32x4.gt)),
    ...(tracks ? [loop('quickCollect', (variables) => quickCollectCode(variables, plainSaliencyOf(expression, variables)))] : []),
  ]
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(functions, 'plain')), { env: { memory } })
  return { loops: exports as unknown as VectorLoops, areas, tracks }
}

function saliencyCode(variables: Variables, saliency: SaliencyCode): Code {
  const { address, saliency: value } = variables
  const step = VECTORS.map((at) => [saliency(at), v128.store(address.get, value.get, RESULTS - WEIGHTS + at)])
  return forEachStep(variables, step)
}

/** counts[upper half of a result]++ */
function countCode(variables: Variables): Code {
  const { address, slot } = variables
  const increment = (offset: number) => {
    const at = slot.tee(i32.shl(i32.load16(address.get, offset + 2), i32.const(2)))
    return i32.store(at, plus(i32.load(slot.get, COUNTS), 1), COUNTS)
  }
  const step = Array.from({ length: STEP }, (_, i) => increment(RESULTS - WEIGHTS + 4 * i))
  return forEachStep(variables, step)
}

/** header.zeros += how many saliencies are −∞; header.notFinite |= saliency < ∞ does not hold. */
function surveyCode(variables: Variables, saliency: SaliencyCode): Code {
  const { saliency: value, sum, odd, minusInfinity } = variables
  const finite = f32x4.lt(value.get, f32x4.const(Infinity))
  const step = VECTORS.map((at) => [
    saliency(at),
    sum.set(i32x4.sub(sum.get, f32x4.eq(value.get, minusInfinity.get))),
    odd.set(v128.or(odd.get, v128.andnot(i32x4.const(0xffffffff), finite))),
  ])
  return [forEachStep(variables, step), add(HEADER.zeros, sumOf(sum)), raise(HEADER.notFinite, v128.any(odd.get))]
}

/** results = weight where the comparison of saliency with `low` holds, else 0. */
function maskCode(variables: Variables, saliency: SaliencyCode, compare: typeof f32x4.ge): Code {
  const { address, weight, saliency: value, low, lows } = variables
  const kept = v128.and(weight.get, compare(value.get, lows.get))
  const step = VECTORS.map((at) => [saliency(at), v128.store(address.get, kept, RESULTS - WEIGHTS + at)])
  return [lows.set(f32x4.splat(low.get)), forEachStep(variables, step)]
}
