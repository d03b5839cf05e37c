import { editValueInfo, keyOf, type Model, type ValueInfo } from '@pare/onnx'
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

/** What becomes of inputs and outputs where blocks go. */
export interface CachesLeft {
  /** Inputs and outputs that go. */
  readonly without: ReadonlySet<string>
  /** What of those that stay is called otherwise. */
  readonly names: Names
  /** For inputs that go, but are asked for their size elsewhere: under which name one that stays has the same. */
  readonly sizes: Names
}

/**
 * The blocks that stay close ranks: whoever runs a model with a cache names its parts by counting layers, so those of the n-th block that stays take
 * the names of the n-th block. Not where a subgraph reads one of them, nor where blocks have caches of different kinds. An input whose size is read elsewhere, and
 * that no other of its kind is left to tell, stays.
 */
export function cachesLeft(groups: readonly RemovedBlocks[], flow: Flow): CachesLeft {
  const without = new Set(blocksGone(groups).flatMap(({ inputs, outputs }) => [...inputs, ...outputs]))
  const names = ranksClosed(groups, flow)
  const sizes = new Map<string, string>()
  const taken = new Set(names.values())
  for (const { group, removed } of groups) {
    const staying = group.blocks.filter((_, unit) => !removed.includes(unit)).flatMap(({ inputs }) => inputs)
    for (const block of removed.map((unit) => group.blocks[unit]!)) {
      for (const input of block.inputs.filter((name) => isMeasured(flow, name, block))) {
        const heir = staying.find((name) => kindOf(name) === kindOf(input))
        if (heir === undefined) without.delete(input)
        else sizes.set(input, taken.has(input) ? input : (names.get(heir) ?? heir))
      }
    }
  }
  return { without, names, sizes }
}

/** Whether something outside of a block asks for the size of one of its inputs. */
function isMeasured({ readers, steps }: Flow, input: string, { nodes }: Block): boolean {
  return (readers.get(input) ?? []).some((i) => !nodes.includes(keyOf(steps[i]!.node)) && steps[i]!.node.op === 'Shape')
}

function ranksClosed(groups: readonly RemovedBlocks[], { captured }: Flow): Names {
  const names = new Map<string, string>()
  for (const { group, removed } of groups) {
    const blocks = group.blocks.map(({ inputs, outputs }) => [...inputs, ...outputs])
    const isLikeFirst = (each: readonly string[]) =>
      each.length === blocks[0]!.length && each.every((name, i) => !captured.has(name) && kindOf(name) === kindOf(blocks[0]![i]!))
    if (!blocks.every(isLikeFirst)) continue
    const stay = blocks.filter((_, unit) => !removed.includes(unit))
    for (const [rank, each] of stay.entries()) {
      for (const [i, name] of each.entries()) if (name !== blocks[rank]![i]) names.set(name, blocks[rank]![i]!)
    }
  }
  return names
}

/** 'past_key_values.3.decoder.key' → 'past_key_values.#.decoder.key' */
const kindOf = (name: string) => name.replace(/\d+/g, '#')

/** Inputs and outputs of a model without these, under other names. */
export function interfaceOf({ graph }: Model, { without, names }: { without: ReadonlySet<string>; names: Names }) {
  const left = (values: readonly ValueInfo[]) =>
    values
      .filter(({ name }) => !without.has(name))
      .map((value) => (names.has(value.name) ? editValueInfo(value, { name: names.get(value.name)! }) : value))
  return { inputs: left(graph.inputs), outputs: left(graph.outputs) }
}
