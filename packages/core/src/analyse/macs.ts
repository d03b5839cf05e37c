import { flattened } from '@pare/axes'
import {
  attributesOf,
  elementCount,
  keyOf,
  type Model,
  type Node,
  operatorName,
  present,
  type Shapes,
  shapesOf,
  visitNodes,
} from '@pare/onnx'
import type { Rows, Weight } from '../contract/contract.js'
import { weightsOf } from './analyse.js'
import { countingNodes, countsAt, type DataCount, decisiveCounts, sizesOf } from './data-counts.js'
import { type AxisSizes, openAxesOf, shapeOptionsAt } from './open-sizes.js'
import { repetitionsOf, timesOf } from './passes.js'

/** Multiply-accumulates of products with weights. */
export interface MacCount {
  /** By the id of the weight. Every element of a weight has an equal share. Null where they cannot be counted. */
  readonly weights: ReadonlyMap<string, number> | null
  /** The sizes at which it is counted: of all axes that the model leaves open, and of `decidedByData`. */
  readonly sizes: AxisSizes
  /** What only data decide and the count follows. The most there can be are counted, unless sizes are stated. */
  readonly decidedByData: readonly DataCount[]
  /** Why they cannot be counted. */
  readonly reason?: string
}

/**
 * Multiply-accumulates of the products with weights, for one sample, at the sizes that `macCount` chooses or `sizes` says. Zeros count like other numbers.
 * Null where the shape of an output does not follow from the model.
 */
export async function countMacs(model: Model, sizes: AxisSizes = {}): Promise<number | null> {
  return totalMacs(await countedAt(model, sizes))
}

/** Adds up the MACs of all weights; null where they cannot be counted. */
export function totalMacs({ weights }: Pick<MacCount, 'weights'>): number | null {
  return weights && [...weights.values()].reduce((a, b) => a + b, 0)
}

/**
 * Counts at the sizes that `sizes` says, by name or as 'input[axis]'; names that the model does not have say nothing. Others are: images 224 × 224, and 1 for everything else, so
 * that for a language model it is one token. Where the model contradicts that (an image that does not divide, positions that a window does not fit in) it is the
 * next usual size that all weights have outputs at.
 */
export async function macCount(model: Model, sizes: AxisSizes = {}): Promise<MacCount> {
  const { weights, reason, choice, asked, countWith } = await countedAt(model, sizes)
  const decidedByData = decisiveCounts([...asked.values()], (stated) => totalMacs(countWith(stated)))
  return { weights, ...present({ reason }), decidedByData, sizes: { ...choice, ...sizesOf(decidedByData, ({ most }) => most) } }
}

interface Counted extends Pick<MacCount, 'weights' | 'reason'> {
  /** Of all axes that the model leaves open. */
  readonly choice: AxisSizes
  /** What data decide, and which shapes follow. */
  readonly asked: ReadonlyMap<string, DataCount>
  /** The same where data decide otherwise. */
  countWith(stated: AxisSizes): Pick<MacCount, 'weights'>
}

async function countedAt(model: Model, sizes: AxisSizes): Promise<Counted> {
  // Only there shapes in the bodies of loops are known.
  const flat = flattened(model).model
  const infer = await shapesOf(flat)
  const weights = weightsOf(flat)
  const paths = pathsOf(flat)
  const repetitions = repetitionsOf(flat)
  const counting = countingNodes(model)
  let first: Counted | undefined
  let empty: Counted | undefined
  for (const choice of await choicesFor(model, sizes)) {
    const options = await shapeOptionsAt(model, choice)
    const countWith = (stated: AxisSizes) => {
      const { counts, passes, asked } = countsAt(counting, { ...sizes, ...stated })
      const first = infer({ ...options, counts })
      const runs = (shapes: Shapes) => repetitions.map((each) => ({ ...each, passes: passes(each.id, each.passes(shapes)) }))
      const counted = runs(first)
      // What a Loop collects has as many positions as it has passes.
      const collected = new Map(counted.map((each) => [each.id, each.passes]))
      const shapes =
        counted.length === 0 ? first : infer({ ...options, counts: (id, most) => collected.get(id) ?? counts(id, most) })
      return { ...countAt({ weights, paths, repetitions: runs(shapes), shapes: shapes.shapes }), asked }
    }
    const count = { ...countWith({}), choice, countWith }
    first ??= count
    if (count.weights === null) continue
    if ([...count.weights.values()].every((macs) => macs > 0)) return count
    empty ??= count
  }
  return empty ?? first!
}

/** Sides of images, usual ones first: those that halve often, and those of networks for one size only. */
const SIDES = [224, 256, 384, 512, 320, 640, 160, 128, 64, 32, 28]
/** Positions, the fewest first. */
const POSITIONS = [1, 16, 256, 4096]

/** Sizes of all open axes, as they are tried in turn. */
async function choicesFor(model: Model, sizes: AxisSizes): Promise<readonly AxisSizes[]> {
  const { images, batches, others } = await openAxesOf(model)
  const chosen = (keys: readonly string[], size: number) => keys.map((key) => [key, sizes[key] ?? size] as const)
  const isOpen = (keys: readonly string[]) => keys.some((key) => sizes[key] === undefined)
  const sides = isOpen(images) ? SIDES : SIDES.slice(0, 1)
  const positions = isOpen(others) && images.length === 0 ? POSITIONS : POSITIONS.slice(0, 1)
  return positions.flatMap((position) =>
    sides.map((side) => Object.fromEntries([...chosen(batches, 1), ...chosen(images, side), ...chosen(others, position)])),
  )
}

interface Counting {
  readonly weights: readonly Weight[]
  readonly paths: ReadonlyMap<Node, string>
  readonly repetitions: Parameters<typeof timesOf>[1]
  readonly shapes: Shapes['shapes']
}

/** Of the branches of an If that one counts which computes most: only one of them runs. */
function countAt({ weights, paths, repetitions, shapes }: Counting): Pick<MacCount, 'weights' | 'reason'> {
  const counts = new Map(weights.map(({ id }) => [id, 0]))
  const branches = new Map<string, Map<string, Branch>>()
  const main: Branch = { macs: new Map() }
  for (const { id, rows, uses } of weights) {
    for (const { node, name } of uses) {
      const path = paths.get(node) ?? ''
      const branch = branchAt(`${path}${keyOf(node)}`, branches) ?? main
      const value = readsEach(node) ? node.inputs[0]! : node.outputs[0]!
      const measured = shapes.get(`${path}${value}`)
      if (measured === undefined) {
        branch.reason ??= `the shape of '${value}' at ${operatorName(node)} '${name}' does not follow from the model`
        continue
      }
      const macs = macsOf(node, rows, measured) * timesOf(keyOf(node), repetitions)
      branch.macs.set(id, (branch.macs.get(id) ?? 0) + macs)
    }
  }
  const taken = [main, ...[...branches.values()].map((sides) => largest([...sides.values()]))]
  const unknown = taken.find(({ reason }) => reason !== undefined)
  if (unknown !== undefined) return { weights: null, reason: unknown.reason! }
  for (const { macs } of taken) for (const [id, count] of macs) counts.set(id, counts.get(id)! + count)
  return { weights: counts }
}

/** Weights that run together. */
interface Branch {
  readonly macs: Map<string, number>
  /** Why they cannot be counted. */
  reason?: string
}

/** The branch of the outermost If that a node is in, by its id. */
function branchAt(id: string, branches: Map<string, Map<string, Branch>>): Branch | undefined {
  const [, choice, side] = /^(.*?)\.(then|else)_branch\//.exec(id) ?? []
  if (choice === undefined || side === undefined) return undefined
  const sides = branches.get(choice) ?? new Map<string, Branch>()
  branches.set(choice, sides)
  const branch = sides.get(side) ?? { macs: new Map() }
  sides.set(side, branch)
  return branch
}

/** What cannot be counted at these sizes, as a branch for the first tokens where there are others, does not run at them either. */
function largest(branches: readonly Branch[]): Branch {
  const total = ({ macs }: Branch) => [...macs.values()].reduce((a, b) => a + b, 0)
  const counted = branches.filter(({ reason }) => reason === undefined)
  return (
    counted.reduce<Branch | undefined>(
      (most, next) => (most !== undefined && total(most) >= total(next) ? most : next),
      undefined,
    ) ?? branches[0]!
  )
}

/** Whether the work follows the input: a recurrent layer need not give its states. */
const readsEach = ({ op }: Node) => op === 'ConvTranspose' || RECURRENT.has(op)

const RECURRENT: ReadonlySet<string> = new Set(['LSTM', 'GRU', 'RNN'])

/** `measured`: the shape of the input or, of most, of the output. */
function macsOf(node: Node, { batch, before, out, after }: Rows, measured: readonly number[]): number {
  const { op } = node
  // Of all experts each token meets k.
  if (op === 'MoE') return elementCount(measured.slice(0, -1)) * attributesOf(node).int('k', 1) * out * after
  // At each step [seq, batch] all rows of all directions are computed.
  if (RECURRENT.has(op)) return elementCount(measured.slice(0, 2)) * batch * out * after
  // A ConvTranspose spreads each input element over out · kernel elements, the others gather before · after for each output.
  return elementCount(measured) * (op === 'ConvTranspose' ? out * after : before * after)
}

/** The way to the function that a node stands in, as in `Shapes`. */
function pathsOf(model: Model): ReadonlyMap<Node, string> {
  const paths = new Map<Node, string>()
  visitNodes(model, (node, { path }) => {
    if (path !== '') paths.set(node, path)
  })
  return paths
}
