import { editValueInfo, type Model, type ValueInfo } from '@pare/onnx'
import { type Flat, flattened } from '../nested/flatten.js'
import type { Block, BlockGroup } from '../units.js'
import type { Flow } from './flow.js'
import type { Names } from './rename.js'

/** Which blocks of a group go, by number. */
export interface RemovedBlocks {
  readonly group: BlockGroup
  readonly removed: readonly number[]
}

export function blocksGone(groups: readonly RemovedBlocks[]): Block[] {
  return groups.flatMap(({ group, removed }) => removed.map((unit) => group.blocks[unit]!))
}

/** Where each of these blocks begins and ends, in every branch that it is in. */
export function boundsOf(blocks: readonly Block[]): Pick<Block, 'from' | 'to'>[] {
  return blocks.flatMap((block) => (block.twin === undefined ? [block] : [block, block.twin]))
}

/** The graph in which blocks are: with branches written out where they are in branches. */
export function graphOf(model: Model, blocks: readonly Block[]): Flat {
  return blocks.some(({ twin }) => twin !== undefined) ? flattened(model) : { model, nest: (edited) => edited }
}

/**
 * The blocks that stay close ranks: whoever runs a model with a cache names its parts by counting layers, so those of the n-th block that stays take
 * the names of the n-th block. Not where a subgraph reads one of them.
 */
export function cacheNames(groups: readonly RemovedBlocks[], { captured }: Flow): Names {
  const names = new Map<string, string>()
  for (const { group, removed } of groups) {
    const blocks = group.blocks.map(({ inputs, outputs }) => [...inputs, ...outputs])
    if (blocks.some((each) => each.length !== blocks[0]!.length || each.some((name) => captured.has(name)))) continue
    const stay = blocks.filter((_, unit) => !removed.includes(unit))
    for (const [rank, each] of stay.entries()) {
      for (const [i, name] of each.entries()) if (name !== blocks[rank]![i]) names.set(name, blocks[rank]![i]!)
    }
  }
  return names
}

/** Inputs and outputs of a model without these, under other names. */
export function interfaceOf({ graph }: Model, { without, names }: { without: ReadonlySet<string>; names: Names }) {
  const left = (values: readonly ValueInfo[]) =>
    values
      .filter(({ name }) => !without.has(name))
      .map((value) => (names.has(value.name) ? editValueInfo(value, { name: names.get(value.name)! }) : value))
  return { inputs: left(graph.inputs), outputs: left(graph.outputs) }
}
