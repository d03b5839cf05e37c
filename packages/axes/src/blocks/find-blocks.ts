import { isFloat, keyOf, type Model } from '@pare/onnx'
import type { Dependencies } from '../dependency/dependencies.js'
import { quantisationOf } from '../quantised/quantised-tensors.js'
import type { Block, BlockGroup, Slice } from '../units.js'
import { attends, chainsOf, kindOf, type Link } from './chains.js'
import { type Flow, flowOf } from './flow.js'
import { type Region, regionBetween } from './regions.js'

/**
 * The residual blocks of a model: a group for each stretch of blocks that follow one another. A block is whole: attention with the feed-forward
 * network behind it, and what follows the sum (a normalisation, an activation) up to where the next block begins.
 */
export function findBlocks(model: Model, dependencies: Dependencies): BlockGroup[] {
  const flow = flowOf(model)
  return chainsOf(flow).flatMap((links) =>
    groupsOf(model, { flow, dependencies, runs: wholeBlocks(flow, links), name: 'blocks' }),
  )
}

/** Parts of a residual block that can go without the other. */
export type PartKind = 'attention' | 'feed-forward'

/**
 * Attention alone, and feed-forward networks alone: two groups for each stretch of blocks in which there is attention. A part that holds both (attention and
 * feed-forward network beside each other) counts as attention; what follows its sum goes with it.
 */
export function findBlockParts(model: Model, dependencies: Dependencies): BlockGroup[] {
  const flow = flowOf(model)
  return chainsOf(flow).flatMap((links) => {
    const isAttention = links.map(({ region }) => attends(kindOf(flow, region)))
    if (!isAttention.includes(true)) return []
    return (['attention', 'feed-forward'] as const).flatMap((part) => {
      const own = links.filter((_, i) => isAttention[i] === (part === 'attention'))
      const runs = own.map((link) => [link])
      return runs.length === 0 ? [] : groupsOf(model, { flow, dependencies, runs, name: part })
    })
  })
}

interface Chain {
  readonly flow: Flow
  readonly dependencies: Dependencies
  /** Links that are one unit. */
  readonly runs: readonly (readonly Link[])[]
  /** How ids begin. */
  readonly name: 'blocks' | PartKind
}

/** One group of all blocks that can go, and one for each that cannot, held. */
function groupsOf(model: Model, { flow, dependencies, runs, name }: Chain): BlockGroup[] {
  const inputs = new Set(model.graph.inputs.map(({ name }) => name))
  const candidates = runs.map((run) => {
    const [from, to] = [run[0]!.region.from, run.at(-1)!.to]
    const candidate = { flow, from, to, region: regionBetween(flow, from, to) }
    return { ...candidate, block: blockOf({ ...candidate, inputs }), held: refusal({ ...candidate, dependencies }) }
  })
  const whole = candidates.filter(({ held }) => held === undefined)
  const group = (units: typeof candidates): BlockGroup => ({
    kind: 'block',
    id: `${name}:${units[0]!.from}`,
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
