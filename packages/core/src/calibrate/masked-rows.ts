import { type Graph, makeValueInfo, type ValueInfo } from '@pare/onnx'
import type { AddedNodes } from './added-nodes.js'
import type { Layout, Mask } from './padding.js'

/** The operator set from which on rows can be left out in the graph. */
export const LEAVES_ROWS_OUT = 11

/** Appends nodes and constants to a graph. */
export interface Appending extends Pick<AddedNodes, 'node' | 'ints'> {
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

export function maskedRows(to: Appending): MaskedRows {
  const made = new Map<string, string>()
  const once = (key: string, make: () => string): string => {
    const name = made.get(key) ?? make()
    made.set(key, name)
    return name
  }
  const positionsOf = (mask: Mask) => once(mask.name, () => positions(to, mask))
  return {
    kept: (layout) => once(keyOf(layout), () => laidOut(to, positionsOf(layout.mask), layout)),
    last: (layout) => once(`${keyOf(layout)} last`, () => laidOut(to, lastOf(to, positionsOf(layout.mask)), layout)),
    padded(mask) {
      const out = to.node('Cast', [to.node('Not', [positionsOf(mask)])], { to: 7n })
      const flat = to.node('Reshape', [out, to.ints([-1])])
      return to.opset >= 13
        ? to.node('ReduceSum', [flat, to.ints([0])], { keepdims: 0n })
        : to.node('ReduceSum', [flat], { axes: [0n], keepdims: 0n })
    },
  }
}

const keyOf = ({ mask, factors }: Layout) => `${mask.name} ${factors}`

/** bool[batch, seq] of a mask: of one that covers a cache too, the last positions. */
function positions(to: Appending, { name, tokens, added }: Mask): string {
  const mask = to.node('Cast', [name], { to: 9n })
  if (tokens === undefined || added || to.opset < 10) return mask
  const count = to.node('Slice', [to.node('Shape', [tokens]), to.ints([1]), to.ints([2])])
  return to.node('Slice', [mask, to.node('Neg', [count]), to.ints([FAR]), to.ints([1])])
}

/** bool[batch, seq]: of the positions that count, the last one of each sample. */
function lastOf(to: Appending, kept: string): string {
  const count = to.node('CumSum', [to.node('Cast', [kept], { to: 6n }), to.ints(1)])
  const most = to.opset >= 18 ? to.node('ReduceMax', [count, to.ints([1])]) : to.node('ReduceMax', [count], { axes: [1n] })
  return to.node('And', [kept, to.node('Equal', [count, most])])
}

/** bool[rows] of bool[batch, seq]. */
function laidOut(to: Appending, kept: string, { factors }: Layout): string {
  const inOrder = factors.indexOf('batch') < factors.indexOf('seq')
  const turned = inOrder ? kept : to.node('Transpose', [kept], { perm: [1n, 0n] })
  const others = [...factors.keys()].filter((i) => typeof factors[i] === 'number')
  const sizes = factors.map((factor) => (typeof factor === 'number' ? factor : 1))
  const wide = others.length === 0 ? turned : to.node('Expand', [unsqueezed(to, turned, others), to.ints(sizes)])
  return to.node('Reshape', [wide, to.ints([-1])])
}

function unsqueezed(to: Appending, value: string, axes: readonly number[]): string {
  if (to.opset >= 13) return to.node('Unsqueeze', [value, to.ints(axes)])
  return to.node('Unsqueeze', [value], { axes: axes.map(BigInt) })
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
