import { PareError } from '../error.js'
import type { Attribute, Graph, LocalFunction, Model, Node, Tensor, ValueInfo } from '../model.js'
import { present } from '../present.js'
import { dataTypeOf } from './datatype.js'
import { type Decoding, decodeTensor } from './decode-tensor.js'
import { rememberSparse } from './origin.js'
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
  TypeProto,
  ValueInfoProto,
} from './proto.js'
import { AttributeProto_AttributeType as AttributeType, create, GraphProtoSchema } from './proto.js'

/** The view of a message. Arrays of names are the message's own. */
export function decodeModel(proto: ModelProto, decoding: Decoding): Model {
  return {
    irVersion: Number(proto.irVersion),
    opsets: opsetsOf(proto),
    graph: decodeGraph(proto.graph ?? create(GraphProtoSchema), decoding),
    functions: proto.functions.map((each) => decodeFunction(each, decoding)),
    proto,
  }
}

function decodeGraph(proto: GraphProto, decoding: Decoding): Graph {
  for (const each of proto.sparseInitializer) decodeSparse(each, decoding)
  refuseCircles(proto.node, decoding)
  return {
    name: proto.name,
    nodes: proto.node.map((node) => decodeNode(node, decoding)),
    inputs: proto.input.map(decodeValueInfo),
    outputs: proto.output.map(decodeValueInfo),
    values: proto.valueInfo.map(decodeValueInfo),
    initializers: proto.initializer.map((tensor) => decodeTensor(tensor, decoding)),
    sparseInitializers: proto.sparseInitializer.map((each) => each.values?.name ?? ''),
    proto,
  }
}

function decodeFunction(proto: FunctionProto, decoding: Decoding): LocalFunction {
  refuseCircles(proto.node, decoding)
  return {
    domain: proto.domain,
    name: proto.name,
    inputs: proto.input,
    outputs: proto.output,
    nodes: proto.node.map((node) => decodeNode(node, decoding)),
    opsets: opsetsOf(proto),
    defaults: proto.attributeProto.map((each) => decodeAttribute(each, decoding)),
    proto,
  }
}

export function decodeNode(proto: NodeProto, decoding: Decoding): Node {
  refuseTwins(proto, decoding)
  return {
    name: proto.name,
    op: proto.opType,
    domain: proto.domain === 'ai.onnx' ? '' : proto.domain,
    inputs: proto.input,
    outputs: proto.output,
    attributes: new Map(proto.attribute.map((each) => [each.name, decodeAttribute(each, decoding)])),
    proto,
  }
}

/** Nodes that read what is made of what they make: whoever follows values through them would never arrive. Linear. */
function refuseCircles(nodes: readonly NodeProto[], { image }: Decoding): void {
  const makers = new Map<string, number>()
  for (const [i, { output }] of nodes.entries()) for (const name of output) if (name !== '') makers.set(name, i)
  // In the order that the format demands nothing is read before it is made.
  if (nodes.every(({ input }, i) => input.every((name) => !((makers.get(name) ?? -1) >= i)))) return
  const waitsFor = nodes.map(({ input }) => input.filter((name) => makers.has(name)).length)
  const readers = nodes.map((): number[] => [])
  for (const [i, { input }] of nodes.entries())
    for (const name of input) if (makers.has(name)) readers[makers.get(name)!]!.push(i)
  const ready = [...waitsFor.keys()].filter((i) => waitsFor[i] === 0)
  for (let next = ready.pop(); next !== undefined; next = ready.pop())
    for (const reader of readers[next]!) if (--waitsFor[reader]! === 0) ready.push(reader)
  const circle = nodes.find((_, i) => waitsFor[i]! > 0)
  if (circle === undefined) return
  throw new PareError(
    `${image.label}: ${circle.opType} '${circle.name || (circle.output[0] ?? '')}' reads what is made of its own output.`,
    {
      hint: 'the model is damaged: export, copy or download it again.',
    },
  )
}

/** Which of two attributes of one name holds, readers do not agree on. */
function refuseTwins({ attribute, name, opType, output }: NodeProto, { image }: Decoding): void {
  const names = new Set<string>()
  for (const each of attribute) {
    if (names.has(each.name)) {
      throw new PareError(`${image.label}: ${opType} '${name || (output[0] ?? '')}' has the attribute '${each.name}' twice.`, {
        hint: 'the model is damaged: export, copy or download it again.',
      })
    }
    names.add(each.name)
  }
}

export function decodeAttribute(proto: AttributeProto, decoding: Decoding): Attribute {
  checkHolds(proto, decoding)
  for (const each of proto.sparseTensors) decodeSparse(each, decoding)
  if (proto.sparseTensor !== undefined) decodeSparse(proto.sparseTensor, decoding)
  if (proto.refAttrName !== '') return { proto, kind: 'other' }
  switch (typeOf(proto)) {
    case AttributeType.FLOAT:
      return { proto, kind: 'float', value: proto.f }
    case AttributeType.INT:
      return { proto, kind: 'int', value: proto.i }
    case AttributeType.STRING:
      return { proto, kind: 'string', value: utf8(proto.s) }
    case AttributeType.TENSOR:
      return proto.t === undefined ? { proto, kind: 'other' } : { proto, kind: 'tensor', value: decodeTensor(proto.t, decoding) }
    case AttributeType.GRAPH:
      return proto.g === undefined ? { proto, kind: 'other' } : { proto, kind: 'graph', value: decodeGraph(proto.g, decoding) }
    case AttributeType.FLOATS:
      return { proto, kind: 'floats', value: proto.floats }
    case AttributeType.INTS:
      return { proto, kind: 'ints', value: proto.ints }
    case AttributeType.STRINGS:
      return { proto, kind: 'strings', value: proto.strings.map(utf8) }
    case AttributeType.TENSORS:
      return { proto, kind: 'tensors', value: proto.tensors.map((each) => decodeTensor(each, decoding)) }
    case AttributeType.GRAPHS:
      return { proto, kind: 'graphs', value: proto.graphs.map((each) => decodeGraph(each, decoding)) }
    default:
      return { proto, kind: 'other' }
  }
}

/** Tensors and graphs stand only in attributes of their type: elsewhere nothing would see them, and no reader expects them. */
function checkHolds(proto: AttributeProto, { image }: Decoding): void {
  const type = proto.refAttrName === '' ? typeOf(proto) : AttributeType.UNDEFINED
  const held = [
    proto.t !== undefined && AttributeType.TENSOR,
    proto.g !== undefined && AttributeType.GRAPH,
    proto.sparseTensor !== undefined && AttributeType.SPARSE_TENSOR,
    proto.tensors.length > 0 && AttributeType.TENSORS,
    proto.graphs.length > 0 && AttributeType.GRAPHS,
    proto.sparseTensors.length > 0 && AttributeType.SPARSE_TENSORS,
  ].find((holds) => holds !== false && holds !== type)
  if (held === undefined || held === false) return
  throw new PareError(
    `${image.label}: attribute '${proto.name}' is of type ${nameOf(type)} and holds a value of type ${nameOf(held)}.`,
    {
      hint: 'the model is damaged: export, copy or download it again.',
    },
  )
}

function nameOf(type: AttributeType): string {
  return AttributeType[type] ?? String(type)
}

/** The stated type; in files of IR version 1, which have none, the one whose field is set. */
function typeOf(proto: AttributeProto): AttributeType {
  if (proto.type !== AttributeType.UNDEFINED) return proto.type
  if (Object.hasOwn(proto, 'f')) return AttributeType.FLOAT
  if (Object.hasOwn(proto, 'i')) return AttributeType.INT
  if (Object.hasOwn(proto, 's')) return AttributeType.STRING
  if (proto.t !== undefined) return AttributeType.TENSOR
  if (proto.g !== undefined) return AttributeType.GRAPH
  if (proto.floats.length > 0) return AttributeType.FLOATS
  if (proto.ints.length > 0) return AttributeType.INTS
  if (proto.strings.length > 0) return AttributeType.STRINGS
  if (proto.tensors.length > 0) return AttributeType.TENSORS
  if (proto.graphs.length > 0) return AttributeType.GRAPHS
  if (proto.sparseTensor !== undefined) return AttributeType.SPARSE_TENSOR
  if (proto.sparseTensors.length > 0) return AttributeType.SPARSE_TENSORS
  return AttributeType.UNDEFINED
}

export function decodeValueInfo(proto: ValueInfoProto): ValueInfo {
  const value = proto.type?.value
  if (value?.case !== 'tensorType') return { name: proto.name, proto }
  const type = dataTypeOf(value.value.elemType)
  const shape = shapeOf(proto.type!)
  return { name: proto.name, proto, ...(type && { type }), ...present({ shape }) }
}

function shapeOf(type: TypeProto): readonly (number | string | undefined)[] | undefined {
  if (type.value.case !== 'tensorType') return undefined
  return type.value.value.shape?.dim.map(({ value }) => {
    if (value.case === 'dimValue') return Number(value.value)
    return value.case === 'dimParam' && value.value !== '' ? value.value : undefined
  })
}

function decodeSparse(proto: SparseTensorProto, decoding: Decoding): void {
  const elements = (tensor: TensorProto | undefined): Tensor | undefined => tensor && decodeTensor(tensor, decoding)
  const values = elements(proto.values)
  const indices = elements(proto.indices)
  rememberSparse(proto, { ...(values && { values: values.data }), ...(indices && { indices: indices.data }) })
}

function opsetsOf(proto: ModelProto | FunctionProto): ReadonlyMap<string, number> {
  return new Map(proto.opsetImport.map(({ domain, version }) => [domain === 'ai.onnx' ? '' : domain, Number(version)]))
}

const decoder = new TextDecoder()

function utf8(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}
