import { editAttributes, editGraph, editModel, editNode, type Model, makeNode, type Node, withoutDead } from '@pare/onnx'
import { isIf } from '../nested/taken.js'
import type { Block } from '../units.js'
import { blocksGone, boundsOf, cachesLeft, graphOf, interfaceOf, type RemovedBlocks } from './caches.js'
import { type Flow, type FlowStep, flowOf, residualSumOf } from './flow.js'
import { ownSteps } from './passable-blocks.js'
import { regionBetween } from './regions.js'
import { type Names, renamed } from './rename.js'
import { addendsOf, normAlone, sumAlone, withAddends, withSumOutputs } from './skip-norms.js'
import { isWithin, waysThrough } from './ways.js'

/** The model with whole blocks passed by: what read the end of one reads its beginning. Their parts of a cache go with them. */
export function cutBlocks(whole: Model, groups: readonly RemovedBlocks[]): Model {
  const blocks = blocksGone(groups)
  if (blocks.length === 0) return whole
  const { model, nest } = graphOf(whole, blocks)
  const flow = flowOf(model)
  const bounds = boundsOf(blocks)
  const ends = new Map(bounds.map(({ from, to }) => [to, from]))
  const instead = (name: string): string => {
    let at = name
    while (ends.has(at)) at = ends.get(at)!
    return at
  }
  const { names, sizes, without } = cachesLeft(groups, flow)
  const left = nodesLeft(model, { flow, gone: goneFrom(whole, bounds), instead })
  const joined = left.map((node) => (isIf(node) ? withoutOutputs(node, without) : node))
  const delivered = deliver(joined, { model, ends, instead })
  const graph = editGraph(model.graph, {
    nodes: delivered.map((node) => renamed(node, new Map([...names, ...sizes]))),
    ...interfaceOf(model, { without, names }),
    // Shapes that the file states of what is renamed or gone would contradict.
    values: model.graph.values.filter(({ name }) => !names.has(name) && !ends.has(name)),
  })
  return nest(withoutDead(model, editModel(model, { graph })))
}

/** Parts of nodes that go, by node. */
type Gone = ReadonlyMap<Node, ReadonlySet<FlowStep['part']>>

function goneFrom(whole: Model, bounds: readonly Pick<Block, 'from' | 'to'>[]): Gone {
  const gone = new Map<Node, Set<FlowStep['part']>>()
  const [main, ...choices] = waysThrough(whole)
  for (const { from, to } of bounds) {
    // Of branches in branches the innermost stands last.
    const { flow } = choices.flat().findLast(({ path }) => isWithin(path, to)) ?? main
    const region = regionBetween(flow, from, to)!
    for (const i of ownSteps(flow, region)) {
      const { node, part } = flow.steps[i]!
      gone.set(node, (gone.get(node) ?? new Set()).add(part))
    }
  }
  return gone
}

/** What joins two branches, without some of its outputs. */
function withoutOutputs(node: Node, without: ReadonlySet<string>): Node {
  const kept = [...node.outputs.keys()].filter((i) => !without.has(node.outputs[i]!))
  if (kept.length === node.outputs.length) return node
  const [condition, ...ends] = node.inputs
  const of = (branch: number) => kept.map((i) => ends[branch * node.outputs.length + i]!)
  const outputs = kept.map((i) => node.outputs[i]!)
  return editAttributes(editNode(node, { inputs: [condition!, ...of(0), ...of(1)], outputs }), { kept: kept.map(BigInt) })
}

interface Passing {
  readonly flow: Flow
  readonly gone: Gone
  /** What is read instead of a value. */
  readonly instead: (name: string) => string
}

function nodesLeft({ graph }: Model, { flow, gone, instead }: Passing): Node[] {
  const halves = new Map<Node, { sum: boolean; norm: boolean }>()
  const whole = new Set<Node>()
  for (const { node, part } of flow.steps) {
    const goes = gone.get(node)?.has(part) ?? false
    if (part !== 'whole') halves.set(node, { sum: false, norm: false, ...halves.get(node), [part]: !goes })
    else if (goes) whole.add(node)
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
