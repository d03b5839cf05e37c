import {
  capturedBy,
  constantsOf,
  editGraph,
  editModel,
  editNode,
  editTensor,
  elementCount,
  type Model,
  madeBy,
  makeTensor,
  makeValueInfo,
  type Node,
  type Tensor,
  withoutDead,
} from '@pare/onnx'
import { type Foldable, type NamedTensor, weightLike } from './foldable.js'

/** The elements of a constant that was computed. */
export type ComputedConstant = Pick<Tensor, 'type' | 'shape' | 'data'>

export interface StoredFold {
  readonly foldable: Foldable
  readonly computed: ComputedConstant
}

/**
 * The model in which each value is an initializer. It has the name of the stored tensor that it was computed from, where that is one and nothing else needs it;
 * else that of the value. `names`: of the initializers, in the order of `folds`.
 */
export function foldedModel(model: Model, folds: readonly StoredFold[]): { model: Model; names: readonly string[] } {
  if (folds.length === 0) return { model, names: [] }
  const plain = withoutDead(model, withStored(model, folds))
  const names = namesFor(plain, folds)
  return { model: renamed(plain, new Map(names.map((name, i) => [folds[i]!.foldable.value, name]))), names }
}

/** Values are initializers of their own names; what made them makes nothing that is read. */
function withStored(model: Model, folds: readonly StoredFold[]): Model {
  const { graph } = model
  const values = new Set(folds.map(({ foldable }) => foldable.value))
  const taken = new Set([
    ...graph.nodes.flatMap(({ outputs }) => outputs),
    ...[...graph.inputs, ...graph.initializers].map(({ name }) => name),
  ])
  const spare = (name: string) => {
    let other = `${name}/computed`
    while (taken.has(other)) other += '_'
    taken.add(other)
    return other
  }
  const nodes = graph.nodes.flatMap((node) => {
    const made = madeBy(node)
    if (!made.some((name) => values.has(name))) return [node]
    if (made.every((name) => values.has(name))) return []
    return [editNode(node, { outputs: node.outputs.map((name) => (values.has(name) ? spare(name) : name)) })]
  })
  const initializers = folds.map(tensorOf)
  const isInput = model.irVersion < 4
  return editModel(model, {
    graph: editGraph(graph, {
      nodes,
      initializers: [...graph.initializers, ...initializers],
      sparseInitializers: graph.sparseInitializers.filter((name) => !values.has(name)),
      // Up to version 3 of the format every initializer is an input too.
      ...(isInput && {
        inputs: [...graph.inputs, ...initializers.map(({ name, type, shape }) => makeValueInfo({ name, type, shape }))],
      }),
    }),
  })
}

/** The tensors that a weight is another form or a part of. */
export function originsOf({ foldable: { sources }, computed }: StoredFold): readonly NamedTensor[] {
  const least = elementCount(computed.shape)
  return weightLike(sources).filter(({ tensor }) => elementCount(tensor.shape) >= least)
}

/** Stored where the tensor is that it was computed from: inline, or beside the model. */
function tensorOf({ foldable: { value: name, sources }, computed: { type, shape, data } }: StoredFold): Tensor {
  const [source] = weightLike(sources)
  if (source?.tensor.storage === 'external') return editTensor(source.tensor, { name, type, shape, data })
  return makeTensor({ name, type, shape, data })
}

function namesFor(after: Model, folds: readonly StoredFold[]): readonly string[] {
  const rest = constantsOf(after.graph)
  const captured = new Set(after.graph.nodes.flatMap(capturedBy))
  const candidates = folds.map((fold) => {
    const { value } = fold.foldable
    const [source, another] = originsOf(fold)
    const isOnly = source !== undefined && another === undefined && !rest.has(source.name) && !captured.has(value)
    return isOnly ? source.name : value
  })
  const counts = new Map<string, number>()
  for (const name of candidates) counts.set(name, (counts.get(name) ?? 0) + 1)
  return candidates.map((name, i) => (counts.get(name) === 1 ? name : folds[i]!.foldable.value))
}

/** Initializers under other names, and what reads them. */
function renamed(model: Model, names: ReadonlyMap<string, string>): Model {
  const { graph } = model
  const nameOf = (name: string) => names.get(name) ?? name
  const isSame = (list: readonly string[]) => list.every((name) => nameOf(name) === name)
  const renamedNode = (node: Node) => (isSame(node.inputs) ? node : editNode(node, { inputs: node.inputs.map(nameOf) }))
  if (isSame([...names.keys()])) return model
  return editModel(model, {
    graph: editGraph(graph, {
      nodes: graph.nodes.map(renamedNode),
      initializers: graph.initializers.map((tensor) =>
        isSame([tensor.name]) ? tensor : editTensor(tensor, { name: nameOf(tensor.name) }),
      ),
      inputs: graph.inputs.map((value) => (isSame([value.name]) ? value : makeValueInfo({ ...value, name: nameOf(value.name) }))),
    }),
  })
}
