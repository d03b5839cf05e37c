import type { DataType } from '../model.js'

interface TypeFacts {
  /** Number in `TensorProto.DataType`. */
  readonly code: number
  /** Size of an element. 0 for strings, which have no fixed one. */
  readonly bits: number
}

const FACTS: Readonly<Record<DataType, TypeFacts>> = {
  float32: { code: 1, bits: 32 },
  uint8: { code: 2, bits: 8 },
  int8: { code: 3, bits: 8 },
  uint16: { code: 4, bits: 16 },
  int16: { code: 5, bits: 16 },
  int32: { code: 6, bits: 32 },
  int64: { code: 7, bits: 64 },
  string: { code: 8, bits: 0 },
  bool: { code: 9, bits: 8 },
  float16: { code: 10, bits: 16 },
  float64: { code: 11, bits: 64 },
  uint32: { code: 12, bits: 32 },
  uint64: { code: 13, bits: 64 },
  complex64: { code: 14, bits: 64 },
  complex128: { code: 15, bits: 128 },
  bfloat16: { code: 16, bits: 16 },
  float8e4m3fn: { code: 17, bits: 8 },
  float8e4m3fnuz: { code: 18, bits: 8 },
  float8e5m2: { code: 19, bits: 8 },
  float8e5m2fnuz: { code: 20, bits: 8 },
  uint4: { code: 21, bits: 4 },
  int4: { code: 22, bits: 4 },
  float4e2m1: { code: 23, bits: 4 },
  float8e8m0: { code: 24, bits: 8 },
  uint2: { code: 25, bits: 2 },
  int2: { code: 26, bits: 2 },
}

/** Every element type of ONNX 1.20, in the order of its enum. */
export const dataTypes: readonly DataType[] = Object.keys(FACTS) as DataType[]

const BY_CODE: ReadonlyMap<number, DataType> = new Map(dataTypes.map((type) => [FACTS[type].code, type]))

/** The element type with this number in `TensorProto.DataType`; undefined for 0 and for numbers of later versions. */
export function dataTypeOf(code: number): DataType | undefined {
  return BY_CODE.get(code)
}

/** The number of `type` in `TensorProto.DataType`. */
export function dataTypeCode(type: DataType): number {
  return FACTS[type].code
}

/** Bits an element takes in `raw_data`; 0 for strings. */
export function bitsOf(type: DataType): number {
  return FACTS[type].bits
}

/** Floats of the common formats: those whose elements are computed with one by one. */
export type FloatType = Extract<DataType, 'float16' | 'bfloat16' | 'float32' | 'float64'>

export function isFloat(type: DataType): type is FloatType {
  return FLOATS.has(type)
}

const FLOATS: ReadonlySet<DataType> = new Set<FloatType>(['float16', 'bfloat16', 'float32', 'float64'])

/** Product of the sizes; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Bytes that `elements` of `type` take in `raw_data`, 4-bit and 2-bit types rounded up to whole bytes. 0 for strings. */
export function byteLength(type: DataType, elements: number): number {
  return Math.ceil((elements * FACTS[type].bits) / 8)
}
