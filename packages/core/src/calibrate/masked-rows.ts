import { type Graph, type GraphWriter, makeValueInfo, type ValueInfo } from '@pare/onnx'
import type { Layout, Mask } from './padding.js'

/** The operator set from which on rows can be left out in the graph. */
export const LEAVES_ROWS_OUT = 11

interface To {
  readonly writer: GraphWriter
  readonly opset: number
}

/** Which rows of values count, as nodes of a graph. The same nodes are made once. */
export interface MaskedRows {
  /** bool[rows]: 1 where a row counts. */
  kept(layout: Layout): string
  /** bool[rows]: 1 at the last position of each sample that counts. */
  last(layout: Layout): string
  /** i64[]: how many positions a mask leaves out. */
  padded(mask: Mask): string
}

export function maskedRows(writer: GraphWriter, opset: number): MaskedRows {
  const to = { writer, opset }
  return {
    kept: (layout) => laidOut(to, positions(to, layout.mask), layout),
    last: (layout) => laidOut(to, lastOf(to, positions(to, layout.mask)), layout),
    padded(mask) {
      const out = to.writer.node('Cast', [to.writer.node('Not', [positions(to, mask)])], { to: 7n })
      const flat = to.writer.node('Reshape', [out, to.writer.ints([-1])])
      return opset >= 13
        ? to.writer.node('ReduceSum', [flat, to.writer.ints([0])], { keepdims: 0n })
        : to.writer.node('ReduceSum', [flat], { axes: [0n], keepdims: 0n })
    },
  }
}

/** bool[batch, seq] of a mask: of one that covers a cache too, the last positions. */
function positions(to: To, { name, tokens, added }: Mask): string {
  const mask = to.writer.node('Cast', [name], { to: 9n })
  if (tokens === undefined || added || to.opset < 10) return mask
  const count = to.writer.node('Slice', [to.writer.node('Shape', [tokens]), to.writer.ints([1]), to.writer.ints([2])])
  return to.writer.node('Slice', [mask, to.writer.node('Neg', [count]), to.writer.ints([FAR]), to.writer.ints([1])])
}

/** bool[batch, seq]: of the positions that count, the last one of each sample. */
function lastOf(to: To, kept: string): string {
  const count = to.writer.node('CumSum', [to.writer.node('Cast', [kept], { to: 6n }), to.writer.ints(1)])
  const most =
    to.opset >= 18
      ? to.writer.node('ReduceMax', [count, to.writer.ints([1])])
      : to.writer.node('ReduceMax', [count], { axes: [1n] })
  return to.writer.node('And', [kept, to.writer.node('Equal', [count, most])])
}

/** bool[rows] of bool[batch, seq]. */
function laidOut(to: To, kept: string, { factors }: Layout): string {
  const inOrder = factors.indexOf('batch') < factors.indexOf('seq')
  const turned = inOrder ? kept : to.writer.node('Transpose', [kept], { perm: [1n, 0n] })
  const others = [...factors.keys()].filter((i) => typeof factors[i] === 'number')
  const sizes = factors.map((factor) => (typeof factor === 'number' ? factor : 1))
  const wide = others.length === 0 ? turned : to.writer.node('Expand', [unsqueezed(to, turned, others), to.writer.ints(sizes)])
  return to.writer.node('Reshape', [wide, to.writer.ints([-1])])
}

function unsqueezed(to: To, value: string, axes: readonly number[]): string {
  if (to.opset >= 13) return to.writer.node('Unsqueeze', [value, to.writer.ints(axes)])
  return to.writer.node('Unsqueeze', [value], { axes: axes.map(BigInt) })
}

/** Beyond the end of any axis. */
const FAR = 2 ** 31 - 1

/** Masks that a model lacks, as inputs: for the same samples and positions as their tokens. */
export function addedMasks(masks: readonly Mask[], { inputs }: Graph): ValueInfo[] {
  return masks.flatMap(({ name, tokens, added }) => {
    const shape = inputs.find((input) => input.name === tokens)?.shape
    return added && shape !== undefined ? [makeValueInfo({ name, type: 'int64', shape })] : []
  })
}
