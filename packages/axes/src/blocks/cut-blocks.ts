import { editGraph, editModel, type Model, makeNode, type Node, withoutDead } from '@pare/onnx'
import { blocksGone, cacheNames, interfaceOf, type RemovedBlocks } from './caches.js'
import { type Flow, flowOf, residualSumOf } from './flow.js'
import { regionBetween } from './regions.js'
import { type Names, renamed } from './rename.js'
import { addendsOf, normAlone, sumAlone, withAddends, withSumOutputs } from './skip-norms.js'

/** The model with whole blocks passed by: what read the end of one reads its beginning. Their parts of a cache go with them. */
export function cutBlocks(model: Model, groups: readonly RemovedBlocks[]): Model {
  const blocks = blocksGone(groups)
  if (blocks.length === 0) return model
  const flow = flowOf(model)
  const ends = new Map(blocks.map(({ from, to }) => [to, from]))
  const instead = (name: string): string => {
    let at = name
    while (ends.has(at)) at = ends.get(at)!
    return at
  }
  const regions = blocks.map(({ from, to }) => regionBetween(flow, from, to)!)
  const steps = new Set(regions.flatMap((region) => [...region.steps, ...region.aside]))
  const left = nodesLeft(model, { flow, gone: steps, instead })
  const delivered = deliver(left, { model, ends, instead })
  const names = cacheNames(groups, flow)
  const without = new Set(blocks.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]))
  const graph = editGraph(model.graph, {
    nodes: delivered.map((node) => renamed(node, names)),
    ...interfaceOf(model, { without, names }),
    // Shapes that the file states of what is renamed or gone would contradict.
    values: model.graph.values.filter(({ name }) => !names.has(name) && !ends.has(name)),
  })
  return withoutDead(model, editModel(model, { graph }))
}

interface Passing {
  readonly flow: Flow
  /** Indices of steps that go. */
  readonly gone: ReadonlySet<number>
  /** What is read instead of a value. */
  readonly instead: (name: string) => string
}

function nodesLeft({ graph }: Model, { flow, gone, instead }: Passing): Node[] {
  const halves = new Map<Node, { sum: boolean; norm: boolean }>()
  const whole = new Set<Node>()
  for (const [i, { node, part }] of flow.steps.entries()) {
    if (part === 'whole') {
      if (gone.has(i)) whole.add(node)
    } else halves.set(node, { sum: false, norm: false, ...halves.get(node), [part]: !gone.has(i) })
  }
  const makers = new Map([...halves.keys()].map((node) => [residualSumOf(node), node]))
  const read = (node: Node) => renamed(node, new Map(node.inputs.map((name) => [name, instead(name)])))
  // A norm that stays without its sum takes over the sum of a node whose norm goes.
  const donors = new Set<Node>()
  const joined = new Map<Node, Node>()
  for (const [node, { sum, norm }] of halves) {
    const maker = norm && !sum ? makers.get(instead(residualSumOf(node))) : undefined
    if (maker === undefined || halves.get(maker)!.norm || donors.has(maker)) continue
    donors.add(maker)
    joined.set(node, maker)
  }
  return withSumOutputs(
    graph.nodes.flatMap((node) => {
      const half = halves.get(node)
      if (half === undefined) return whole.has(node) ? [] : [read(node)]
      if (half.sum && half.norm) return [read(node)]
      if (half.sum) return donors.has(node) ? [] : sumAlone(read(node))
      if (!half.norm) return []
      const maker = joined.get(node)
      if (maker === undefined) return [normAlone(node, instead(residualSumOf(node)))]
      return [withAddends(node, addendsOf(maker).map(instead), residualSumOf(maker))]
    }),
  )
}

/** Outputs of the model that were the end of a block: what comes instead takes their name, or is copied where it has a name of its own to keep. */
function deliver(
  nodes: readonly Node[],
  { model, ends, instead }: { model: Model; ends: ReadonlyMap<string, string>; instead: (name: string) => string },
): Node[] {
  const kept = new Set([...model.graph.inputs, ...model.graph.initializers, ...model.graph.outputs].map(({ name }) => name))
  const names = new Map<string, string>()
  const copies: Node[] = []
  for (const { name } of model.graph.outputs) {
    if (!ends.has(name)) continue
    const source = instead(name)
    if (kept.has(source) || names.has(source))
      copies.push(makeNode({ op: 'Identity', inputs: [names.get(source) ?? source], outputs: [name] }))
    else names.set(source, name)
  }
  return [...nodes.map((node) => renamed(node, names as Names)), ...copies]
}
