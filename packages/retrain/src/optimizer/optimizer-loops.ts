import { type Code, define, f32x4, f64x2, i32, type Local, moduleOf, repeat, v128, type Writer } from '@pare/wasm'
import { type Area, type Arena, LANES, SUM } from './arena.js'

/** Each works on the weights from byte `begin` to byte `end` of their area, multiples of 32, at least one. What the mask leaves out becomes 0. */
export interface OptimizerLoops {
  /** sum += Σ g² over what is kept. */
  squares(begin: number, end: number): void
  /** sums += g */
  accumulate(begin: number, end: number): void
  /** g += sums;  sums = 0 */
  collect(begin: number, end: number): void
  /**
   * g' = scale · g + decay · w;  first = momentum · first + g';  w −= rate · (ofGradient · g' + ofMomentum · first)
   */
  sgd(...numbers: readonly [begin: number, end: number, scale: number, decay: number, momentum: number, ...Rates]): void
  /**
   * g' = scale · g;  first = β₁ · first + (1 − β₁) · g';  second = β₂ · second + (1 − β₂) · g'²;
   * w = keep · w − rate · first / (root · √second + ε)
   */
  adamw(...numbers: readonly [begin: number, end: number, scale: number, ...Betas, ...AdamRates]): void
}

type Rates = readonly [ofGradient: number, ofMomentum: number, rate: number]
type Betas = readonly [beta1: number, rest1: number, beta2: number, rest2: number]
type AdamRates = readonly [keep: number, rate: number, root: number, epsilon: number]

/** The loops over an arena's memory, with its addresses in them. */
export function optimizerLoops(arena: Arena): OptimizerLoops {
  const { memory, starts } = arena
  const has = (...areas: readonly Area[]) => areas.every((area) => starts[area] !== undefined)
  const functions = [
    squares(arena),
    ...(has('sums') ? [accumulate(arena), collect(arena)] : []),
    ...(has('first') ? [sgd(arena)] : []),
    ...(has('first', 'second') ? [adamw(arena)] : []),
  ]
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(functions, 'plain')), { env: { memory } })
  return exports as unknown as OptimizerLoops
}

function squares(arena: Arena) {
  return define('squares', RANGE, ({ parameters: [begin, end], local }) => {
    const g = local('v128')
    const sum = local('v128')
    const square = (half: Code): Code => sum.set(f64x2.add(sum.get, f64x2.mul(half, half)))
    const body = forEach(arena, { begin, end }, ({ load, kept }) => [
      g.set(v128.and(load('gradients'), kept)),
      square(f64x2.promoteLow(g.get)),
      square(f64x2.promoteHigh(g.get)),
    ])
    const at = i32.const(SUM)
    return [body, v128.store(at, f64x2.add(v128.load(at), sum.get))]
  })
}

function accumulate(arena: Arena) {
  return define('accumulate', RANGE, ({ parameters: [begin, end] }) =>
    forEach(arena, { begin, end }, ({ load, store }) => store('sums', f32x4.add(load('sums'), load('gradients')))),
  )
}

function collect(arena: Arena) {
  return define('collect', RANGE, ({ parameters: [begin, end] }) =>
    forEach(arena, { begin, end }, ({ load, store }) => [
      store('gradients', f32x4.add(load('gradients'), load('sums'))),
      store('sums', f32x4.const(0)),
    ]),
  )
}

function sgd(arena: Arena) {
  return define('sgd', [...RANGE, ...floats(6)], ({ parameters: [begin, end, ...numbers], local }) => {
    const { before, get } = splatted(numbers, local)
    const [scale, decay, momentum, ofGradient, ofMomentum, rate] = get as [Code, Code, Code, Code, Code, Code]
    const [w, g, first] = [local('v128'), local('v128'), local('v128')]
    const step = f32x4.add(f32x4.mul(ofGradient, g.get), f32x4.mul(ofMomentum, first.get))
    const body = forEach(arena, { begin, end }, ({ load, store, kept }) => [
      w.set(load('weights')),
      g.set(f32x4.add(f32x4.mul(scale, load('gradients')), f32x4.mul(decay, w.get))),
      first.set(f32x4.add(f32x4.mul(momentum, load('first')), g.get)),
      store('first', v128.and(first.get, kept)),
      store('weights', v128.and(f32x4.sub(w.get, f32x4.mul(rate, step)), kept)),
    ])
    return [before, body]
  })
}

function adamw(arena: Arena) {
  return define('adamw', [...RANGE, ...floats(9)], ({ parameters: [begin, end, ...numbers], local }) => {
    const { before, get } = splatted(numbers, local)
    const [scale, beta1, rest1, beta2, rest2, keep, rate, root, epsilon] = get as readonly Code[] & { length: 9 }
    const [g, first, second] = [local('v128'), local('v128'), local('v128')]
    const step = f32x4.div(first.get, f32x4.add(f32x4.mul(root!, f32x4.sqrt(second.get)), epsilon!))
    const body = forEach(arena, { begin, end }, ({ load, store, kept }) => [
      g.set(f32x4.mul(scale!, load('gradients'))),
      first.set(f32x4.add(f32x4.mul(beta1!, load('first')), f32x4.mul(rest1!, g.get))),
      second.set(f32x4.add(f32x4.mul(beta2!, load('second')), f32x4.mul(f32x4.mul(rest2!, g.get), g.get))),
      store('first', v128.and(first.get, kept)),
      store('second', v128.and(second.get, kept)),
      store('weights', v128.and(f32x4.sub(f32x4.mul(keep!, load('weights')), f32x4.mul(rate!, step)), kept)),
    ])
    return [before, body]
  })
}

const RANGE = ['i32', 'i32'] as const
const floats = (count: number): 'f32'[] => Array.from({ length: count }, () => 'f32')

/** Parameters, each in all four lanes. */
function splatted(numbers: readonly Local[], local: Writer['local']): { before: Code; get: readonly Code[] } {
  const lanes = numbers.map(() => local('v128'))
  return { before: lanes.map((lane, i) => lane.set(f32x4.splat(numbers[i]!.get))), get: lanes.map(({ get }) => get) }
}

interface Four {
  load(area: Area): Code
  store(area: Area, value: Code): Code
  /** All ones where the element is kept. */
  readonly kept: Code
}

/** for (at = begin; at < end; at += 32) { body of elements 0 to 3; body of elements 4 to 7 } */
function forEach({ starts, mask }: Arena, { begin, end }: { begin: Local; end: Local }, body: (four: Four) => Code): Code {
  const at = begin
  const bits = i32.load8(i32.shr(at.get, i32.const(5)), mask)
  const four = (half: 0 | 1): Four => ({
    load: (area) => v128.load(at.get, starts[area]! + 16 * half),
    store: (area, value) => v128.store(at.get, value, starts[area]! + 16 * half),
    kept: v128.load(i32.shl(half === 0 ? i32.and(bits, i32.const(15)) : i32.shr(bits, i32.const(4)), i32.const(4)), LANES),
  })
  const next = at.set(i32.add(at.get, i32.const(32)))
  return repeat([body(four(0)), body(four(1)), next], i32.lt(at.get, end.get))
}
