import { elementCount } from '@pare/onnx'
import { atom, pin, productOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { packedAttention } from './attention.js'
import { tieAll } from './broadcast.js'
import { tieExperts } from './experts.js'
import { tieBlocks } from './quantize.js'

/** Whole layers on codes, in one node each. */
export const quantisedLayers: readonly [string, AxisRule][] = [
  ['com.microsoft.QAttention', attention],
  ['com.microsoft.DynamicQuantizeLSTM', recurrent],
  ['com.microsoft.GatherBlockQuantized', table],
  ['com.microsoft.QMoE', mixture],
]

/** Codes [batch, seq, in] with codes [in, query + key + value]; of several scales and zero points of the weight each goes with a column. */
function attention(site: AxisSite): void {
  packedAttention(site, { past: 8, zero: 6 })
  for (const input of [4, 7]) {
    const vector = site.input(input)
    if (vector?.length === 1 && vector[0]!.size === site.input(1)![1]!.size) site.tie(vector[0], site.input(1)![1])
  }
}

/**
 * X f32[seq, batch, in] with codes W [directions, in, 4 · units] and R [directions, units, 4 · units]. Inputs may go: what is 0 moves no range. Units are held, for
 * their states are rounded within the node by a range that follows from all of them.
 */
function recurrent(site: AxisSite): void {
  const [x, w, out] = [site.input(0), site.input(1), site.output(0)]
  if (x?.length !== 3 || w?.length !== 3 || x[2]!.size !== w[1]!.size) return
  site.tie(x[2], w[1])
  site.contract(0, 2)
  site.role('matmul-in', x[2])
  site.tie(out?.[2], x[1])
  for (const state of [site.input(5), site.input(6), site.output(1), site.output(2)]) site.tie(state?.[1], x[1])
  site.tie(site.input(4)?.[0], x[1])
  const reason = `${site.node.op} '${site.name}' rounds the states of all its units together`
  for (const axis of [w[2], ...(site.input(2) ?? []).slice(1), out?.[3]]) if (axis !== undefined) pin(axis, reason)
}

/** Rows of a table in blocks along its last axis, of which whole ones may go. Packed in bytes, a block is some bytes; with zero points that share bytes, all stay. */
function table(site: AxisSite): void {
  const [data, indices, scales, zeros, out] = [site.input(0), site.input(1), site.input(2), site.input(3), site.output(0)]
  const block = site.int('block_size', 128)
  const isUsual = site.int('gather_axis', 0) === 0 && [1, -1].includes(site.int('quantize_axis', 1))
  if (data?.length !== 2 || scales?.length !== 2 || indices === undefined || out === undefined || !isUsual) return
  const [width, blocks] = [out.at(-1)!, scales[1]!]
  for (const [i, index] of indices.entries()) site.tie(index, out[i])
  site.tie(scales[0], data[0])
  const says = `${site.node.op} '${site.name}'`
  pin(data[0]!, `${says} finds rows by their numbers`)
  if (width.size !== blocks.size * block) return
  const isShared = zeros !== undefined && elementCount(zeros.map(({ size }) => size)) !== scales[0]!.size * blocks.size
  if (isShared) pin(blocks, `${says} has zero points that share bytes along it`)
  else tieAll(site, zeros, scales)
  tieBlocks(site, width, { blocks, block })
  if (data[1]!.size === width.size) site.tie(data[1], width)
  else
    site.tie(data[1], productOf([blocks, atom((block * data[1]!.size) / width.size, `${says} has blocks of ${block} along it`)]))
  site.role('embedding', width)
}

/** Experts go, as those of MoE do. Width and hidden units are held: they are packed in bytes and blocks. */
function mixture(site: AxisSite): void {
  const operands = [...site.node.inputs.keys()].slice(2, 14).map((input) => site.input(input))
  const ends = tieExperts(site, operands)
  if (ends === undefined) return
  const { x, out } = ends
  const reason = `${site.node.op} '${site.name}' has its weights packed along it`
  for (const axes of [[x.at(-1)!], [out.at(-1)!], ...operands.map((axes) => axes?.slice(1) ?? [])])
    for (const axis of axes) pin(axis, reason)
}
