import type { GraphWriter } from '@pare/onnx'
import type { Expression, Statistic } from '../contract/contract.js'

// Products of two elements leave f32 where these are below 1e-19 or above 1e19.

/** The operator set from which on a scale can be chosen in the graph. */
export const SCALES_ROWS = 9
/** Sums of sizes from which on, and up to which, products of two elements are far from the ends of f32. */
const TINY = 1e-3
const HUGE = 1e15
/** Where a sum would leave f32, the rows are divided by this. */
const MOST = 1e38

/** Whether a statistic sums products of two elements: of themselves or of others. */
export function isOfProducts(reduce: Statistic['reduce'], expression: Expression): boolean {
  if (reduce === 'gram' || reduce === 'variance') return expression.op === 'weight'
  return expression.op === 'square' && expression.of.op === 'weight'
}

/** f32[]: 1 where the rows of a batch are of ordinary size, else the sum of their sizes, so that divided by it they are at most 1. */
export function scaleOf(writer: GraphWriter, rows: string, opset: number): string {
  const all = writer.node('Reshape', [writer.node('Abs', [rows]), writer.ints([-1])])
  const sum =
    opset >= 13
      ? writer.node('ReduceSum', [all, writer.ints([0])], { keepdims: 0n })
      : writer.node('ReduceSum', [all], { axes: [0n], keepdims: 0n })
  const isTiny = writer.node('Less', [sum, writer.float(TINY)])
  const isHuge = writer.node('Less', [writer.float(HUGE), sum])
  const isThere = writer.node('Less', [writer.float(0), sum])
  const isOdd = writer.node('And', [isThere, writer.node('Or', [isTiny, isHuge])])
  return writer.node('Where', [isOdd, writer.node('Min', [sum, writer.float(MOST)]), writer.float(1)])
}

/** A value times some scales, in f64. */
export function scaledBack(writer: GraphWriter, value: string, scales: readonly string[]): string {
  const wide = (name: string) => writer.node('Cast', [name], { to: 11n })
  // An output of its own, whatever else reads the same.
  return scales.reduce((result, scale) => writer.own('Mul', [result, wide(scale)]), wide(value))
}
