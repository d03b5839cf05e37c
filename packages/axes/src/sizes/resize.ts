import { attributesOf, editAttributes, editNode, type Node, operatorName } from '@pare/onnx'
import { keptMask, type Removals, sizeAfter } from '../cut/remaining.js'
import { type Axis, rootOf } from '../dependency/axis.js'
import { RULE_SIZES } from './resize-rules.js'
import type { Resizing, Unresized } from './resizing.js'

/** Operators that hold sizes of their own, in attributes or constants, and how these change. All others follow from the shapes of their inputs. */
export const RESIZE: ReadonlyMap<string, (site: Resizing) => Node> = new Map<string, (site: Resizing) => Node>([
  ...['Conv', 'com.microsoft.FusedConv', 'ConvInteger'].map((name) => [name, (site: Resizing) => group(site, 1)] as const),
  ['QLinearConv', (site) => group(site, 3)],
  ['Reshape', reshape],
  ['Expand', expand],
  ['Split', split],
  ['Slice', slice],
  ['Squeeze', squeeze],
  ...RULE_SIZES,
])

/** Axes of a node that must keep their sizes, since it could not be told others: settle.ts pins them, so that a cut never meets them. */
export function unwritable(site: Unresized): readonly Axis[] {
  const all = [site.input(0), site.output(0), site.sizesRead(1), site.sizesRead(2)].flatMap((axes) => axes ?? [])
  switch (operatorName(site.node)) {
    case 'Reshape':
      return unmasked(site, reshapeTarget(site, NOTHING)) ?? all
    case 'Expand':
      return unmasked(site, expandTarget(site, NOTHING)) ?? all
    case 'Split':
      return splitAxis(site) === undefined ? all : []
    case 'Slice':
      return sliceBounds(site) === undefined ? slicedAlong(site) : []
    default:
      return []
  }
}

/** Where some sizes stay as they were computed: the axes that they are of, and those they were computed from. */
function unmasked(site: Unresized, target: readonly (number | undefined)[] | undefined): readonly Axis[] | undefined {
  if (target === undefined || target.every((size) => size !== undefined)) return target && []
  return [...site.output(0)!.filter((_, i) => target[i] === undefined), ...site.sizesRead(1)]
}

function slicedAlong(site: Unresized): readonly Axis[] {
  const [x, axes] = [site.input(0) ?? [], slicedAxes(site)]
  return [...(axes?.map((axis) => x[axis]!) ?? x), ...site.sizesRead(1), ...site.sizesRead(2)]
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
  if (!changes([...(output(0) ?? []), ...site.sizesRead(1)], removals)) return node
  const target = site.sizes(1, reshapeTarget(site, removals)!)
  return editNode(editAttributes(node, { allowzero: undefined }), { inputs: [node.inputs[0]!, target] })
}

/**
 * New sizes where they are fixed; 0 (as before) or one −1 (whatever is left) where they are not; undefined for those that stay as they are computed.
 * None where the target is an attribute, as before opset 5.
 */
function reshapeTarget(site: Unresized, removals: Removals): readonly (number | undefined)[] | undefined {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined || site.opset < 5) return undefined
  const target = out.map((axis, i) => {
    if (site.isFixed(0, i)) return sizeAfter(axis, removals)
    return x[i] !== undefined && rootOf(x[i]) === rootOf(axis) ? 0 : -1
  })
  return target.indexOf(-1) === target.lastIndexOf(-1) ? target : target.map((size) => (size === -1 ? undefined : size))
}

function expand(site: Resizing): Node {
  const { node, removals, output } = site
  if (!changes([...(output(0) ?? []), ...site.sizesRead(1)], removals)) return node
  return editNode(node, { inputs: [node.inputs[0]!, site.sizes(1, expandTarget(site, removals)!)] })
}

/** 1 leaves an axis as it is; undefined for sizes that stay as they are computed. */
function expandTarget(site: Unresized, removals: Removals): readonly (number | undefined)[] | undefined {
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
  if (at === undefined || !changes([site.input(0)![at]!, ...site.sizesRead(1)], removals)) return node
  const parts = node.outputs.map((_, i) => sizeAfter(site.output(i)![at]!, removals))
  if (site.opset < 13) return editAttributes(node, { split: parts.map(BigInt) })
  return editNode(editAttributes(node, { num_outputs: undefined }), { inputs: [node.inputs[0]!, site.constant(parts)] })
}

/** Undefined where an output is left out, whose size nothing tells. */
function splitAxis({ node, input, output }: Unresized): number | undefined {
  const x = input(0)
  if (x === undefined || node.outputs.some((_, i) => output(i) === undefined)) return undefined
  return axisOf(attributesOf(node).int('axis', 0), x.length)
}

/** Starts and ends count what is kept before them. */
function slice(site: Resizing): Node {
  const { node, removals } = site
  const x = site.input(0)
  const axes = slicedAxes(site)
  const cut = axes?.map((axis) => x![axis]!) ?? x ?? []
  if (!changes([...cut, ...site.sizesRead(1), ...site.sizesRead(2)], removals)) return node
  const { starts, ends } = sliceBounds(site)!
  const newBounds = (bounds: readonly number[]) => bounds.map((bound, i) => keptBefore(x![axes![i]!]!, bound, removals))
  const [from, to] = [newBounds(starts), newBounds(ends)]
  if (site.opset < 10) return editAttributes(node, { starts: from.map(BigInt), ends: to.map(BigInt) })
  return editNode(node, { inputs: [node.inputs[0]!, site.constant(from), site.constant(to), ...node.inputs.slice(3)] })
}

/** Undefined where they are known only at run time. */
function sliceBounds(site: Unresized): { starts: readonly number[]; ends: readonly number[] } | undefined {
  const { ints } = attributesOf(site.node)
  const [starts, ends] = [ints('starts') ?? site.value(1), ints('ends') ?? site.value(2)]
  return starts === undefined || ends === undefined || slicedAxes(site) === undefined ? undefined : { starts, ends }
}

/** All from the first on where none are given. */
function slicedAxes(site: Unresized): readonly number[] | undefined {
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

function changes(axes: readonly Axis[], removals: Removals): boolean {
  return axes.some((axis) => sizeAfter(axis, removals) !== axis.size)
}

const axisOf = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis)
