import { editGraph, editModel, editNode, GraphWriter, inferShapes, type Model, madeBy, type Node, readBy } from '@pare/onnx'
import { after } from './after.js'

export interface RecomputeOptions {
  /** What kept activations may take. */
  readonly bytes: number
  /** Shapes of the inputs that hold samples. */
  readonly inputs: Readonly<Record<string, readonly number[]>>
  /** How many nodes, the first ones, are the forward pass. */
  readonly forward: number
  /** Names of gradients of values, as the backward pass writes them. */
  readonly gradients: ReadonlySet<string>
}

/**
 * The same gradients with fewer activations kept: the forward pass is cut into stretches where little crosses, and all that the backward pass reads of a stretch is
 * computed again from what crosses into it, once the gradient has come back to it (Chen et al. 2016, arXiv 1604.06174). The run time frees the activations of the
 * first pass by itself. As few stretches as the bytes allow; the least memory where that is still too much. A forward pass more, at most.
 */
export async function recompute(model: Model, options: RecomputeOptions): Promise<Model> {
  const flow = await readFlow(model, options)
  if (bytesOf(flow, flow.kept) <= options.bytes) return model
  const choices = Array.from({ length: MOST_STRETCHES - 1 }, (_, i) => stretchesOf(flow, i + 2))
  const fits = choices.find((stretches) => costOf(flow, stretches) <= options.bytes)
  const least = choices.reduce((a, b) => (costOf(flow, b) < costOf(flow, a) ? b : a))
  return withStretches(model, flow, fits ?? least)
}

/** More would cost more in what crosses than they save, for networks of tens of layers. */
const MOST_STRETCHES = 32

/** What the backward pass reads of the forward pass. */
interface Flow {
  readonly nodes: readonly Node[]
  readonly forward: number
  /** Node of the forward pass that makes a value. */
  readonly makers: ReadonlyMap<string, number>
  /** Values that are the elements of another one in another shape, and that one. */
  readonly roots: ReadonlyMap<string, string>
  readonly sizes: ReadonlyMap<string, number>
  /** Values made by the forward pass, read by the backward pass. */
  readonly kept: ReadonlySet<string>
  /** Inputs that hold samples. */
  readonly data: ReadonlySet<string>
  readonly gradients: ReadonlySet<string>
}

const VIEWS = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity'])

async function readFlow(model: Model, { inputs, forward, gradients }: RecomputeOptions): Promise<Flow> {
  const { shapes } = await inferShapes(model, { inputs })
  const { nodes } = model.graph
  const makers = new Map<string, number>()
  const roots = new Map<string, string>()
  for (const [i, node] of nodes.slice(0, forward).entries()) {
    for (const name of madeBy(node)) makers.set(name, i)
    const [from, to] = [node.inputs[0] ?? '', node.outputs[0] ?? '']
    if (VIEWS.has(node.op)) roots.set(to, roots.get(from) ?? from)
  }
  const kept = new Set(nodes.slice(forward).flatMap((node) => node.inputs.filter((name) => makers.has(name))))
  const sizes = new Map([...shapes].map(([name, shape]) => [name, 4 * shape.reduce((a, b) => a * b, 1)]))
  return { nodes, forward, makers, roots, sizes, kept, data: new Set(Object.keys(inputs)), gradients }
}

function bytesOf({ roots, sizes }: Flow, values: Iterable<string>): number {
  const unique = new Set([...values].map((name) => roots.get(name) ?? name))
  return [...unique].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0)
}

/** A stretch of the forward pass: nodes from `start` up to `end`. */
interface Stretch {
  readonly start: number
  readonly end: number
}

/** About as much kept in each, cut where the least crosses nearby. */
function stretchesOf(flow: Flow, count: number): Stretch[] {
  const bytes = new Array<number>(flow.forward).fill(0)
  for (const name of flow.kept) if (!flow.roots.has(name)) bytes[flow.makers.get(name)!]! += flow.sizes.get(name) ?? 0
  const total = bytes.reduce((a, b) => a + b, 0)
  const crossing = crossingBytes(flow)
  const cuts: number[] = []
  let sum = 0
  let best: number | undefined
  for (let i = 0; i < flow.forward; i++) {
    sum += bytes[i]!
    const target = ((cuts.length + 1) * total) / count
    const slack = total / count / 3
    if (sum < target - slack) continue
    if (best === undefined || crossing[i]! < crossing[best]!) best = i
    if (sum < target + slack && i < flow.forward - 1) continue
    cuts.push(best + 1)
    best = undefined
    if (cuts.length === count - 1) break
  }
  const borders = [0, ...new Set(cuts), flow.forward]
  return borders.slice(1).map((end, i) => ({ start: borders[i]!, end }))
}

/** After each node: the bytes that are made up to it, and read by nodes behind. */
function crossingBytes({ nodes, forward, makers, roots, sizes }: Flow): number[] {
  const last = new Map<string, number>()
  for (const [i, node] of nodes.slice(0, forward).entries()) {
    for (const name of node.inputs) if (makers.has(name)) last.set(roots.get(name) ?? name, i)
  }
  const change = new Array<number>(forward + 1).fill(0)
  for (const [name, end] of last) {
    const start = makers.get(name)
    if (start === undefined || end <= start) continue
    change[start]! += sizes.get(name) ?? 0
    change[end]! -= sizes.get(name) ?? 0
  }
  let now = 0
  return change.slice(0, forward).map((each) => {
    now += each
    return now
  })
}

/** What crosses into stretches, and all of the largest one. */
function costOf(flow: Flow, stretches: readonly Stretch[]): number {
  const again = stretches.slice(0, -1).map((stretch) => repeated(flow, stretch))
  const crossing = bytesOf(
    flow,
    again.flatMap(({ from }) => from),
  )
  const own = stretches.map((stretch) => bytesOf(flow, keptIn(flow, stretch)))
  return crossing + Math.max(...own)
}

function keptIn({ kept, makers }: Flow, { start, end }: Stretch): string[] {
  return [...kept].filter((name) => makers.get(name)! >= start && makers.get(name)! < end)
}

/** The nodes of a stretch that must run again, and the values that they read from outside: made before, or samples. */
function repeated(flow: Flow, { start, end }: Stretch): { readonly nodes: readonly Node[]; readonly from: readonly string[] } {
  const names = new Set(keptIn(flow, { start, end }))
  const nodes: Node[] = []
  for (const node of flow.nodes.slice(start, end).reverse()) {
    if (!madeBy(node).some((name) => names.has(name))) continue
    nodes.unshift(node)
    for (const name of readBy(node)) names.add(name)
  }
  const outside = [...names].filter((name) => flow.data.has(name) || (flow.makers.get(name) ?? Number.POSITIVE_INFINITY) < start)
  return { nodes, from: outside }
}

function withStretches(model: Model, flow: Flow, stretches: readonly Stretch[]): Model {
  const emit = new GraphWriter(model.graph, 'again')
  const backward = [...flow.nodes.slice(flow.forward)]
  const inserts = new Map<number, Node[]>()
  const renamed = new Map<string, string>()
  for (const stretch of stretches.slice(0, -1)) {
    const kept = new Set(keptIn(flow, stretch))
    const first = backward.findIndex((node) => node.inputs.some((name) => kept.has(name)))
    const arrived = first < 0 ? undefined : lastGradient(backward.slice(0, first), flow.gradients)
    if (arrived === undefined) continue
    const names = new Map<string, string>()
    const before = emit.nodes.length
    const { nodes, from } = repeated(flow, stretch)
    for (const name of from) names.set(name, after(emit, name, arrived))
    const again = nodes.map((node) => {
      for (const name of madeBy(node)) names.set(name, `again/${name}`)
      return editNode(node, {
        name: node.name === '' ? '' : `again/${node.name}`,
        inputs: node.inputs.map((name) => names.get(name) ?? name),
        outputs: node.outputs.map((name) => names.get(name) ?? name),
      })
    })
    for (const name of kept) renamed.set(name, names.get(name)!)
    inserts.set(first, [...(inserts.get(first) ?? []), ...emit.nodes.splice(before), ...again])
  }
  const behind = backward.flatMap((node, i) => [
    ...(inserts.get(i) ?? []),
    editNode(node, { inputs: node.inputs.map((name) => renamed.get(name) ?? name) }),
  ])
  const { graph } = model
  return editModel(model, {
    graph: editGraph(graph, {
      nodes: [...flow.nodes.slice(0, flow.forward), ...behind],
      initializers: [...graph.initializers, ...emit.constants],
    }),
  })
}

function lastGradient(nodes: readonly Node[], gradients: ReadonlySet<string>): string | undefined {
  return [...nodes]
    .reverse()
    .flatMap(({ outputs }) => outputs)
    .find((name) => gradients.has(name))
}
