import { isFloat, keyOf, type Model, present } from '@pare/onnx'
import type { Dependencies } from '../dependency/dependencies.js'
import { quantisationOf } from '../quantised/quantised-tensors.js'
import type { Block, Slice } from '../units.js'
import type { Link } from './chains.js'
import { feedersOf, isNumbered } from './feeders.js'
import type { Flow } from './flow.js'
import { type Region, regionBetween } from './regions.js'
import { isWithin, type Way } from './ways.js'

/** Parts of a residual block that can go without the other. */
export type PartKind = 'attention' | 'feed-forward'

/** Blocks that follow one another, and that may go. */
export interface BlockStretch {
  /** How ids begin. */
  readonly name: 'blocks' | PartKind
  readonly units: readonly PassableBlock[]
}

/** A block that may go. */
export interface PassableBlock {
  readonly flow: Flow
  readonly region: Region | undefined
  readonly block: Block
  /** Of the tensors that belong to it alone or to it too. */
  readonly slices: readonly Omit<Slice, 'units'>[]
  readonly held?: string
}

/** Where a block is. */
export interface Surroundings extends Way {
  readonly values: Dependencies['values']
}

/** What lies between the beginning of the first of these links and the end of the last. */
export function passableBlock(model: Model, { flow, path, values }: Surroundings, run: readonly Link[]): PassableBlock {
  const [from, to] = [run[0]!.region.from, run.at(-1)!.to]
  const region = regionBetween(flow, from, to)
  const held = refusal({ flow, path, values }, { from, to, region })
  return {
    ...{ flow, region, block: blockOf(flow, { from, to, region }) },
    slices: region === undefined ? [] : slicesOf(model, flow, region),
    ...present({ held }),
  }
}

type Bounds = Pick<Block, 'from' | 'to'> & Pick<PassableBlock, 'region'>

/** Why a block cannot be passed by. */
function refusal({ flow, path, values }: Surroundings, { from, to, region }: Bounds): string | undefined {
  if (region === undefined) return `what is computed between '${from}' and '${to}' is read elsewhere too`
  if (flow.captured.has(to)) return `'${to}' is read in a subgraph`
  if (!isWithin(path, to)) return `it ends outside of the branch that it begins in`
  const [before, after] = [sizesOf(flow, values, from), sizesOf(flow, values, to)]
  if (before === undefined || before !== after) return `'${from}' and '${to}' are not known to have one shape`
  return undefined
}

/** Sizes of a value; the sum inside a fused normalisation has those of the norm. */
function sizesOf({ steps, maker }: Flow, values: Dependencies['values'], name: string): string | undefined {
  const step = steps[maker.get(name) ?? -1]
  return (values.get(name) ?? (step && values.get(keyOf(step.node))))?.map(({ size }) => size).join()
}

function blockOf(flow: Flow, { from, to, region }: Bounds): Block {
  const own = region === undefined ? [] : [...ownSteps(flow, region)]
  const outputs = region === undefined ? [] : [...region.outputs, ...feedersOf(flow, region).outputs]
  const nodes = [...new Set(own.map((i) => keyOf(flow.steps[i]!.node)))]
  return { from, to, nodes, inputs: region === undefined ? [] : inputsOf(flow, region), outputs }
}

/** Steps that go with a region: what it is, what leads aside, and what feeds nothing else. */
export function ownSteps(flow: Flow, region: Region): ReadonlySet<number> {
  return new Set([...region.steps, ...region.aside, ...feedersOf(flow, region).steps])
}

/**
 * Inputs of the model that nothing but a region reads, with what feeds it and these steps besides, but not what the region itself goes through. What is only asked for
 * its size elsewhere is read here; what only feeds it goes where it has a number, as a part of a cache has.
 */
export function inputsOf(flow: Flow, region: Region, besides: readonly number[] = []): readonly string[] {
  const inside = new Set([...region.steps, ...region.aside].flatMap((i) => flow.steps[i]!.reads))
  const own = new Set([...ownSteps(flow, region), ...besides])
  const reads = [...inside, ...[...own].flatMap((i) => flow.steps[i]!.reads.filter(isNumbered))]
  return [...new Set(reads)].filter((name) => name !== region.from && flow.inputs.has(name) && isReadBy(flow, name, own))
}

/** Whether nothing but these steps reads the numbers in a value. The size of a cache is that of each other. */
export function isReadBy({ readers, steps }: Flow, name: string, own: ReadonlySet<number>): boolean {
  return (readers.get(name) ?? []).every((i) => own.has(i) || steps[i]!.node.op === 'Shape')
}

function slicesOf(model: Model, flow: Flow, region: Region): Omit<Slice, 'units'>[] {
  const { tensors } = quantisationOf(model)
  const slices = new Map<string, Omit<Slice, 'units'>>()
  for (const i of [...region.steps, ...feedersOf(flow, region).steps]) {
    const { constants, weighs } = flow.steps[i]!
    for (const { id, tensor: stored } of constants) {
      const tensor = tensors.get(id)?.values ?? stored
      if (!isFloat(tensor.type) || tensor.shape.length === 0) continue
      const scored = tensor.shape.length > 1 && (weighs || slices.get(id)?.scored === true)
      slices.set(id, { id, tensor, axis: 0, scored })
    }
  }
  return [...slices.values()]
}
