import type { Attribute, Graph, LocalFunction, Model, Node, Payload, Tensor } from '../model.js'
import { dataTypeCode } from './datatype.js'
import { sparseElementsOf } from './origin.js'
import {
  type AttributeProto,
  create,
  TensorProto_DataLocation as DataLocation,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type SparseTensorProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  withFields,
} from './proto.js'
import { marker } from './skeleton.js'

/** Where the elements of the tensors of an encoded model go. */
export interface Sink {
  /** Takes the elements of an inline tensor; returns the number that stands for them in raw_data. */
  inline(data: Payload): number
  /** Takes the elements of an external tensor; returns where they will be. */
  external(tensor: Tensor): { readonly location: string; readonly offset: number }
}

/** The message of a model, with a marker (skeleton.ts) in place of the elements of each inline tensor. */
export function encodeModel(model: Model, sink: Sink): ModelProto {
  return withFields(model.proto, {
    graph: encodeGraph(model.graph, sink),
    functions: model.functions.map((each) => encodeFunction(each, sink)),
  })
}

function encodeGraph(graph: Graph, sink: Sink): GraphProto {
  const kept = new Set(graph.sparseInitializers)
  return withFields(graph.proto, {
    name: graph.name,
    node: graph.nodes.map((node) => encodeNode(node, sink)),
    input: graph.inputs.map((value) => value.proto),
    output: graph.outputs.map((value) => value.proto),
    valueInfo: graph.values.map((value) => value.proto),
    initializer: graph.initializers.map((tensor) => encodeTensor(tensor, sink)),
    sparseInitializer: graph.proto.sparseInitializer
      .filter((sparse) => kept.has(sparse.values?.name ?? ''))
      .map((sparse) => encodeSparse(sparse, sink)),
  })
}

function encodeFunction(each: LocalFunction, sink: Sink): FunctionProto {
  return withFields(each.proto, {
    node: each.nodes.map((node) => encodeNode(node, sink)),
    attributeProto: each.defaults.map((attribute) => encodeAttribute(attribute, sink)),
  })
}

function encodeNode(node: Node, sink: Sink): NodeProto {
  const attribute = [...node.attributes.values()].map((each) => encodeAttribute(each, sink))
  const { proto } = node
  const same = attribute.length === proto.attribute.length && attribute.every((each, i) => each === proto.attribute[i])
  return same ? proto : withFields(proto, { attribute })
}

function encodeAttribute(attribute: Attribute, sink: Sink): AttributeProto {
  const { proto } = attribute
  switch (attribute.kind) {
    case 'tensor':
      return withFields(proto, { t: encodeTensor(attribute.value, sink) })
    case 'tensors':
      return withFields(proto, { tensors: attribute.value.map((each) => encodeTensor(each, sink)) })
    case 'graph':
      return withFields(proto, { g: encodeGraph(attribute.value, sink) })
    case 'graphs':
      return withFields(proto, { graphs: attribute.value.map((each) => encodeGraph(each, sink)) })
    case 'other':
      return encodeOther(proto, sink)
    default:
      return proto
  }
}

function encodeOther(proto: AttributeProto, sink: Sink): AttributeProto {
  if (proto.sparseTensor !== undefined) return withFields(proto, { sparseTensor: encodeSparse(proto.sparseTensor, sink) })
  if (proto.sparseTensors.length === 0) return proto
  return withFields(proto, { sparseTensors: proto.sparseTensors.map((each) => encodeSparse(each, sink)) })
}

function encodeTensor(tensor: Tensor, sink: Sink): TensorProto {
  const { proto, data, strings } = tensor
  if (strings !== undefined) return withFields(proto, { stringData: strings as Uint8Array<ArrayBuffer>[] })
  if (tensor.storage === 'inline') return withFields(proto, { rawData: marker(sink.inline(data)) })
  const { location, offset } = sink.external(tensor)
  const entries = { location, offset: `${offset}`, length: `${data.byteLength}` }
  const externalData = Object.entries(entries).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }))
  return withFields(proto, { externalData, dataLocation: DataLocation.EXTERNAL })
}

function encodeSparse(sparse: SparseTensorProto, sink: Sink): SparseTensorProto {
  const elements = sparseElementsOf(sparse)
  const part = (proto: TensorProto | undefined, data: Payload | undefined): TensorProto | undefined =>
    proto !== undefined && data !== undefined ? withFields(proto, { rawData: marker(sink.inline(data)) }) : proto
  const values = part(sparse.values, elements.values)
  const indices = part(sparse.indices, elements.indices)
  return withFields(sparse, { ...(values && { values }), ...(indices && { indices }) })
}

/** The message of a tensor without elements. */
export function describeTensor(proto: TensorProto, tensor: Pick<Tensor, 'name' | 'type' | 'shape' | 'storage'>): TensorProto {
  const external = tensor.storage === 'external'
  return withFields(proto, {
    name: tensor.name,
    dataType: dataTypeCode(tensor.type),
    dims: tensor.shape.map(BigInt),
    externalData: external ? proto.externalData : [],
    dataLocation: external ? DataLocation.EXTERNAL : DataLocation.DEFAULT,
  })
}
