import { editGraph, editModel, type Model, type Node, type ValueInfo } from '@pare/onnx'
import type { Site } from './sites.js'
import { namesRead, type Uses, usesOf } from './uses.js'

/** What runs one after another. */
export type Step = { readonly kind: 'sparse'; readonly site: Site } | DenseStep

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
export function stepsOf(model: Model, sites: readonly Site[]): Step[] {
  const { graph } = model
  const uses = usesOf(graph)
  const siteOf = new Map(sites.flatMap((site) => site.nodes.map((node) => [node, site] as const)))
  const levels = levelsOf(graph.nodes, { uses, siteOf })
  const last = Math.max(-1, ...levels.dense.values(), ...levels.sparse.values())
  const steps: Step[] = []
  for (let level = 0; level <= last; level++) {
    const nodes = withFree(
      graph.nodes.filter((node) => levels.dense.get(node) === level),
      { uses, free: levels.free },
    )
    if (nodes.length > 0) steps.push(denseStep(nodes, { siteOf, uses, levels }))
    for (const site of sites) if (levels.sparse.get(site) === level) steps.push({ kind: 'sparse', site })
  }
  return steps
}

interface Levels {
  readonly dense: ReadonlyMap<Node, number>
  readonly sparse: ReadonlyMap<Site, number>
  /** Nodes that depend on constants alone. */
  readonly free: ReadonlySet<Node>
}

function levelsOf(
  nodes: readonly Node[],
  { uses, siteOf }: { uses: Uses; siteOf: ReadonlyMap<Node, Site> },
): Levels {
  const dense = new Map<Node, number>()
  const sparse = new Map<Site, number>()
  const free = new Set<Node>()
  /** The stretch after which a value is there, seen from a stretch. */
  const readyFor = (name: string): number => {
    const producer = uses.producers.get(name)
    if (producer === undefined) return 0
    const site = siteOf.get(producer)
    return site === undefined ? (dense.get(producer) ?? 0) : sparse.get(site)! + 1
  }
  for (const node of nodes) {
    const site = siteOf.get(node)
    if (site !== undefined) {
      // What a sparse product reads from another is ready in its own stretch.
      const producer = uses.producers.get(site.input)
      const before = producer === undefined ? undefined : siteOf.get(producer)
      sparse.set(site, before === undefined ? readyFor(site.input) : sparse.get(before)!)
      continue
    }
    const reads = uses.readsOf(node).filter((name) => !uses.constants.has(name))
    const isOutput = node.outputs.some((name) => uses.outputs.has(name))
    const fromConstants = reads.every((name) => {
      const producer = uses.producers.get(name)
      return producer !== undefined && free.has(producer)
    })
    if (fromConstants && !isOutput && !RANDOM.test(node.op)) free.add(node)
    else dense.set(node, Math.max(0, ...reads.map(readyFor)))
  }
  return { dense, sparse, free }
}

/** Twice is not the same twice. */
const RANDOM = /^(Random|Multinomial|Bernoulli|Dropout)/

function withFree(nodes: readonly Node[], { uses, free }: { uses: Uses; free: ReadonlySet<Node> }): Node[] {
  const needed = new Set<Node>()
  const need = (name: string): void => {
    const producer = uses.producers.get(name)
    if (producer === undefined || !free.has(producer) || needed.has(producer)) return
    for (const input of uses.readsOf(producer)) need(input)
    needed.add(producer)
  }
  for (const node of nodes) for (const name of uses.readsOf(node)) need(name)
  return [...needed, ...nodes]
}

function denseStep(
  nodes: readonly Node[],
  { siteOf, uses, levels }: { siteOf: ReadonlyMap<Node, Site>; uses: Uses; levels: Levels },
): DenseStep {
  const own = new Set(nodes)
  const made = new Set(nodes.flatMap((node) => node.outputs).filter((name) => name !== ''))
  const inputs = new Set(nodes.flatMap((node) => uses.readsOf(node)).filter((name) => !made.has(name) && isDynamic(name)))
  const readElsewhere = (name: string) =>
    (uses.consumers.get(name) ?? []).some((node) => {
      const site = siteOf.get(node)
      return site === undefined ? !own.has(node) && !levels.free.has(node) : site.input === name
    })
  const outputs = [...made].filter((name) => {
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

/** The model of a stretch. `infoOf` has types and shapes of the values that it reads. */
export function modelOfStep(model: Model, { nodes, inputs, outputs }: DenseStep, infoOf: (name: string) => ValueInfo): Model {
  const read = new Set(nodes.flatMap((node) => [...namesRead(node)]))
  const { graph } = model
  return editModel(model, {
    graph: editGraph(graph, {
      nodes,
      inputs: inputs.map(infoOf),
      outputs: outputs.map(infoOf),
      initializers: graph.initializers.filter(({ name }) => read.has(name) && !inputs.includes(name)),
      values: [],
    }),
  })
}
