import type { Model } from '@pare/onnx'
import type { Dependencies } from '../dependency/dependencies.js'
import type { BlockGroup } from '../units.js'
import { attends, chainsOf, kindOf, type Link } from './chains.js'
import type { Flow } from './flow.js'
import { paired } from './paired.js'
import { type BlockStretch, type PassableBlock, passableBlock } from './passable-blocks.js'
import { isWithin, type Way, waysThrough } from './ways.js'

/**
 * The residual blocks of a model: a group for each stretch of blocks that follow one another. A block is whole: attention with the feed-forward
 * network behind it, and what follows the sum (a normalisation, an activation) up to where the next block begins. Where an If chooses between two
 * branches that hold the same blocks, as in a merged decoder, a block goes from both.
 */
export function findBlocks(model: Model, dependencies: Dependencies): BlockGroup[] {
  return stretchesOf(model, (flow, links) => [{ name: 'blocks', runs: wholeBlocks(flow, links) }], dependencies)
}

/**
 * Attention alone, and feed-forward networks alone: two groups for each stretch of blocks in which there is attention. A part that holds both (attention and
 * feed-forward network beside each other) counts as attention; what follows its sum goes with it.
 */
export function findBlockParts(model: Model, dependencies: Dependencies): BlockGroup[] {
  const partsOf = (flow: Flow, links: readonly Link[]): Stretch[] => {
    const isAttention = links.map(({ region }) => attends(kindOf(flow, region)))
    if (!isAttention.includes(true)) return []
    return (['attention', 'feed-forward'] as const).flatMap((part) => {
      const runs = links.filter((_, i) => isAttention[i] === (part === 'attention')).map((link) => [link])
      return runs.length === 0 ? [] : [{ name: part, runs }]
    })
  }
  return stretchesOf(model, partsOf, dependencies)
}

/** Stretches of the graph, of which each is a unit. */
interface Stretch extends Pick<BlockStretch, 'name'> {
  /** Links that are one unit. */
  readonly runs: readonly (readonly Link[])[]
}

function stretchesOf(
  model: Model,
  divide: (flow: Flow, links: readonly Link[]) => readonly Stretch[],
  { values }: Dependencies,
): BlockGroup[] {
  const along = ({ flow, path }: Way) =>
    chainsOf(flow)
      .filter(([link]) => isWithin(path, link!.region.from))
      .flatMap((links) => divide(flow, links))
      .map(({ name, runs }) => ({ name, units: runs.map((run) => passableBlock(model, { flow, path, values }, run)) }))
  const [whole, ...choices] = waysThrough(model)
  const plain = along(whole).flatMap(groupsOf)
  return [...plain, ...choices.flatMap(([first, second]) => paired(along(first), along(second)).flatMap(groupsOf))]
}

/** One group of all blocks that can go, and one for each that cannot, held. */
function groupsOf({ name, units: all }: BlockStretch): BlockGroup[] {
  const whole = all.filter(({ held }) => held === undefined)
  const group = (units: readonly PassableBlock[]): BlockGroup => ({
    kind: 'block',
    id: `${name}:${units[0]!.block.from}`,
    units: units.length,
    slices: units.flatMap(({ slices }, unit) =>
      slices.map((slice) => ({ ...slice, units: new Int32Array(slice.tensor.shape[0]!).fill(unit) })),
    ),
    blocks: units.map(({ block }) => block),
  })
  const refused = all.flatMap((unit) => (unit.held === undefined ? [] : [{ ...group([unit]), held: unit.held }]))
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
