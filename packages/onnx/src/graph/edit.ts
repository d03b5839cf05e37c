import { byteLength, elementCount } from '../bytes/datatype.js'
import { describeTensor } from '../bytes/encode.js'
import { filesOf, rememberFiles } from '../bytes/origin.js'
import { create, OperatorSetIdProtoSchema, withFields } from '../bytes/proto.js'
import type { Graph, Model, Node, Tensor, ValueInfo } from '../model.js'
import { type AttributeValue, makeAttribute, makeValueInfo } from './make.js'

// Edits make new views and new messages, and share everything that stays. Unknown fields of a message stay with it.

/** Changes of a tensor. `data` alone keeps the message, so that the file around the elements is written as it stood. */
export type TensorChanges = Partial<Pick<Tensor, 'name' | 'type' | 'shape' | 'data' | 'strings' | 'storage'>>

/** Throws RangeError when the elements do not fit type and shape. */
export function editTensor(tensor: Tensor, changes: TensorChanges): Tensor {
  const edited = { ...tensor, ...changes }
  const expected = byteLength(edited.type, elementCount(edited.shape))
  if (edited.data.byteLength !== expected) {
    const shape = edited.shape.join()
    throw new RangeError(
      `tensor '${edited.name}': ${edited.type}[${shape}] takes ${expected} bytes, given ${edited.data.byteLength}`,
    )
  }
  const onlyElements = edited.name === tensor.name && edited.type === tensor.type && edited.storage === tensor.storage
  const sameShape = edited.shape.length === tensor.shape.length && edited.shape.every((size, axis) => size === tensor.shape[axis])
  if (onlyElements && sameShape && edited.strings === tensor.strings) return edited
  return { ...edited, proto: describeTensor(tensor.proto, edited) }
}

export type NodeChanges = Partial<Omit<Node, 'proto'>>

export function editNode(node: Node, changes: NodeChanges): Node {
  const edited = { ...node, ...changes }
  const input = [...edited.inputs]
  const output = [...edited.outputs]
  const proto = withFields(node.proto, {
    name: edited.name,
    opType: edited.op,
    domain: changes.domain ?? node.proto.domain,
    input,
    output,
    attribute: [...edited.attributes.values()].map((each) => each.proto),
  })
  return { ...edited, inputs: input, outputs: output, proto }
}

/** The node with these attributes besides its own, in place of those of the same names. Undefined: without it. */
export function editAttributes(node: Node, changes: Readonly<Record<string, AttributeValue | undefined>>): Node {
  const attributes = new Map(node.attributes)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) attributes.delete(name)
    else attributes.set(name, makeAttribute(name, value))
  }
  return editNode(node, { attributes })
}

export type ValueInfoChanges = Partial<Pick<ValueInfo, 'name' | 'shape'>>

/** Only a tensor has a shape to change. */
export function editValueInfo(value: ValueInfo, changes: ValueInfoChanges): ValueInfo {
  const edited = { ...value, ...changes }
  const described = changes.shape !== undefined && makeValueInfo(edited).proto.type
  const proto = withFields(value.proto, { name: edited.name, ...(described && { type: described }) })
  return { ...edited, proto }
}

export type GraphChanges = Partial<Omit<Graph, 'proto'>>

export function editGraph(graph: Graph, changes: GraphChanges): Graph {
  return { ...graph, ...changes, proto: withFields(graph.proto, {}) }
}

export type ModelChanges = Partial<Omit<Model, 'proto'>>

export function editModel(model: Model, changes: ModelChanges): Model {
  const edited = { ...model, ...changes }
  const proto = withFields(model.proto, { irVersion: BigInt(edited.irVersion) })
  if (changes.opsets !== undefined) {
    proto.opsetImport = [...changes.opsets].map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
    )
  }
  rememberFiles(proto, filesOf(model.proto))
  return { ...edited, proto }
}
