import { weightsOf } from '@pare/core'
import {
  editGraph,
  editModel,
  editNode,
  editTensor,
  editValueInfo,
  type Graph,
  type Model,
  makeNode,
  makeTensor,
  makeValueInfo,
  PareError,
  sha256,
  type Tensor,
  type ValueInfo,
} from '@pare/onnx'

/** The two files of a decoder: the one that reads a prompt, and the one that goes on with its cache. */
export interface DecoderPair<Of> {
  readonly first: Of
  readonly next: Of
}

/** The input that chooses: what optimum calls it in a merged decoder. */
export const FLAG = 'use_cache_branch'

/**
 * Both decoders as one model, an If of both graphs, as optimum merges them: weights of the same numbers are there once, so that what is decided of them holds for both.
 * What the second does not give out, the keys and values of the encoder, is a constant without elements in its branch. Throws PareError where the two hold different
 * weights, or are written for different operators. Reads every tensor that may be in both once.
 */
export async function joinDecoders({ first, next }: DecoderPair<Model>, names: DecoderPair<string>): Promise<Model> {
  const reason = mismatch(first, next)
  if (reason !== undefined) throw notOne(names, reason)
  const shared = await sharedTensors({ first, next })
  const missing = weightsOf(next).find(({ id }) => !shared.next.has(id))
  if (missing !== undefined) throw notOne(names, `'${missing.id}' of ${names.next} is not in ${names.first}`)
  const outputs = first.graph.outputs.map((value) => {
    const other = next.graph.outputs.find(({ name }) => name === value.name)
    return other === undefined ? value : withShape(value, bothShapes(value, other, 'open'))
  })
  const choice = makeNode({
    op: 'If',
    name: 'decoders',
    inputs: [FLAG],
    outputs: first.graph.outputs.map(({ name }) => name),
    attributes: {
      then_branch: branchOf(complete(next.graph, first.graph.outputs), shared.next),
      else_branch: branchOf(first.graph, shared.first),
    },
  })
  const flag = makeValueInfo({ name: FLAG, type: 'bool', shape: [1] })
  return editModel(first, {
    graph: editGraph(first.graph, {
      ...{ nodes: [choice], initializers: shared.tensors, values: [], outputs },
      inputs: [...inputsOf({ first, next }), flag],
    }),
  })
}

function mismatch(first: Model, next: Model): string | undefined {
  const [one, other] = [first, next].map(({ opsets }) =>
    [...opsets]
      .map(([domain, version]) => `${domain} ${version}`)
      .sort()
      .join(),
  )
  if (one !== other) return 'they are written for different operator sets'
  if (first.functions.length > 0 || next.functions.length > 0) return 'they call functions of their own'
  const firstOutputs = new Set(first.graph.outputs.map(({ name }) => name))
  const own = next.graph.outputs.find(({ name }) => !firstOutputs.has(name))
  return own && `the output '${own.name}' is of one alone`
}

function notOne({ first, next }: DecoderPair<string>, reason: string): PareError {
  return new PareError(`${first} and ${next} cannot be pruned as one model: ${reason}.`, {
    hint: 'export both from the same model at once, or with a merged decoder, decoder_model_merged.onnx, which optimum-cli export onnx writes unless --no-post-process is given.',
  })
}

interface SharedTensors {
  /** Under the names they have in the model of both. */
  readonly tensors: readonly Tensor[]
  /** The name that a tensor of a file has there. */
  readonly first: ReadonlyMap<string, string>
  readonly next: ReadonlyMap<string, string>
}

/** Tensors with axes that both files hold, by type, shape and numbers. Where a file has as many that are equal as the other, each has its own, those of the same name together. */
async function sharedTensors({ first, next }: DecoderPair<Model>): Promise<SharedTensors> {
  const [ours, theirs] = [await byNumbers(first.graph, next.graph), await byNumbers(next.graph, first.graph)]
  const pairs: { readonly one: Tensor; readonly other: Tensor }[] = []
  for (const [key, equal] of ours) {
    const others = theirs.get(key) ?? []
    if (others.length === 0) continue
    const sameName = new Map(others.map((tensor) => [tensor.name, tensor]))
    const left = others.filter(({ name }) => !equal.some((tensor) => tensor.name === name))
    const each = equal.map((one) => ({ one, other: sameName.get(one.name) ?? left.shift() }))
    const isEven = left.length === 0 && each.every(({ other }) => other !== undefined)
    if (isEven) pairs.push(...each.map(({ one, other }) => ({ one, other: other! })))
    else for (const one of equal) for (const other of others) pairs.push({ one, other })
  }
  const [oneNames, otherNames] = [new Map<string, string>(), new Map<string, string>()]
  const tensors = new Map<string, Tensor>()
  const taken = new Set([
    ...namesIn(
      first.graph,
      pairs.map(({ one }) => one),
    ),
    ...namesIn(
      next.graph,
      pairs.map(({ other }) => other),
    ),
  ])
  for (const { one, other } of pairs) {
    const name = otherNames.get(other.name) ?? oneNames.get(one.name) ?? freeName(one.name, taken)
    if (!tensors.has(name)) tensors.set(name, editTensor(one, { name }))
    taken.add(name)
    oneNames.set(one.name, name)
    otherNames.set(other.name, name)
  }
  return { tensors: [...tensors.values()], first: oneNames, next: otherNames }
}

/** Tensors of a graph that may be in the other, by type, shape and hash. */
async function byNumbers(graph: Graph, other: Graph): Promise<ReadonlyMap<string, readonly Tensor[]>> {
  const kindOf = ({ type, shape }: Tensor) => `${type} ${shape.join()}`
  const kinds = new Set(other.initializers.map(kindOf))
  const twins = new Map<string, Tensor[]>()
  for (const tensor of graph.initializers) {
    // Sizes and axes of nodes are no weights: each keeps its own.
    if (tensor.shape.length === 0 || /int64|int32|bool|string/.test(tensor.type) || !kinds.has(kindOf(tensor))) continue
    const key = `${kindOf(tensor)} ${await sha256(tensor.data)}`
    twins.set(key, [...(twins.get(key) ?? []), tensor])
  }
  return twins
}

/** Names that a graph has for something else than these tensors. */
function namesIn({ inputs, initializers, nodes }: Graph, tensors: readonly Tensor[]): readonly string[] {
  const apart = new Set(tensors.map(({ name }) => name))
  const stored = initializers.filter(({ name }) => !apart.has(name))
  return [...[...inputs, ...stored].map(({ name }) => name), ...nodes.flatMap(({ outputs }) => outputs)]
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  let free = name
  for (let count = 2; taken.has(free); count++) free = `${name}/${count}`
  return free
}

/** A graph that gives out everything that the other does. */
function complete(graph: Graph, outputs: readonly ValueInfo[]): Graph {
  const own = new Map(graph.outputs.map((value) => [value.name, value]))
  const missing = outputs.filter(({ name }) => !own.has(name))
  const nothing = missing.map((value) => {
    const sizes = (value.shape ?? []).map((size) => (typeof size === 'number' ? size : 1))
    const open = Math.max(
      0,
      (value.shape ?? []).findIndex((size) => typeof size !== 'number'),
    )
    const empty = makeTensor({ name: value.name, type: value.type ?? 'float32', shape: sizes.with(open, 0), values: [] })
    return makeNode({ op: 'Constant', inputs: [], outputs: [value.name], attributes: { value: empty } })
  })
  return editGraph(graph, {
    nodes: [...graph.nodes, ...nothing],
    outputs: outputs.map((value) => own.get(value.name) ?? makeValueInfo({ name: value.name, type: value.type ?? 'float32' })),
  })
}

function branchOf(graph: Graph, shared: ReadonlyMap<string, string>): Graph {
  const stored = new Set(graph.initializers.map(({ name }) => name))
  return editGraph(graph, {
    inputs: [],
    initializers: graph.initializers.filter(({ name }) => !shared.has(name)),
    nodes: graph.nodes.map((node) =>
      node.inputs.some((name) => shared.has(name))
        ? editNode(node, { inputs: node.inputs.map((name) => shared.get(name) ?? name) })
        : node,
    ),
    values: graph.values.filter(({ name }) => !stored.has(name)),
  })
}

function inputsOf({ first, next }: DecoderPair<Model>): readonly ValueInfo[] {
  const stored = new Set([first, next].flatMap(({ graph }) => graph.initializers.map(({ name }) => name)))
  const [one, other] = [first, next].map(({ graph }) => graph.inputs.filter(({ name }) => !stored.has(name))) as [
    ValueInfo[],
    ValueInfo[],
  ]
  const later = new Map(other.map((value) => [value.name, value]))
  const own = new Set(one.map(({ name }) => name))
  const both = one.map((value) =>
    later.has(value.name) ? withShape(value, bothShapes(value, later.get(value.name)!, 'next')) : value,
  )
  return [...both, ...other.filter(({ name }) => !own.has(name))]
}

type Shape = NonNullable<ValueInfo['shape']>

/** Sizes for both: a number where it is the same, a name where one has it, and of two names that of the second, or none. */
function bothShapes(one: ValueInfo, other: ValueInfo, names: 'next' | 'open'): Shape | undefined {
  const { shape: sizes } = one
  if (sizes === undefined || sizes.length !== other.shape?.length) return undefined
  return sizes.map((size, axis) => {
    const later = other.shape![axis]
    if (size === later) return size
    if (typeof size === 'number' || typeof later === 'number')
      return typeof size === 'number' ? (typeof later === 'number' ? undefined : later) : size
    return names === 'next' ? later : undefined
  })
}

function withShape(value: ValueInfo, shape: Shape | undefined): ValueInfo {
  return shape === undefined ? value : editValueInfo(value, { shape })
}
