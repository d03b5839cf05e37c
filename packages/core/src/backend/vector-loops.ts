import { moduleOf } from '@pare/wasm'
import type { Expression } from '../contract/contract.js'
import { add, collectCode, quickCollectCode, raise, sumOf } from './collect-loops.js'
import { statisticsOf } from './javascript.js'
import {
  ADDRESS,
  forEachStep,
  LOCALS,
  LOW,
  LOWS,
  MINUS_INFINITY,
  ODD,
  PARAMETERS,
  plainSaliencyOf,
  SALIENCY,
  type SaliencyCode,
  SLOT,
  SUM,
  saliencyOf,
  tracksWeight,
  VECTORS,
  WEIGHT,
} from './loop-code.js'
import { COUNTS, HEADER, openMemory, RESULTS, STEP, WEIGHTS } from './loop-memory.js'
import { type Code, f32x4, get, i32, i32x4, set, tee } from './wasm-module.js'

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

export function instantiate(expression: Expression) {
  const keys = [...new Set(statisticsOf(expression))]
  const { memory, areas } = openMemory(keys)
  const saliency = saliencyOf(expression, keys)
  const codes: Record<string, Code> = {
    saliency: forEachStep(VECTORS.flatMap((at) => [...saliency(at), ...store(RESULTS - WEIGHTS + at, get(SALIENCY))])),
    count: forEachStep(Array.from({ length: STEP }, (_, i) => increment(RESULTS - WEIGHTS + 4 * i)).flat()),
    collect: collectCode(saliency),
    survey: [...forEachStep(VECTORS.flatMap((at) => [...saliency(at), ...survey()])), ...tell()],
    mask: maskCode(saliency, f32x4.ge),
    maskTies: maskCode(saliency, f32x4.gt),
  }
  const tracks = tracksWeight(expression)
  if (tracks) codes.quickCollect = quickCollectCode(plainSaliencyOf(expression))
  const definitions = Object.entries(codes).map(([name, body]) => ({ name, parameters: PARAMETERS, locals: LOCALS, body }))
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(definitions, 'plain')), { env: { memory } })
  return { loops: exports as unknown as VectorLoops, areas, tracks }
}

/** counts[upper half of the word at `offset`]++ */
function increment(offset: number): Code {
  const slot = [...get(ADDRESS), ...i32.load16(offset + 2), ...i32.const(2), ...i32.shl]
  return [...slot, ...tee(SLOT), ...get(SLOT), ...i32.load(COUNTS), ...i32.const(1), ...i32.add, ...i32.store(COUNTS)]
}

/** sum −= saliency = −∞; odd |= saliency < ∞ does not hold. */
function survey(): Code {
  const zeros = [...get(SUM), ...get(SALIENCY), ...get(MINUS_INFINITY), ...f32x4.eq, ...i32x4.sub, ...set(SUM)]
  const odd = [...i32x4.const(0xffffffff), ...get(SALIENCY), ...f32x4.const(Infinity), ...f32x4.lt, ...i32x4.andnot]
  return [...zeros, ...get(ODD), ...odd, ...i32x4.or, ...set(ODD)]
}

const tell = (): Code => [...add(HEADER.zeros, sumOf(SUM)), ...raise(HEADER.notFinite, [...get(ODD), ...i32x4.any])]

/** results = weight where the comparison of saliency with `low` holds, else 0. */
function maskCode(saliency: SaliencyCode, compare: Code): Code {
  const kept = [...get(WEIGHT), ...get(SALIENCY), ...get(LOWS), ...compare, ...i32x4.and]
  const step = VECTORS.flatMap((at) => [...saliency(at), ...store(RESULTS - WEIGHTS + at, kept)])
  return [...get(LOW), ...f32x4.splat, ...set(LOWS), ...forEachStep(step)]
}

const store = (offset: number, value: Code): Code => [...get(ADDRESS), ...value, ...f32x4.store(offset)]
