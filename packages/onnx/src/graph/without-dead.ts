import type { Model, Node } from '../model.js'
import { editGraph, editModel, editNode } from './edit.js'
import { leadingTo, madeBy } from './uses.js'

/**
 * `after` without the nodes and constants that only what is gone needed, and without caches that attention makes for it. What nothing needed in `before` either stays: it is not ours to
 * judge.
 */
export function withoutDead(before: Model, after: Model): Model {
  const needed = leadingTo(before.graph, outputsOf(before))
  const live = leadingTo(after.graph, [...outputsOf(after), ...unusedIn(before, needed)])
  const isDead = (names: readonly string[]) => names.length > 0 && !names.some((name) => live.has(name))
  const { graph } = after
  const nodes = graph.nodes.filter((node) => !isDead(madeBy(node))).map((node) => withoutCache(node, { needed, live }))
  const initializers = graph.initializers.filter(({ name }) => !isDead([name]))
  const isSame = nodes.length === graph.nodes.length && nodes.every((node, i) => node === graph.nodes[i])
  if (isSame && initializers.length === graph.initializers.length) return after
  const deadNames = new Set(graph.initializers.filter((each) => !initializers.includes(each)).map(({ name }) => name))
  const liveNames = new Set(nodes.flatMap(madeBy))
  return editModel(after, {
    graph: editGraph(graph, {
      nodes,
      initializers,
      inputs: graph.inputs.filter(({ name }) => !deadNames.has(name)),
      values: graph.values.filter(({ name }) => liveNames.has(name)),
    }),
  })
}

/** Names of values that count: those needed before, and those needed now. */
interface Needs {
  readonly needed: ReadonlySet<string>
  readonly live: ReadonlySet<string>
}

/** ONNX Runtime writes keys and values that nobody reads over those of the past, and fails where it stores them in halves, since they are longer. Those that are not named are not written. */
function withoutCache(node: Node, { needed, live }: Needs): Node {
  const [out, ...caches] = node.outputs
  if (node.op !== 'GroupQueryAttention' || caches.some((name) => !needed.has(name) || live.has(name))) return node
  return caches.length === 0 ? node : editNode(node, { outputs: [out!] })
}

const outputsOf = ({ graph }: Model) => graph.outputs.map(({ name }) => name)

/** Outputs of nodes, and constants, that nothing needs. */
function unusedIn(model: Model, needed: ReadonlySet<string>): string[] {
  const values = [...model.graph.nodes.map(madeBy), ...model.graph.initializers.map(({ name }) => [name])]
  return values.filter((names) => !names.some((name) => needed.has(name))).flat()
}
