import { editGraph, editModel, isRandom, type Model, madeBy, type Node, readBy, type Uses, type ValueInfo } from '@pare/onnx'
import type { Between } from './between.js'
import type { ProductSite } from './sites.js'
import { widenedUsesOf } from './uses.js'

/** What runs one after another. */
export type SessionStep<Own extends OwnNodes = OwnStep> = Own | DenseStep

/** Nodes that are computed by us. */
export interface OwnNodes {
  readonly nodes: readonly Node[]
  /** Values that the nodes read from others, but for constants. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

/** Ours: a sparse product, or what lies between two. */
export type OwnStep = OwnNodes &
  ({ readonly kind: 'sparse'; readonly site: ProductSite } | { readonly kind: 'between'; readonly between: Between })

export const productStep = (site: ProductSite): OwnStep => ({
  kind: 'sparse',
  site,
  nodes: site.nodes,
  inputs: [site.input],
  outputs: [site.output],
})

export const betweenStep = (between: Between): OwnStep => ({
  kind: 'between',
  between,
  nodes: between.nodes,
  inputs: between.inputs,
  outputs: [between.output],
})

/** Nodes that ONNX Runtime runs as one session. */
export interface DenseStep {
  readonly kind: 'dense'
  readonly nodes: readonly Node[]
  /** Values that others make, or inputs of the model. */
  readonly inputs: readonly string[]
  /** Values that others read, or outputs of the model. */
  readonly outputs: readonly string[]
}

/**
 * A model as sparse products and as few dense stretches as their order allows: stretch k has the nodes that k crossings lead to, counted along the way with
 * most, so nothing waits for a stretch it could run beside. Nodes of constants alone stand in every stretch that reads them. Linear in nodes and edges.
 */
export function stepsOf<Own extends OwnNodes>(model: Model, own: readonly Own[]): SessionStep<Own>[] {
  const { graph } = model
  const uses = widenedUsesOf(graph)
  const owners = new Map(own.flatMap((step) => step.nodes.map((node) => [node, step] as const)))
  const levels = levelsOf(graph.nodes, { uses, owners })
  const inOrder = [...levels.own.keys()]
  const last = Math.max(-1, ...levels.dense.values(), ...levels.own.values())
  const steps: SessionStep<Own>[] = []
  for (let level = 0; level <= last; level++) {
    const nodes = withFree(
      graph.nodes.filter((node) => levels.dense.get(node) === level),
      { uses, free: levels.free },
    )
    if (nodes.length > 0) steps.push(denseStep(nodes, { owners, uses, levels }))
    for (const step of inOrder) if (levels.own.get(step) === level) steps.push(step)
  }
  return steps
}

interface Levels<Own> {
  readonly dense: ReadonlyMap<Node, number>
  /** In the order in which the graph has their results. */
  readonly own: ReadonlyMap<Own, number>
  /** Nodes that depend on constants alone. */
  readonly free: ReadonlySet<Node>
}

function levelsOf<Own extends OwnNodes>(
  nodes: readonly Node[],
  { uses, owners }: { uses: Uses; owners: ReadonlyMap<Node, Own> },
): Levels<Own> {
  const dense = new Map<Node, number>()
  const own = new Map<Own, number>()
  const free = new Set<Node>()
  /** The stretch in or after which a value is there: ours can go on in the same, ONNX Runtime in the next. */
  const readyFor = (name: string, reader: 'ours' | 'dense'): number => {
    const producer = uses.producers.get(name)
    if (producer === undefined) return 0
    const owner = owners.get(producer)
    return owner === undefined ? (dense.get(producer) ?? 0) : own.get(owner)! + (reader === 'ours' ? 0 : 1)
  }
  for (const node of nodes) {
    const owner = owners.get(node)
    if (owner !== undefined) {
      // Where the node stands that makes the last result, all that the step reads is there.
      if (node.outputs.includes(owner.outputs.at(-1)!))
        own.set(owner, Math.max(0, ...owner.inputs.map((name) => readyFor(name, 'ours'))))
      continue
    }
    const reads = readBy(node).filter((name) => !uses.constants.has(name))
    const isOutput = node.outputs.some((name) => uses.outputs.has(name))
    const fromConstants = reads.every((name) => {
      const producer = uses.producers.get(name)
      return producer !== undefined && free.has(producer)
    })
    if (fromConstants && !isOutput && !isRandom(node)) free.add(node)
    else dense.set(node, Math.max(0, ...reads.map((name) => readyFor(name, 'dense'))))
  }
  return { dense, own, free }
}

function withFree(nodes: readonly Node[], { uses, free }: { uses: Uses; free: ReadonlySet<Node> }): Node[] {
  const needed = new Set<Node>()
  const need = (name: string): void => {
    const producer = uses.producers.get(name)
    if (producer === undefined || !free.has(producer) || needed.has(producer)) return
    for (const input of readBy(producer)) need(input)
    needed.add(producer)
  }
  for (const node of nodes) for (const name of readBy(node)) need(name)
  return [...needed, ...nodes]
}

function denseStep(
  nodes: readonly Node[],
  { owners, uses, levels }: { owners: ReadonlyMap<Node, OwnNodes>; uses: Uses; levels: Levels<OwnNodes> },
): DenseStep {
  const own = new Set(nodes)
  const results = new Set(nodes.flatMap(madeBy))
  const inputs = new Set(nodes.flatMap((node) => readBy(node)).filter((name) => !results.has(name) && isDynamic(name)))
  const readElsewhere = (name: string) =>
    (uses.consumers.get(name) ?? []).some((node) => {
      const owner = owners.get(node)
      return owner === undefined ? !own.has(node) && !levels.free.has(node) : owner.inputs.includes(name)
    })
  const outputs = [...results].filter((name) => {
    const producer = uses.producers.get(name)!
    return !levels.free.has(producer) && (uses.outputs.has(name) || readElsewhere(name))
  })
  return { kind: 'dense', nodes, inputs: [...inputs], outputs }

  /** Names that only a nested graph knows are none of ours. */
  function isDynamic(name: string): boolean {
    if (uses.constants.has(name) && !uses.producers.has(name)) return false
    return uses.producers.has(name) || uses.inputs.has(name)
  }
}

/** The model of a stretch. `infoOf` has types and shapes of the values that it reads and gives. */
export function modelOfStep(model: Model, { nodes, inputs, outputs }: DenseStep, infoOf: (name: string) => ValueInfo): Model {
  const operands = new Set(nodes.flatMap(readBy))
  const { graph } = model
  return editModel(model, {
    graph: editGraph(graph, {
      nodes,
      inputs: inputs.map(infoOf),
      outputs: outputs.map(infoOf),
      initializers: graph.initializers.filter(({ name }) => operands.has(name) && !inputs.includes(name)),
      values: [],
    }),
  })
}
