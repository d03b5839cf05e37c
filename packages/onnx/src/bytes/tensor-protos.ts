import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto } from './proto.js'

/** Every tensor of a model that the reader views, wherever it stands: not those of training_info. */
export function* tensorProtos(model: ModelProto): Generator<TensorProto, void, void> {
  if (model.graph !== undefined) yield* ofGraph(model.graph)
  for (const each of model.functions) yield* ofFunction(each)
}

function* ofGraph(graph: GraphProto): Generator<TensorProto, void, void> {
  yield* graph.initializer
  for (const each of graph.sparseInitializer) yield* ofSparse(each)
  for (const node of graph.node) yield* ofNode(node)
}

function* ofFunction(each: FunctionProto): Generator<TensorProto, void, void> {
  for (const attribute of each.attributeProto) yield* ofAttribute(attribute)
  for (const node of each.node) yield* ofNode(node)
}

function* ofNode(node: NodeProto): Generator<TensorProto, void, void> {
  for (const attribute of node.attribute) yield* ofAttribute(attribute)
}

function* ofAttribute(attribute: AttributeProto): Generator<TensorProto, void, void> {
  if (attribute.t !== undefined) yield attribute.t
  yield* attribute.tensors
  if (attribute.sparseTensor !== undefined) yield* ofSparse(attribute.sparseTensor)
  for (const each of attribute.sparseTensors) yield* ofSparse(each)
  if (attribute.g !== undefined) yield* ofGraph(attribute.g)
  for (const each of attribute.graphs) yield* ofGraph(each)
}

function* ofSparse(sparse: SparseTensorProto): Generator<TensorProto, void, void> {
  if (sparse.values !== undefined) yield sparse.values
  if (sparse.indices !== undefined) yield sparse.indices
}
