import type { Numbers } from '@pare/metric'
import { float16ToFloat32, float32ToFloat16 } from '@pare/onnx'

/** Element types of arrays and of model inputs and outputs, as ONNX Runtime names them. */
export type ElementType = keyof typeof STORAGE

/** A dense row-major array. `float16` holds the bits of the halves, `bool` 0 and 1. */
export interface NdArray {
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly data: Elements
}

/** A dense row-major array of text. */
export interface StringArray {
  readonly type: 'string'
  readonly shape: readonly number[]
  readonly data: readonly string[]
}

/** What data hold and models take. */
export type DataArray = NdArray | StringArray

/** The arrays of one sample by name, without the axis of samples. */
export type SampleArrays = ReadonlyMap<string, DataArray>

export function isStrings(array: DataArray): array is StringArray {
  return array.type === 'string'
}

export type Elements =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array

export type { Numbers }

export const STORAGE = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
} as const

/** The range of each integer type that a number can hold exactly. */
const RANGES: Partial<Record<ElementType, readonly [number, number]>> = {
  bool: [0, 1],
  int8: [-(2 ** 7), 2 ** 7 - 1],
  uint8: [0, 2 ** 8 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  uint16: [0, 2 ** 16 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
}

export function isElementType(type: string): type is ElementType {
  return Object.hasOwn(STORAGE, type)
}

export function isInteger(type: ElementType): boolean {
  return RANGES[type] !== undefined
}

/** Elements of a shape: 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1)
}

/** 'f32[8, 3]', 'i64[batch, ?]': how shapes are printed in messages. */
export function describe(type: string, shape: readonly (number | string | undefined)[]): string {
  return `${type}[${shape.map((dim) => (dim === '' || dim === undefined ? '?' : dim)).join(', ')}]`
}

/** Elements [begin, end) as numbers. f32 and f64 are views, everything else is converted. */
export function numbersOf(array: NdArray, begin = 0, end = array.data.length): Numbers {
  const part = array.data.subarray(begin, end)
  if (part instanceof Float32Array || part instanceof Float64Array) return part
  if (array.type === 'float16') return float16ToFloat32(part as Uint16Array)
  return Float64Array.from(part as ArrayLike<number | bigint>, Number)
}

/** Elements [begin, end) cast to another type, without a check: see `castProblem`. */
export function castElements(array: NdArray, type: ElementType, [begin, end]: readonly [number, number]): Elements {
  if (array.type === type) return array.data.slice(begin, end)
  const values = numbersOf(array, begin, end)
  if (type === 'float16') return float32ToFloat16(Float32Array.from(values))
  if (type === 'int64') return BigInt64Array.from(values as ArrayLike<number>, BigInt)
  if (type === 'uint64') return BigUint64Array.from(values as ArrayLike<number>, BigInt)
  return STORAGE[type].from(values)
}

/** Why the array cannot become the type, or undefined. Integers become anything they fit into; floats become floats only. */
export function castProblem(array: NdArray, type: ElementType): string | undefined {
  const range = RANGES[type]
  if (array.type === type || range === undefined) return undefined
  if (!isInteger(array.type)) return `${array.type} is not cast to ${type}, which would drop fractions`
  const own = RANGES[array.type]!
  if (own[0] >= range[0] && own[1] <= range[1]) return undefined
  const { data } = array
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!
    if (value < range[0] || value > range[1]) return `value ${value} at element ${i} does not fit into ${type}`
  }
  return undefined
}

/** Position of the first NaN, or -1. */
export function firstNaN({ type, data }: NdArray): number {
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let i = 0; i < data.length; i++) if (Number.isNaN(data[i])) return i
  } else if (type === 'float16') {
    for (let i = 0; i < data.length; i++) if ((Number(data[i]) & 0x7fff) > 0x7c00) return i
  }
  return -1
}

/** No tensor has more axes. */
export const MAX_RANK = 32

/** An array of numbers nested as JSON has it, or undefined where the nesting is ragged, deeper than 32, or holds something else. */
export function fromNested(value: unknown): NdArray | undefined {
  const shape = nestedShape(value)
  if (shape.length > MAX_RANK) return undefined
  if (!isEven(value, shape)) return undefined
  const flat: unknown[] = shape.length === 0 ? [value] : (value as unknown[]).flat(shape.length - 1)
  if (flat.every((item) => typeof item === 'boolean')) return { type: 'bool', shape, data: Uint8Array.from(flat, Number) }
  if (!flat.every((item) => typeof item === 'number')) return undefined
  return fromNumbers(flat as number[], shape)
}

/** An array of text nested as JSON has it, or undefined where the nesting is ragged, deeper than 32, or holds something else. */
export function fromNestedText(value: unknown): StringArray | undefined {
  const shape = nestedShape(value)
  if (shape.length > MAX_RANK || !isEven(value, shape)) return undefined
  const flat: unknown[] = shape.length === 0 ? [value] : (value as unknown[]).flat(shape.length - 1)
  return flat.length > 0 && flat.every((item) => typeof item === 'string')
    ? { type: 'string', shape, data: flat as string[] }
    : undefined
}

/** int64 where all values are integers, else float64. */
export function fromNumbers(values: readonly number[], shape: readonly number[]): NdArray {
  if (values.every(Number.isSafeInteger)) return { type: 'int64', shape, data: BigInt64Array.from(values, BigInt) }
  return { type: 'float64', shape, data: Float64Array.from(values) }
}

function nestedShape(value: unknown): number[] {
  const shape: number[] = []
  for (let inner = value; Array.isArray(inner) && shape.length <= MAX_RANK; inner = inner[0] as unknown) shape.push(inner.length)
  return shape
}

function isEven(value: unknown, [size, ...inner]: readonly number[]): boolean {
  if (size === undefined) return !Array.isArray(value)
  return Array.isArray(value) && value.length === size && value.every((item) => isEven(item, inner))
}
