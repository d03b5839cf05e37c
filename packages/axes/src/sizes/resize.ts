import { attributesOf, editAttributes, editNode, type Node, operatorName } from '@pare/onnx'
import { changes, keptMask, type Removals, sizeAfter } from '../cut/remaining.js'
import { type Axis, factorsOf, isAtom, rootOf } from '../dependency/axis.js'
import { RULE_SIZES } from './resize-rules.js'
import type { NewSize, ResizeSite, Resizing, Share } from './resizing.js'

/** Operators that hold sizes of their own, in attributes or constants, and how these change. All others follow from the shapes of their inputs. */
export const RESIZE: ReadonlyMap<string, (site: Resizing) => Node> = new Map<string, (site: Resizing) => Node>([
  ...['Conv', 'com.microsoft.FusedConv', 'ConvInteger'].map((name) => [name, (site: Resizing) => group(site, 1)] as const),
  ['QLinearConv', (site) => group(site, 3)],
  ['Reshape', reshape],
  ['Expand', expand],
  ['ConstantOfShape', constantOfShape],
  ['Split', split],
  ['Slice', slice],
  ['Gather', gather],
  ['Squeeze', squeeze],
  ['OneHot', oneHot],
  ['Equal', equal],
  ...RULE_SIZES,
])

/** Axes of a node that must keep their sizes, since it could not be told others: settle.ts pins them, so that a cut never meets them. */
export function unwritable(site: ResizeSite): readonly Axis[] {
  const all = () =>
    [site.input(0), site.output(0)].flatMap((axes) => axes ?? []).concat([site.sizesRead(1), site.sizesRead(2)].flat(2))
  switch (operatorName(site.node)) {
    case 'Reshape':
      return unmasked(site, 1, reshapeTarget(site, NOTHING)) ?? all()
    case 'Expand':
      return unmasked(site, 1, expandTarget(site, NOTHING)) ?? all()
    case 'ConstantOfShape':
      return unmasked(site, 0, madeTarget(site, NOTHING)) ?? [...all(), ...site.sizesRead(0).flat()]
    case 'Split':
      return unsplit(site) ?? all()
    case 'Slice':
      return unboundedAxes(site)
    default:
      return []
  }
}

/** Where some sizes stay as they were computed: the axes that they are of, and those they were computed from. */
function unmasked(site: ResizeSite, input: number, target: readonly NewSize[] | undefined): readonly Axis[] | undefined {
  if (target === undefined) return undefined
  const read = site.sizesRead(input)
  // A target may be shorter than what an Expand makes: its last entry is the last axis.
  const lead = target.length - read.length
  return target.flatMap((size, i) => {
    if (typeof size === 'number') return []
    const from = read[i - lead] ?? []
    return size === undefined ? [site.output(0)![i]!, ...from] : from
  })
}

/** Parts of an axis that is not cut stay as they are computed: what they are computed from keeps its size. */
function unsplit(site: ResizeSite): readonly Axis[] | undefined {
  const at = splitAxis(site)
  if (at === undefined) return undefined
  return site.node.outputs.every((_, i) => site.isFixed(i, at)) ? [] : site.sizesRead(1).flat()
}

/** Axes whose bounds are not known before the model runs, and those that these bounds are computed from. */
function unboundedAxes(site: ResizeSite): readonly Axis[] {
  const [x, axes, bounds] = [site.input(0) ?? [], slicedAxes(site), sliceBounds(site)]
  const read = [site.sizesRead(1), site.sizesRead(2)] as const
  if (axes === undefined || bounds === undefined) return [...x, ...read.flat(2)]
  return axes.flatMap((axis, i) => {
    const open = [bounds.starts, bounds.ends].flatMap((list, k) => (list[i] === undefined ? (read[k]![i] ?? []) : []))
    const isKnown = bounds.starts[i] !== undefined && bounds.ends[i] !== undefined
    return isKnown ? [] : [x[axis]!, ...open]
  })
}

const NOTHING: Removals = new Map()

/** Channels ÷ channels of one group. */
function group({ node, removals, input }: Resizing, weight: number): Node {
  const [x, w] = [input(0), input(weight)]
  const before = attributesOf(node).int('group')
  if (before === undefined || x === undefined || w === undefined) return node
  const count = sizeAfter(x[1]!, removals) / sizeAfter(w[1]!, removals)
  return count === before ? node : editAttributes(node, { group: BigInt(count) })
}

function reshape(site: Resizing): Node {
  const { node, removals, output } = site
  if (!changes([...(output(0) ?? []), ...site.sizesRead(1).flat()], removals)) return node
  const target = site.sizes(1, reshapeTarget(site, removals)!)
  return editNode(editAttributes(node, { allowzero: undefined }), { inputs: [node.inputs[0]!, target] })
}

/**
 * New sizes where they are fixed; 0 (as before) or one −1 (whatever is left) where they are not; where several are left over, a share of what is computed as
 * batch · heads, and undefined for those that stay as they are computed. None where the target is an attribute, as before opset 5.
 */
function reshapeTarget(site: ResizeSite, removals: Removals): readonly NewSize[] | undefined {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined || site.opset < 5) return undefined
  const target = out.map((axis, i) => {
    if (site.isFixed(0, i)) return sizeAfter(axis, removals)
    return x[i] !== undefined && rootOf(x[i]) === rootOf(axis) ? 0 : -1
  })
  if (target.indexOf(-1) === target.lastIndexOf(-1)) return target
  return target.map((size, i) => (size === -1 ? shareOf(out[i]!, removals) : size))
}

/** Of a product that is computed, whatever its open factors are. Undefined where it is no product of axes that are whole. */
function shareOf(axis: Axis, removals: Removals): Share | undefined {
  const factors = factorsOf(axis)
  if (factors.length < 2 || !factors.every(isAtom)) return undefined
  const changed = factors.filter((factor) => sizeAfter(factor, removals) !== factor.size)
  const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1)
  return {
    now: product(changed.map((factor) => sizeAfter(factor, removals))),
    before: product(changed.map(({ size }) => size)),
  }
}

/** Elements are the same wherever they stand. */
function constantOfShape(site: Resizing): Node {
  const { node, removals, output } = site
  if (!changes([...(output(0) ?? []), ...site.sizesRead(0).flat()], removals)) return node
  return editNode(node, { inputs: [site.sizes(0, madeTarget(site, removals)!)] })
}

/** Undefined for sizes that stay as they are computed. */
function madeTarget(site: ResizeSite, removals: Removals): readonly (number | undefined)[] | undefined {
  return site.output(0)?.map((axis, i) => (site.isFixed(0, i) ? sizeAfter(axis, removals) : undefined))
}

function expand(site: Resizing): Node {
  const { node, removals, output } = site
  if (!changes([...(output(0) ?? []), ...site.sizesRead(1).flat()], removals)) return node
  return editNode(node, { inputs: [node.inputs[0]!, site.sizes(1, expandTarget(site, removals)!)] })
}

/** 1 leaves an axis as it is; undefined for sizes that stay as they are computed. */
function expandTarget(site: ResizeSite, removals: Removals): readonly (number | undefined)[] | undefined {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined) return undefined
  return out.map((axis, i) => {
    const from = x[i - out.length + x.length]
    if (from !== undefined && from.size === axis.size) return 1
    return site.isFixed(0, i) ? sizeAfter(axis, removals) : undefined
  })
}

/** Sizes of the parts stand in an attribute before opset 13, and in an input since. */
function split(site: Resizing): Node {
  const { node, removals } = site
  const at = splitAxis(site)
  if (at === undefined || !changes([site.input(0)![at]!, ...site.sizesRead(1).flat()], removals)) return node
  if (isOneByOne(site, at)) return splitOneByOne(site, at)
  const parts = node.outputs.map((_, i) => sizeAfter(site.output(i)![at]!, removals))
  if (site.opset < 13) return editAttributes(node, { split: parts.map(BigInt) })
  return editNode(editAttributes(node, { num_outputs: undefined }), { inputs: [node.inputs[0]!, site.constant(parts)] })
}

/** Whether each position is an output, as shares of experts are. */
const isOneByOne = ({ node, input, output }: Resizing, at: number) =>
  isAtom(input(0)![at]!) && node.outputs.length > 1 && node.outputs.every((_, i) => output(i)![at]!.size === 1)

function splitOneByOne(site: Resizing, at: number): Node {
  const { node, removals } = site
  const kept = keptMask(site.input(0)![at]!, removals)
  const outputs = node.outputs.filter((_, i) => kept[i] === 1)
  const ones = outputs.map(() => 1)
  const fewer = editNode(editAttributes(node, { num_outputs: undefined }), { outputs })
  if (site.opset < 13) return editAttributes(fewer, { split: ones.map(BigInt) })
  return editNode(fewer, { inputs: [node.inputs[0]!, site.constant(ones)] })
}

/** Undefined where an output is left out, whose size nothing tells. */
function splitAxis({ node, input, output }: ResizeSite): number | undefined {
  const x = input(0)
  if (x === undefined || node.outputs.some((_, i) => output(i) === undefined)) return undefined
  return axisOf(attributesOf(node).int('axis', 0), x.length)
}

/** Starts and ends count what is kept before them. Bounds that are not known stay as they are computed, of axes that keep their sizes. */
function slice(site: Resizing): Node {
  const { node, removals } = site
  const x = site.input(0)
  const axes = slicedAxes(site)
  const cut = axes?.map((axis) => x![axis]!) ?? x ?? []
  if (!changes([...cut, ...site.sizesRead(1).flat(), ...site.sizesRead(2).flat()], removals)) return node
  const { starts, ends } = sliceBounds(site)!
  const isStepped = (i: number) => hasSteps(site) && site.elements(4)?.[i] !== 1
  const newBounds = (bounds: readonly (number | undefined)[], stepped: (bound: number, axis: Axis, i: number) => number) =>
    bounds.map((bound, i) => {
      const axis = x![axes![i]!]!
      if (bound === undefined || !isStepped(i)) return bound && keptBefore(axis, bound, removals)
      return changes([axis], removals) ? stepped(bound, axis, i) : bound
    })
  const isBackwards = (i: number) => site.elements(4)![i]! < 0
  // Every k-th position is taken to the end of the axis, or from its end to its beginning.
  const from = newBounds(starts, (start, { size }, i) => (isBackwards(i) ? -1 : start < 0 ? start + size : start))
  const to = newBounds(ends, (_, axis, i) => (isBackwards(i) ? BEFORE_FIRST : sizeAfter(axis, removals)))
  if (site.opset < 10) return editAttributes(node, { starts: (from as number[]).map(BigInt), ends: (to as number[]).map(BigInt) })
  return editNode(node, { inputs: [node.inputs[0]!, site.sizes(1, from), site.sizes(2, to), ...axesAndSteps(site, axes!)] })
}

/** An end that no axis is long enough to reach from behind. */
const BEFORE_FIRST = -(2 ** 31)

const hasSteps = ({ node }: ResizeSite) => (node.inputs[4] ?? '') !== ''

/** They have the type of the bounds, which are written anew. */
function axesAndSteps(site: Resizing, axes: readonly number[]): readonly string[] {
  const steps = hasSteps(site) ? site.value(4) : undefined
  const inputs = [...site.node.inputs.slice(3)]
  if ((inputs[0] ?? '') !== '') inputs[0] = site.constant(axes)
  if (steps !== undefined) inputs[1] = site.constant(steps)
  return inputs
}

/** Where the same positions are always taken, they count what is kept before them. */
function gather(site: Resizing): Node {
  const { node, removals } = site
  const [x, out, positions] = [site.input(0), site.output(0), site.value(1)]
  const at = axisOf(attributesOf(node).int('axis', 0), x?.length ?? 0)
  if (x === undefined || out === undefined || positions === undefined) return node
  if (site.input(1)?.length === 0) {
    if (!isAtom(x[at]!) || !changes([x[at]!], removals)) return node
    return editNode(node, {
      inputs: [node.inputs[0]!, site.constant([keptBefore(x[at]!, positions[0]!, removals)], { shape: [] })],
    })
  }
  if (site.input(1)?.length !== 1) return node
  if (!changes([x[at]!, out[at]!], removals)) return node
  const kept = keptMask(out[at]!, removals)
  const now = positions.filter((_, i) => kept[i] === 1).map((index) => keptBefore(x[at]!, index, removals))
  return editNode(node, { inputs: [node.inputs[0]!, site.constant(now)] })
}

/** As many as there are experts. */
function oneHot(site: Resizing): Node {
  const { node, removals } = site
  const chosen = site.positions(0)
  if (chosen === undefined || !changes([chosen], removals)) return node
  const shape = site.input(1)!.map(() => 1)
  const depth = site.constant([sizeAfter(chosen, removals)], { shape })
  return editNode(node, { inputs: [node.inputs[0]!, depth, node.inputs[2]!] })
}

/** The number of an expert counts those that stay before it. */
function equal(site: Resizing): Node {
  const { node, removals } = site
  const which = [0, 1].find((input) => site.positions(input) !== undefined)
  if (which === undefined || !changes([site.positions(which)!], removals)) return node
  const chosen = site.positions(which)!
  const numbers = site.value(1 - which)!
  const isAll = numbers.length > 1
  const now = isAll ? numbers.slice(0, sizeAfter(chosen, removals)) : [keptBefore(chosen, numbers[0]!, removals)]
  const shape = site.input(1 - which)!.map((_, i, { length }) => (i === length - 1 ? now.length : 1))
  const constant = site.constant(now, { shape, type: site.typeOf(1 - which) })
  return editNode(node, { inputs: node.inputs.map((name, i) => (i === which ? name : constant)) })
}

interface Bounds {
  /** Undefined: known only at run time. */
  readonly starts: readonly (number | undefined)[]
  readonly ends: readonly (number | undefined)[]
}

/** Undefined where nothing of them is known before the model runs. */
function sliceBounds(site: ResizeSite): Bounds | undefined {
  const { ints } = attributesOf(site.node)
  const [starts, ends] = [ints('starts') ?? site.elements(1), ints('ends') ?? site.elements(2)]
  return starts === undefined || ends === undefined || slicedAxes(site) === undefined ? undefined : { starts, ends }
}

/** All from the first on where none are given. */
function slicedAxes(site: ResizeSite): readonly number[] | undefined {
  const x = site.input(0)
  const hasAxes = site.input(3) !== undefined
  const axes = attributesOf(site.node).ints('axes') ?? (hasAxes ? site.value(3) : x?.map((_, i) => i))
  return x === undefined ? undefined : axes?.map((axis) => axisOf(axis, x.length))
}

/** Without axes, all of size 1 go: an axis that is cut to one unit would go too. */
function squeeze(site: Resizing): Node {
  const [x, out] = [site.input(0), site.output(0)]
  const hasAxes = site.node.attributes.has('axes') || site.input(1) !== undefined
  if (x === undefined || hasAxes || !changes(out ?? [], site.removals)) return site.node
  const axes = [...x.keys()].filter((i) => x[i]!.size === 1)
  if (site.opset < 13) return editAttributes(site.node, { axes: axes.map(BigInt) })
  return editNode(site.node, { inputs: [site.node.inputs[0]!, site.constant(axes)] })
}

function keptBefore(axis: Axis, bound: number, removals: Removals): number {
  const mask = keptMask(axis, removals)
  if (mask.every((kept) => kept === 1)) return bound
  const position = Math.min(bound < 0 ? bound + axis.size : bound, axis.size)
  return mask.subarray(0, position).reduce((total, kept) => total + kept, 0)
}

const axisOf = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis)
