import type { Model, Node, ValueInfo } from '../model.js'
import { editGraph, editModel } from './edit.js'
import { makeValueInfo } from './make.js'
import { madeBy, readBy } from './uses.js'

export interface SegmentOptions {
  /** Values that are inputs from now on, wherever they came from. Those that nothing reads are left out. */
  readonly entries: readonly ValueInfo[]
  /** Names of the values that are computed. */
  readonly outputs: readonly string[]
}

/**
 * The part of a model that computes some values from others: nodes, constants and inputs that lead there, and nothing else. A node that makes a value that is
 * given and another that is not makes both. Linear in the nodes.
 */
export function segmentOf(model: Model, { entries, outputs }: SegmentOptions): Model {
  const { graph } = model
  const infos = new Map(entries.map((info) => [info.name, info]))
  const computed = new Set<string>()
  const wanted = new Set(outputs)
  const needed = new Set(outputs)
  const nodes: Node[] = []
  for (const node of [...graph.nodes].reverse()) {
    if (!madeBy(node).some((name) => wanted.has(name) || (needed.has(name) && !infos.has(name)))) continue
    nodes.push(node)
    for (const name of madeBy(node)) computed.add(name)
    for (const name of readBy(node)) needed.add(name)
  }
  const isInput = ({ name }: ValueInfo) => needed.has(name) && !computed.has(name)
  const own = graph.inputs.filter((input) => isInput(input) && !infos.has(input.name))
  return editModel(model, {
    graph: editGraph(graph, {
      nodes: nodes.reverse(),
      inputs: [...own, ...entries.filter(isInput)],
      outputs: outputs.map((name) => makeValueInfo({ name })),
      initializers: graph.initializers.filter(({ name }) => needed.has(name)),
      values: graph.values.filter(({ name }) => computed.has(name)),
    }),
  })
}
