import { erf } from '@pare/sparse/functions'

// An array on the device that need not be computed yet: what each of its elements is, as an expression of elements that lie somewhere. Transposing, slicing,
// repeating and most reshaping change only where an expression reads, and arithmetic makes a larger expression, so that a kernel computes several nodes at once.

export type DeviceType = 'f32' | 'i32' | 'bool'

/** What can be read: numbers of this process, or a buffer of the device with one word for each element. */
export type Store = HostStore | DeviceStore

export interface HostStore {
  readonly kind: 'host'
  /** Of 'bool' 0 and 1. */
  readonly values: ArrayLike<number>
}

export interface DeviceStore {
  readonly kind: 'device'
  readonly buffer: GPUBuffer
}

/** Where an expression reads: element Σ coordinate · stride + offset. */
export interface View {
  /** One for each axis; 0 where all positions of an axis read the same. */
  readonly strides: readonly number[]
  readonly offset: number
}

export type Element =
  /** An element of a store. */
  | ({ readonly kind: 'read'; readonly type: DeviceType; readonly store: Store } & View)
  /** i32: the number that a view gives for the coordinates, itself. */
  | ({ readonly kind: 'position' } & View)
  /** The element that a view gives, and `index` · `stride` further; an index below 0 counts from `size`. */
  | {
      readonly kind: 'gathered'
      readonly from: Extract<Element, { kind: 'read' }>
      readonly index: Element
      readonly stride: number
      readonly size: number
    }
  | { readonly kind: 'call'; readonly type: DeviceType; readonly op: ElementOp; readonly of: readonly Element[] }

export interface LazyArray {
  readonly type: DeviceType
  readonly dims: readonly number[]
  readonly element: Element
}

/** An operation on elements: as WGSL and as JavaScript computes it. Of 'bool' JavaScript has 0 and 1. */
interface Operation {
  readonly wgsl: (...of: string[]) => string
  readonly host: (...of: number[]) => number
}

const f32 = Math.fround
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const call =
  (name: string) =>
  (...of: string[]) =>
    `${name}(${of.join(', ')})`
const infix = (sign: string) => (a: string, b?: string) => `(${a} ${sign} ${b})`
const operation = (wgsl: Operation['wgsl'], host: Operation['host']): Operation => ({ wgsl, host })

/** Operations whose names end in `I` are of i32. Functions whose WGSL is not built in are in functions.ts. */
export const OPERATIONS = {
  add: operation(infix('+') as Operation['wgsl'], (a, b) => f32(a! + b!)),
  subtract: operation(infix('-') as Operation['wgsl'], (a, b) => f32(a! - b!)),
  multiply: operation(infix('*') as Operation['wgsl'], (a, b) => f32(a! * b!)),
  divide: operation(infix('/') as Operation['wgsl'], (a, b) => f32(a! / b!)),
  addI: operation(infix('+') as Operation['wgsl'], (a, b) => a! + b!),
  subtractI: operation(infix('-') as Operation['wgsl'], (a, b) => a! - b!),
  multiplyI: operation(infix('*') as Operation['wgsl'], (a, b) => a! * b!),
  divideI: operation(infix('/') as Operation['wgsl'], (a, b) => Math.trunc(a! / b!)),
  modulo: operation(call('floorModulo'), (a, b) => a! - b! * Math.floor(a! / b!)),
  power: operation(call('power'), (a, b) => f32(a! ** b!)),
  minimum: operation(call('min'), (a, b) => Math.min(a!, b!)),
  maximum: operation(call('max'), (a, b) => Math.max(a!, b!)),
  less: operation(infix('<') as Operation['wgsl'], (a, b) => +(a! < b!)),
  lessOrEqual: operation(infix('<=') as Operation['wgsl'], (a, b) => +(a! <= b!)),
  equal: operation(infix('==') as Operation['wgsl'], (a, b) => +(a! === b!)),
  and: operation(infix('&') as Operation['wgsl'], (a, b) => a! & b!),
  or: operation(infix('|') as Operation['wgsl'], (a, b) => a! | b!),
  not: operation(
    (a) => `!${a}`,
    (a) => 1 - a!,
  ),
  where: operation(
    (c, a, b) => `select(${b}, ${a}, ${c})`,
    (c, a, b) => (c ? a! : b!),
  ),
  negate: operation(
    (a) => `-(${a})`,
    (a) => -a!,
  ),
  absolute: operation(call('abs'), (a) => Math.abs(a!)),
  sign: operation(call('sign'), (a) => Math.sign(a!)),
  floor: operation(call('floor'), (a) => Math.floor(a!)),
  ceiling: operation(call('ceil'), (a) => Math.ceil(a!)),
  exponential: operation(call('exp'), (a) => f32(Math.exp(a!))),
  logarithm: operation(call('log'), (a) => f32(Math.log(a!))),
  squareRoot: operation(call('sqrt'), (a) => f32(Math.sqrt(a!))),
  sine: operation(call('sineOf'), (a) => f32(Math.sin(a!))),
  cosine: operation(call('cosineOf'), (a) => f32(Math.cos(a!))),
  tanh: operation(call('tanhOf'), (a) => f32(Math.tanh(a!))),
  erf: operation(call('erfOf'), (a) => f32(erf(a!))),
  sigmoid: operation(call('sigmoidOf'), (a) => f32(sigmoid(a!))),
  toFloat: operation(call('f32'), f32),
  toInteger: operation(call('i32'), (a) => Math.trunc(a!)),
  toBool: operation(call('bool'), (a) => +(a !== 0)),
} satisfies Record<string, Operation>

export type ElementOp = keyof typeof OPERATIONS

export const typeOf = (element: Element): DeviceType =>
  element.kind === 'position' ? 'i32' : element.kind === 'gathered' ? element.from.type : element.type

/** The same expression with other views. */
export function withViews(element: Element, change: (view: View) => View): Element {
  switch (element.kind) {
    case 'read':
    case 'position':
      return { ...element, ...change(element) }
    case 'gathered':
      return {
        ...element,
        from: { ...element.from, ...change(element.from) },
        index: withViews(element.index, change),
      }
    case 'call':
      return { ...element, of: element.of.map((each) => withViews(each, change)) }
    default:
      return element satisfies never
  }
}

/** All that an expression reads, in the order of the text. */
export function viewsIn(element: Element): Exclude<Element, { kind: 'call' | 'gathered' }>[] {
  switch (element.kind) {
    case 'read':
    case 'position':
      return [element]
    case 'gathered':
      return [element.from, ...viewsIn(element.index)]
    case 'call':
      return element.of.flatMap(viewsIn)
    default:
      return element satisfies never
  }
}

export function storesIn(element: Element): Store[] {
  return [...new Set(viewsIn(element).flatMap((view) => (view.kind === 'read' ? [view.store] : [])))]
}

export const isOnHost = (element: Element) => storesIn(element).every(({ kind }) => kind === 'host')

export const sizeOf = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1)

/** Strides of elements that lie one after another, the last axis fastest. */
export function rowMajor(dims: readonly number[]): number[] {
  const strides = Array<number>(dims.length).fill(1)
  for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * dims[axis + 1]!
  return strides
}
