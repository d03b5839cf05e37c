import { axisOf, each, type Facts, listed, type OperatorCall, product, type ShapeRules } from './rule.js'

/** Reduced axes become 1, or go away. No axes given: all of them, or none with noop_with_empty_axes. */
function reduce(call: OperatorCall): Facts {
  const from = call.shape(0)
  const list = listed(call, 'axes', 1, [])
  if (from === undefined || list === undefined) return []
  const noop = call.int('noop_with_empty_axes', 0) === 1
  const axes = list.length > 0 || noop ? list.map((axis) => axisOf(axis, from.length)) : [...from.keys()]
  if (axes.includes(undefined)) return []
  const keeps = call.int('keepdims', 1) === 1
  const shape = from.flatMap((size, axis) => (axes.includes(axis) ? (keeps ? [1] : []) : [size]))
  const source = call.value(0)
  const compute = COMPUTED[call.node.op]
  const isWhole = axes.length === from.length && source !== undefined && compute !== undefined
  return [{ shape, value: isWhole ? { type: source.type, numbers: [compute(source.numbers)] } : undefined }]
}

const COMPUTED: Readonly<Record<string, (numbers: readonly number[]) => number>> = {
  ReduceProd: product,
  ReduceSum: (numbers) => numbers.reduce((sum, each) => sum + each, 0),
  ReduceMax: (numbers) => Math.max(...numbers),
  ReduceMin: (numbers) => Math.min(...numbers),
}

function argument(call: OperatorCall): Facts {
  const from = call.shape(0)
  const axis = from && axisOf(call.int('axis', 0), from.length)
  if (from === undefined || axis === undefined) return []
  return [{ shape: call.int('keepdims', 1) === 1 ? from.with(axis, 1) : from.toSpliced(axis, 1) }]
}

export const reduction: ShapeRules = {
  ...each(
    'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare',
    reduce,
  ),
  ...each('ArgMax ArgMin', argument),
}
