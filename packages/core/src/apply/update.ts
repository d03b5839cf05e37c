import {
  type DataType,
  editGraph,
  editModel,
  editNode,
  editTensor,
  keyOf,
  type Model,
  makeTensor,
  type Node,
  PareError,
  type Payload,
  withoutDead,
  withTensors,
} from '@pare/onnx'

/** Tensors get other numbers: what a solver or a repair computed. Another machine would compute a little differently, so they are kept. */
export interface UpdateStep {
  readonly kind: 'update'
  /** Who computed them: a solver's name, or 'repair'. */
  readonly by: string
  readonly tensors: readonly UpdatedTensor[]
  /** What the user should know: a fallback that was taken, with the reason. */
  readonly notes: readonly string[]
}

export interface UpdatedTensor {
  /** Of the tensor that is replaced; where `readers` are named, what the new one is called. */
  readonly id: string
  readonly type: DataType
  readonly shape: readonly number[]
  /** Who reads it from now on: first output of the node, and which input. Absent: whoever reads the tensor of this id. */
  readonly readers?: readonly (readonly [node: string, input: number])[]
  /** Of `data`. */
  readonly sha256: string
  /** The elements, as in `Tensor.data`. Not in the plan's text: they stand in a file beside it. */
  readonly data: Payload
}

/** The model with these tensors. Throws PareError where it has no such tensor, or one of another size. */
export function applyUpdate(model: Model, { tensors }: UpdateStep): Model {
  const inPlace = new Map(tensors.filter(({ readers }) => readers === undefined).map((each) => [each.id, each]))
  const ids = new Set<string>()
  const replaced = withTensors(model, (tensor, id) => {
    const update = inPlace.get(id)
    if (update === undefined) return tensor
    if (update.type !== tensor.type || String(update.shape) !== String(tensor.shape))
      throw another(update, `has it as ${tensor.type}[${tensor.shape}]`)
    ids.add(id)
    return editTensor(tensor, { data: update.data })
  })
  for (const [id, update] of inPlace) if (!ids.has(id)) throw another(update, 'has no such tensor')
  const own = tensors.filter(({ readers }) => readers !== undefined)
  return own.length === 0 ? replaced : withoutDead(model, withReaders(replaced, own))
}

/** New tensors, for some readers only: exporters store equal vectors once. */
function withReaders(model: Model, tensors: readonly UpdatedTensor[]): Model {
  const inputs = new Map<string, Map<number, string>>()
  for (const { id, readers } of tensors) {
    for (const [node, input] of readers!) inputs.set(node, (inputs.get(node) ?? new Map<number, string>()).set(input, id))
  }
  const { graph } = model
  const nodes = graph.nodes.map((node) => reading(node, inputs.get(keyOf(node))))
  const additions = tensors.map(({ id, type, shape, data }) => ({ ...makeTensor({ name: id, type, shape, data }) }))
  return editModel(model, { graph: editGraph(graph, { nodes, initializers: [...graph.initializers, ...additions] }) })
}

function reading(node: Node, names: ReadonlyMap<number, string> | undefined): Node {
  if (names === undefined) return node
  const inputs = [...node.inputs]
  for (const [input, name] of names) {
    while (inputs.length < input) inputs.push('')
    inputs[input] = name
  }
  return editNode(node, { inputs })
}

function another({ id, type, shape }: UpdatedTensor, has: string): PareError {
  return new PareError(`the plan updates '${id}' as ${type}[${shape}], and this model ${has}.`, {
    hint: 'replay a plan on the model it was made for; its path and hash stand at the top of the plan.',
  })
}
