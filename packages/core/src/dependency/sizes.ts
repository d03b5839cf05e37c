import { editNode, makeAttribute, type Node, PareError } from '@pare/onnx'
import { type Axis, find } from './axis.js'
import { keptMask, type Removals, sizeAfter } from './kept.js'
import type { Resizing } from './resizing.js'
import { RULE_SIZES } from './rules-sizes.js'

/** Operators that hold sizes of their own, in attributes or constants, and how these change. All others follow from the shapes of their inputs. */
export const RESIZE: ReadonlyMap<string, (site: Resizing) => Node> = new Map([
  ['Conv', group],
  ['com.microsoft.FusedConv', group],
  ['Reshape', reshape],
  ['Expand', expand],
  ['Split', split],
  ['Slice', slice],
  ...RULE_SIZES,
])

/** Channels ÷ channels of one group. */
function group({ node, removals, input }: Resizing): Node {
  const [x, w] = [input(0), input(1)]
  const before = integer(node, 'group')
  if (before === undefined || x === undefined || w === undefined) return node
  const count = sizeAfter(x[1]!, removals) / sizeAfter(w[1]!, removals)
  return count === before ? node : withAttribute(node, 'group', BigInt(count))
}

/** New sizes where they are fixed; 0 (as before) or one −1 (whatever is left) where they are not. */
function reshape(site: Resizing): Node {
  const { node, removals, input, output } = site
  const [x, out] = [input(0), output(0)]
  if (x === undefined || out === undefined || !changes(out, removals)) return node
  let inferred = false
  const target = out.map((axis, i) => {
    if (site.isFixed(0, i)) return sizeAfter(axis, removals)
    if (x[i] !== undefined && find(x[i]) === find(axis)) return 0
    if (inferred)
      throw new PareError(`Reshape '${node.name}' has two sizes that are known only at run time.`, {
        hint: 'leave this group out with --exclude.',
      })
    inferred = true
    return -1
  })
  const { allowzero: _, ...attributes } = Object.fromEntries(node.attributes)
  return editNode(node, { inputs: [node.inputs[0]!, site.constant(target)], attributes: new Map(Object.entries(attributes)) })
}

/** 1 leaves an axis as it is. */
function expand(site: Resizing): Node {
  const { node, removals, input, output } = site
  const [x, out] = [input(0), output(0)]
  if (x === undefined || out === undefined || !changes(out, removals)) return node
  const target = out.map((axis, i) => {
    const from = x[i - out.length + x.length]
    if (from !== undefined && from.size === axis.size) return 1
    if (site.isFixed(0, i)) return sizeAfter(axis, removals)
    throw new PareError(`Expand '${node.name}' has a size that is known only at run time.`, {
      hint: 'leave this group out with --exclude.',
    })
  })
  return editNode(node, { inputs: [node.inputs[0]!, site.constant(target)] })
}

function split(site: Resizing): Node {
  const { node, removals, input } = site
  const x = input(0)
  if (x === undefined) return node
  const at = axisOf(integer(node, 'axis') ?? 0, x.length)
  if (!changes([x[at]!], removals)) return node
  const parts = node.outputs.map((_, i) => sizeAfter(site.output(i)![at]!, removals))
  const { split: old, num_outputs: __, ...attributes } = Object.fromEntries(node.attributes)
  if (old !== undefined) return withAttribute(node, 'split', parts.map(BigInt))
  return editNode(node, { inputs: [node.inputs[0]!, site.constant(parts)], attributes: new Map(Object.entries(attributes)) })
}

/** Starts and ends count what is kept before them. */
function slice(site: Resizing): Node {
  const { node, removals, input, value } = site
  const x = input(0)
  const starts = list(node, 'starts') ?? value(1)
  const ends = list(node, 'ends') ?? value(2)
  const axes = (list(node, 'axes') ?? value(3) ?? x?.map((_, i) => i))?.map((axis) => axisOf(axis, x?.length ?? 0))
  if (x === undefined || !changes(axes?.map((axis) => x[axis]!) ?? x, removals)) return node
  if (starts === undefined || ends === undefined || axes === undefined) {
    throw new PareError(`Slice '${node.name}' has bounds that are known only at run time.`, {
      hint: 'leave this group out with --exclude.',
    })
  }
  const moved = (bounds: readonly number[]) => bounds.map((bound, i) => keptBefore(x[axes[i]!]!, bound, removals))
  const [from, to] = [moved(starts), moved(ends)]
  if (node.attributes.has('starts')) return withAttribute(withAttribute(node, 'starts', from.map(BigInt)), 'ends', to.map(BigInt))
  return editNode(node, { inputs: [node.inputs[0]!, site.constant(from), site.constant(to), ...node.inputs.slice(3)] })
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

function integer(node: Node, name: string): number | undefined {
  const attribute = node.attributes.get(name)
  return attribute?.kind === 'int' ? Number(attribute.value) : undefined
}

function list(node: Node, name: string): number[] | undefined {
  const attribute = node.attributes.get(name)
  return attribute?.kind === 'ints' ? attribute.value.map(Number) : undefined
}

function withAttribute(node: Node, name: string, value: bigint | readonly bigint[]): Node {
  return editNode(node, { attributes: new Map([...node.attributes, [name, makeAttribute(name, value)]]) })
}
