import { dataTypeCode, dataTypes, elementCount } from '../bytes/datatype.js'
import {
  create,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type TypeProto,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../bytes/proto.js'
import { bytesOf } from '../bytes/values.js'
import type { DataType } from '../model.js'
import { present } from '../present.js'
import type { Lexer } from './lexer.js'

export interface TextSource {
  readonly lexer: Lexer
  readonly values: ReadonlyMap<string, ArrayLike<number | bigint>>
  /** Filled: names of the values that were declared. */
  readonly used: Set<string>
}

/** Items with commas between, up to `end`, which is stepped over. */
export function listOf<T>(lexer: Lexer, end: string, item: () => T): T[] {
  const items: T[] = []
  if (lexer.accept(end)) return items
  do items.push(item())
  while (lexer.accept(','))
  lexer.expect(end)
  return items
}

/** `float[N, 3] name`, or a name without type. */
export function valueInfo(lexer: Lexer): ValueInfoProto {
  const type = typeProto(lexer)
  const name = lexer.name('a value')
  return create(ValueInfoProtoSchema, { name, ...present({ type }) })
}

/** The initializer of a value that has `= {…}` after it, or elements among the given ones. */
export function initializer(source: TextSource, value: ValueInfoProto): TensorProto | undefined {
  const { lexer, values } = source
  const numbers = values.get(value.name)
  const hasElements = lexer.accept('=')
  if (!hasElements && numbers === undefined) return undefined
  const tensorType = value.type?.value
  if (tensorType?.case !== 'tensorType') throw lexer.error(`'${value.name}' has elements, so it needs a tensor's type`)
  const type = dataTypes.find((each) => dataTypeCode(each) === tensorType.value.elemType)!
  const dims = tensorType.value.shape?.dim ?? []
  const shape = dims.map((dim) => (dim.value.case === 'dimValue' ? Number(dim.value.value) : Number.NaN))
  const tensor = { name: value.name, type, shape }
  return hasElements ? elements(lexer, tensor) : ofValues(lexer, tensor, numbers!)
}

export interface ValueDeclaration {
  readonly name: string
  readonly type: DataType
  readonly shape: readonly number[]
}

/** `{1, 2, 3}`: the tensor with these elements. */
export function elements(lexer: Lexer, tensor: ValueDeclaration): TensorProto {
  lexer.expect('{')
  if (tensor.type === 'string') {
    const strings = listOf(lexer, '}', () => new TextEncoder().encode(lexer.string()))
    const dims = shapeFor(lexer, tensor, strings.length)
    return create(TensorProtoSchema, { name: tensor.name, dataType: dataTypeCode('string'), dims, stringData: strings })
  }
  const whole = /^u?int|^bool/.test(tensor.type)
  const numbers = listOf(lexer, '}', () => (whole ? lexer.integer('an element') : decimal(lexer.number('an element'))))
  return ofValues(lexer, tensor, numbers)
}

function ofValues(lexer: Lexer, tensor: ValueDeclaration, values: ArrayLike<number | bigint>): TensorProto {
  const dims = shapeFor(lexer, tensor, values.length)
  return create(TensorProtoSchema, {
    name: tensor.name,
    dataType: dataTypeCode(tensor.type),
    dims,
    rawData: bytesOf(tensor.type, values),
  })
}

function shapeFor(lexer: Lexer, { name, shape }: ValueDeclaration, count: number): bigint[] {
  if (elementCount(shape) === count) return shape.map(BigInt)
  throw lexer.error(`'${name}' of shape [${shape.join()}] takes ${elementCount(shape)} elements, given ${count}`)
}

export function decimal(text: string): number {
  if (/^[+-]?inf/.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return Number(text)
}

/** A type; undefined, and nothing stepped over, if none comes next. */
export function typeProto(lexer: Lexer): TypeProto | undefined {
  for (const kind of ['seq', 'optional'] as const) {
    const inner = lexer.attempt(() => (lexer.accept(kind) && lexer.accept('(') ? typeProto(lexer) : undefined))
    if (inner === undefined) continue
    lexer.expect(')')
    const value = { elemType: inner }
    return create(TypeProtoSchema, {
      value: kind === 'seq' ? { case: 'sequenceType', value } : { case: 'optionalType', value },
    })
  }
  const tensor = lexer.attempt(() => tensorType(lexer))
  if (tensor === undefined) return undefined
  const shape = tensor.shape && create(TensorShapeProtoSchema, { dim: tensor.shape.map(dimension) })
  const value = create(TypeProto_TensorSchema, { elemType: dataTypeCode(tensor.type), ...present({ shape }) })
  return create(TypeProtoSchema, { value: { case: 'tensorType', value } })
}

type Dimension = bigint | string | undefined

/** `float` is a scalar, `float[]` of unknown rank, `float[N, 3, ?]` has three axes. Undefined if no type comes next. */
export function tensorType(lexer: Lexer): { readonly type: DataType; readonly shape?: readonly Dimension[] } | undefined {
  if (lexer.peek('"')) return undefined
  const type = ELEMENT_TYPES.get(lexer.acceptName() ?? '')
  if (type === undefined) return undefined
  if (!lexer.accept('[')) return { type, shape: [] }
  if (lexer.accept(']')) return { type }
  return {
    type,
    shape: listOf(lexer, ']', () => {
      if (lexer.accept('?')) return undefined
      return lexer.acceptName() ?? lexer.integer('a size')
    }),
  }
}

const ELEMENT_TYPES: ReadonlyMap<string, DataType> = new Map([
  ...dataTypes.map((type) => [type, type] as const),
  ['float', 'float32'] as const,
  ['double', 'float64'] as const,
])

function dimension(size: Dimension): ReturnType<typeof create<typeof TensorShapeProto_DimensionSchema>> {
  if (size === undefined) return create(TensorShapeProto_DimensionSchema, {})
  return create(TensorShapeProto_DimensionSchema, {
    value: typeof size === 'string' ? { case: 'dimParam', value: size } : { case: 'dimValue', value: size },
  })
}
