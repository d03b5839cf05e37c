import type { Model } from '../model.js'
import { editGraph, editModel } from './edit.js'
import { leadingTo, madeBy } from './uses.js'

/** `after` without the nodes and constants that only what is gone needed. What nothing needed in `before` either stays: it is not ours to judge. */
export function withoutDead(before: Model, after: Model): Model {
  const unused = unusedIn(before)
  const live = leadingTo(after.graph, [...outputsOf(after), ...unused])
  const isDead = (names: readonly string[]) => names.length > 0 && !names.some((name) => live.has(name))
  const { graph } = after
  const nodes = graph.nodes.filter((node) => !isDead(madeBy(node)))
  const initializers = graph.initializers.filter(({ name }) => !isDead([name]))
  if (nodes.length === graph.nodes.length && initializers.length === graph.initializers.length) return after
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

const outputsOf = ({ graph }: Model) => graph.outputs.map(({ name }) => name)

/** Outputs of nodes, and constants, that nothing needs. */
function unusedIn(model: Model): string[] {
  const live = leadingTo(model.graph, outputsOf(model))
  const values = [...model.graph.nodes.map(madeBy), ...model.graph.initializers.map(({ name }) => [name])]
  return values.filter((names) => !names.some((name) => live.has(name))).flat()
}
