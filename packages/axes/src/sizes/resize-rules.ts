import { attributesOf, editAttributes, editNode, type Node } from '@pare/onnx'
import { changes, sizeAfter } from '../cut/remaining.js'
import { type Axis, factorsOf, partsOf } from '../dependency/axis.js'
import type { Resizing } from './resizing.js'

/** How the sizes that these operators hold themselves change, when heads, groups, repeats or channels go. */
export const RULE_SIZES: readonly [string, (site: Resizing) => Node][] = [
  ...['com.microsoft.Attention', 'com.microsoft.QAttention'].map((name): [string, (site: Resizing) => Node] => [
    name,
    packedAttention,
  ]),
  ['com.microsoft.MultiHeadAttention', (site) => withCounts(site, { num_heads: site.output(0)?.[2] })],
  ['com.microsoft.GroupQueryAttention', groupQueryAttention],
  ['Attention', (site) => withCounts(site, { q_num_heads: headsIn(site.input(0)), kv_num_heads: headsIn(site.input(1)) })],
  ['com.microsoft.RotaryEmbedding', (site) => withCounts(site, { num_heads: headsIn(site.input(0)) })],
  ['RotaryEmbedding', (site) => withCounts(site, { num_heads: headsIn(site.input(0)) })],
  ...['LSTM', 'GRU', 'RNN'].map((name): [string, (site: Resizing) => Node] => [
    name,
    (site) => withCounts(site, { hidden_size: site.input(2)?.[2] }),
  ]),
  ['ConvTranspose', convTranspose],
  ['GroupNormalization', groupNormalization],
  ['com.microsoft.MatMulNBits', matMulNBits],
  ['Tile', tile],
  ['Resize', resize],
]

/** The axis that grows with the heads: of f32[batch, heads, seq, headDim] or f32[batch, seq, units]. */
const headsIn = (axes: readonly Axis[] | undefined) => axes?.[axes.length === 4 ? 1 : 2]

/** Counts shrink as the axes do that they count along. One that is left out or 0 stays so. */
function withCounts({ node, removals }: Resizing, axes: Readonly<Record<string, Axis | undefined>>): Node {
  return Object.entries(axes).reduce((edited, [name, axis]) => {
    const before = attributesOf(node).int(name, 0)
    if (axis === undefined || before === 0) return edited
    const after = (before * sizeAfter(axis, removals)) / axis.size
    return after === before ? edited : editAttributes(edited, { [name]: BigInt(after) })
  }, node)
}

/** The parts of the weight shrink like the heads. */
function packedAttention(site: Resizing): Node {
  const resized = withCounts(site, { num_heads: site.output(0)?.[2] })
  const sizes = attributesOf(site.node).ints('qkv_hidden_sizes')
  if (resized === site.node || sizes === undefined) return resized
  const [before, after] = [site.node, resized].map((each) => attributesOf(each).int('num_heads', 0)) as [number, number]
  return editAttributes(resized, { qkv_hidden_sizes: sizes.map((size) => BigInt((size * after) / before)) })
}

/** Packed, the query is (heads + 2 × heads of keys) × headDim. */
function groupQueryAttention(site: Resizing): Node {
  const [query, key, out] = [site.input(0)?.[2], site.input(1)?.[2], site.output(0)?.[2]]
  if (key !== undefined || query === undefined || out === undefined)
    return withCounts(site, { num_heads: out, kv_num_heads: key })
  const { node, removals } = site
  const headDim = out.size / attributesOf(node).int('num_heads', 0)
  const heads = sizeAfter(out, removals) / headDim
  const shared = (sizeAfter(query, removals) / headDim - heads) / 2
  return editAttributes(node, { num_heads: BigInt(heads), kv_num_heads: BigInt(shared) })
}

/** Channels ÷ channels of one group. */
function convTranspose({ node, removals, input, output }: Resizing): Node {
  const [each, channels] = [input(1)?.[1], output(0)?.[1]]
  const before = attributesOf(node).int('group', 0)
  if (each === undefined || channels === undefined || before === 0) return node
  const after = sizeAfter(channels, removals) / sizeAfter(each, removals)
  return after === before ? node : editAttributes(node, { group: BigInt(after) })
}

/** Of channels = groups × channels of a group, the outer factors count the groups. */
function groupNormalization({ node, removals, input }: Resizing): Node {
  const [channels, before] = [input(0)?.[1], attributesOf(node).int('num_groups', 0)]
  if (channels === undefined || before < 1 || !changes([channels], removals)) return node
  const each = channels.size / before
  const groupsIn = (part: Axis) => {
    const factors = [...factorsOf(part)]
    let inner = 1
    while (inner < each && factors.length > 0) inner *= factors.pop()!.size
    return factors.reduce((count, factor) => count * sizeAfter(factor, removals), 1)
  }
  const after = partsOf(channels).reduce((count, part) => count + groupsIn(part), 0)
  return after === before ? node : editAttributes(node, { num_groups: BigInt(after) })
}

function matMulNBits(site: Resizing): Node {
  return withCounts(site, { N: site.output(0)?.at(-1), K: site.input(0)?.at(-1) })
}

function tile(site: Resizing): Node {
  const { node, removals } = site
  const [x, out, repeats] = [site.input(0), site.output(0), site.elements(1)]
  if (x === undefined || out === undefined || repeats === undefined) return node
  const after = repeats.map((count, i) =>
    count !== undefined ? sizeAfter(out[i]!, removals) / sizeAfter(x[i]!, removals) : count,
  )
  if (after.every((count, i) => count === repeats[i])) return node
  return editNode(node, { inputs: [node.inputs[0]!, site.sizes(1, after)] })
}

/** Sizes that follow from the model alone. Others follow from the shapes of its inputs, or the proof says that they do not. */
function resize(site: Resizing): Node {
  const { node, removals } = site
  const [out, sizes] = [site.output(0), site.elements(3)]
  if (out === undefined || sizes?.length !== out.length || attributesOf(node).ints('axes') !== undefined) return node
  const after = sizes.map((size, i) => (size !== undefined && site.isFixed(0, i) ? sizeAfter(out[i]!, removals) : undefined))
  if (after.every((size, i) => size === undefined || size === sizes[i])) return node
  return editNode(node, { inputs: [...node.inputs.slice(0, 3), site.sizes(3, after)] })
}
