import { isFloat, keyOf, type Model, operatorName } from '@pare/onnx'
import type { Dependencies } from '../dependency/dependencies.js'
import { quantisationOf } from '../quantised/quantised-tensors.js'
import type { Block, BlockGroup, Slice } from '../units.js'
import { type Flow, flowOf } from './flow.js'
import { type Region, regionBetween, residualRegions } from './regions.js'

/**
 * The residual blocks of a model: a group for each stretch of blocks that follow one another. A block is whole: attention with the feed-forward
 * network behind it, and what follows the sum (a normalisation, an activation) up to where the next block begins.
 */
export function findBlocks(model: Model, dependencies: Dependencies): BlockGroup[] {
  const flow = flowOf(model)
  return chainsOf(flow).flatMap((links) => groupsOf(model, { flow, dependencies, links }))
}

/** A residual region, and the value that the next one begins with. */
interface Link {
  readonly region: Region
  readonly to: string
}

/** Regions that follow one another, with nothing between them but what has no weights. */
function chainsOf(flow: Flow): Link[][] {
  const chains: Link[][] = []
  for (const region of residualRegions(flow)) {
    const chain = chains.at(-1)
    const before = chain?.at(-1)
    if (chain !== undefined && before !== undefined && connects(flow, before.region.to, region.from)) {
      chain[chain.length - 1] = { ...before, to: region.from }
      chain.push({ region, to: region.to })
    } else chains.push([{ region, to: region.to }])
  }
  return chains.map((chain) => ended(flow, chain))
}

function connects(flow: Flow, from: string, to: string): boolean {
  if (from === to) return true
  const between = regionBetween(flow, from, to)
  return between !== undefined && !between.steps.some((i) => flow.steps[i]!.weighs)
}

/** The last region of a chain ends as the others do: with the same operators after the sum, where they are there. */
function ended(flow: Flow, chain: Link[]): Link[] {
  const [last, before] = [chain.at(-1)!, chain.at(-2)]
  if (before === undefined || before.region.to === before.to) return chain
  const tail = regionBetween(flow, before.region.to, before.to)!.steps.map((i) => operatorName(flow.steps[i]!.node))
  const start = flow.maker.get(last.region.to)! + 1
  const names = new Set([last.region.to])
  for (let i = start; i < flow.steps.length && tail.length > 0; i++) {
    const { node, reads, makes } = flow.steps[i]!
    if (!reads.some((name) => names.has(name))) continue
    if (operatorName(node) !== tail.shift()) return chain
    for (const name of makes) names.add(name)
    if (tail.length > 0) continue
    return connects(flow, last.region.to, makes[0]!) ? [...chain.slice(0, -1), { ...last, to: makes[0]! }] : chain
  }
  return chain
}

interface Chain {
  readonly flow: Flow
  readonly dependencies: Dependencies
  readonly links: readonly Link[]
}

/** One group of all blocks that can go, and one for each that cannot, held. */
function groupsOf(model: Model, { flow, dependencies, links }: Chain): BlockGroup[] {
  const inputs = new Set(model.graph.inputs.map(({ name }) => name))
  const candidates = wholeBlocks(flow, links).map((run) => {
    const [from, to] = [run[0]!.region.from, run.at(-1)!.to]
    const candidate = { flow, from, to, region: regionBetween(flow, from, to) }
    return { ...candidate, block: blockOf({ ...candidate, inputs }), held: refusal({ ...candidate, dependencies }) }
  })
  const whole = candidates.filter(({ held }) => held === undefined)
  const group = (units: typeof candidates): BlockGroup => ({
    kind: 'block',
    id: `blocks:${units[0]!.from}`,
    units: units.length,
    slices: units.flatMap(({ region }, unit) => (region === undefined ? [] : slicesOf(model, { flow, region, unit }))),
    blocks: units.map(({ block }) => block),
  })
  const refused = candidates.flatMap((unit) => (unit.held === undefined ? [] : [{ ...group([unit]), held: unit.held }]))
  return whole.length === 0 ? refused : [group(whole), ...refused]
}

/** As many regions as repeat; else attention with the region behind it; else each alone. */
function wholeBlocks(flow: Flow, links: readonly Link[]): Link[][] {
  const kinds = links.map(({ region }) => kindOf(flow, region))
  for (let period = 1; period <= links.length / 2; period++) {
    if (links.length % period === 0 && kinds.every((kind, i) => i < period || kind === kinds[i - period]))
      return Array.from({ length: links.length / period }, (_, i) => links.slice(i * period, (i + 1) * period))
  }
  const blocks: Link[][] = []
  for (const [i, link] of links.entries()) {
    const attendsBefore = i > 0 && attends(kinds[i - 1]!)
    if (attendsBefore && !attends(kinds[i]!)) blocks.at(-1)!.push(link)
    else blocks.push([link])
  }
  return blocks
}

const attends = (kind: string) => /Softmax|Attention/.test(kind)

/** Operators that tell regions apart: those with weights, and attention. */
function kindOf({ steps }: Flow, region: Region): string {
  const names = region.steps.flatMap((i) => {
    const { node, weighs } = steps[i]!
    const name = operatorName(node)
    return weighs || attends(name) ? [name] : []
  })
  return names.sort().join()
}

interface Candidate {
  readonly flow: Flow
  readonly from: string
  readonly to: string
  readonly region: Region | undefined
}

/** Why a block cannot be passed by. */
function refusal({ flow, dependencies: { values }, from, to, region }: Candidate & { dependencies: Dependencies }) {
  if (region === undefined) return `what is computed between '${from}' and '${to}' is read elsewhere too`
  if (flow.captured.has(to)) return `'${to}' is read in a subgraph`
  const [before, after] = [sizesOf(flow, values, from), sizesOf(flow, values, to)]
  if (before === undefined || before !== after) return `'${from}' and '${to}' are not known to have one shape`
  return undefined
}

/** Sizes of a value; the sum inside a fused normalisation has those of the norm. */
function sizesOf({ steps, maker }: Flow, values: Dependencies['values'], name: string): string | undefined {
  const step = steps[maker.get(name) ?? -1]
  return (values.get(name) ?? (step && values.get(keyOf(step.node))))?.map(({ size }) => size).join()
}

function blockOf({ flow, inputs, from, to, region }: Candidate & { inputs: ReadonlySet<string> }): Block {
  const steps = region === undefined ? [] : [...region.steps, ...region.aside]
  const own = new Set(steps)
  const reads = new Set(steps.flatMap((i) => flow.steps[i]!.reads))
  return {
    from,
    to,
    nodes: [...new Set(steps.map((i) => keyOf(flow.steps[i]!.node)))],
    // Inputs that nothing else reads, but not what the block itself goes through.
    inputs: [...reads].filter((name) => name !== from && inputs.has(name) && flow.readers.get(name)!.every((i) => own.has(i))),
    outputs: region?.outputs ?? [],
  }
}

function slicesOf(model: Model, { flow, region, unit }: { flow: Flow; region: Region; unit: number }): Slice[] {
  const { tensors } = quantisationOf(model)
  const slices = new Map<string, Slice>()
  for (const i of region.steps) {
    const { constants, weighs } = flow.steps[i]!
    for (const { id, tensor: stored } of constants) {
      const tensor = tensors.get(id)?.values ?? stored
      if (!isFloat(tensor.type) || tensor.shape.length === 0) continue
      const scored = tensor.shape.length > 1 && (weighs || slices.get(id)?.scored === true)
      slices.set(id, { id, tensor, axis: 0, units: new Int32Array(tensor.shape[0]!).fill(unit), scored })
    }
  }
  return [...slices.values()]
}
