import { dataTypeCode, elementCount } from '../bytes/datatype.js'
import { decodeAttribute, decodeNode, decodeValueInfo } from '../bytes/decode.js'
import { describeTensor } from '../bytes/encode.js'
import { makePayload } from '../bytes/payload.js'
import {
  type AttributeProto,
  AttributeProtoSchema,
  create,
  NodeProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  AttributeProto_AttributeType as Type,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from '../bytes/proto.js'
import { bytesOf } from '../bytes/values.js'
import type { Attribute, DataType, Graph, Node, Payload, Tensor, ValueInfo } from '../model.js'

/** A tensor from its numbers, its raw bytes, or bytes from elsewhere. Stored inline. */
export function makeTensor(fields: {
  readonly name: string
  readonly type: DataType
  /** Default: one axis with all numbers. */
  readonly shape?: readonly number[]
  readonly values?: ArrayLike<number | bigint>
  /** Instead of `values`. */
  readonly data?: Payload
}): Tensor {
  const { name, type, values = [] } = fields
  const shape = fields.shape ?? [values.length]
  const data = fields.data ?? makePayload(bytesOf(type, values))
  const described = { name, type, shape, storage: 'inline' } as const
  if (fields.data === undefined && elementCount(shape) !== values.length) {
    throw new RangeError(`tensor '${name}': ${values.length} values for shape [${shape.join()}]`)
  }
  return { ...described, data, proto: describeTensor(create(TensorProtoSchema), described) }
}

/** What an attribute may be given as: bigint is an int, number a float. */
export type AttributeValue = bigint | number | string | Tensor | Graph | readonly bigint[] | readonly number[] | readonly string[]

export function makeNode(fields: {
  readonly op: string
  /** Default: ''. */
  readonly domain?: string
  /** Default: ''. */
  readonly name?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, AttributeValue>>
}): Node {
  const attributes = Object.entries(fields.attributes ?? {}).map(([name, value]) => makeAttribute(name, value))
  const proto = create(NodeProtoSchema, {
    opType: fields.op,
    input: [...fields.inputs],
    output: [...fields.outputs],
    ...(fields.domain && { domain: fields.domain }),
    ...(fields.name && { name: fields.name }),
  })
  // Decoded as it is: a copy of the message would lose the defaults of its fields, the domain among them.
  const node = decodeNode(proto, NOTHING)
  proto.attribute = attributes.map((each) => each.proto)
  return { ...node, attributes: new Map(attributes.map((each) => [each.proto.name, each])) }
}

/** An attribute. An empty list is one of ints. */
export function makeAttribute(name: string, value: AttributeValue): Attribute {
  if (typeof value === 'object' && !Array.isArray(value)) {
    if ('nodes' in value) return { proto: described(name, Type.GRAPH, { g: value.proto }), kind: 'graph', value }
    if ('data' in value) return { proto: described(name, Type.TENSOR, { t: value.proto }), kind: 'tensor', value }
  }
  return decodeAttribute(described(name, ...plain(value as PlainValue)), NOTHING)
}

type PlainValue = Exclude<AttributeValue, Tensor | Graph>

function plain(value: PlainValue): [Type, Partial<AttributeProto>] {
  const text = new TextEncoder()
  if (typeof value === 'bigint') return [Type.INT, { i: value }]
  if (typeof value === 'number') return [Type.FLOAT, { f: value }]
  if (typeof value === 'string') return [Type.STRING, { s: text.encode(value) }]
  if (isAll(value, 'number') && value.length > 0) return [Type.FLOATS, { floats: [...value] }]
  if (isAll(value, 'string') && value.length > 0) return [Type.STRINGS, { strings: value.map((each) => text.encode(each)) }]
  return [Type.INTS, { ints: (value as readonly bigint[]).map(BigInt) }]
}

function isAll(list: readonly unknown[], type: 'number'): list is readonly number[]
function isAll(list: readonly unknown[], type: 'string'): list is readonly string[]
function isAll(list: readonly unknown[], type: string): boolean {
  return list.every((each) => typeof each === type)
}

function described(name: string, type: Type, value: Partial<AttributeProto>): AttributeProto {
  return Object.assign(create(AttributeProtoSchema, { name, type }), value)
}

/** The type of a graph's input, output or value. Without type the run time infers it, which it does for outputs. */
export function makeValueInfo(fields: {
  readonly name: string
  readonly type?: DataType
  /** Default: of unknown rank. */
  readonly shape?: readonly (number | string | undefined)[]
}): ValueInfo {
  const { name, type, shape } = fields
  if (type === undefined) return decodeValueInfo(create(ValueInfoProtoSchema, { name }))
  const dim = shape?.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof size === 'number'
          ? { case: 'dimValue', value: BigInt(size) }
          : size === undefined
            ? { case: undefined }
            : { case: 'dimParam', value: size },
    }),
  )
  const value = create(TypeProto_TensorSchema, {
    elemType: dataTypeCode(type),
    ...(dim && { shape: create(TensorShapeProtoSchema, { dim }) }),
  })
  const typeProto = create(TypeProtoSchema, { value: { case: 'tensorType', value } })
  return decodeValueInfo(create(ValueInfoProtoSchema, { name, type: typeProto }))
}

/** Nothing to look up: what is made here holds no tensors in a file. */
const NOTHING = {
  image: { size: 0, label: '', stretch: () => new Uint8Array(0) },
  index: { spans: [], tensors: [] },
  tensors: new Map(),
  external: () => makePayload(new Uint8Array(0)),
}
