import { axisOf, type Call, each, type Facts, listed, product, type Rules } from './rule.js'

/** Reduced axes become 1, or go away. No axes given: all of them, or none with noop_with_empty_axes. */
function reduce(call: Call): Facts {
  const from = call.shape(0)
  const given = listed(call, 'axes', 1, [])
  if (from === undefined || given === undefined) return []
  const noop = call.int('noop_with_empty_axes', 0) === 1
  const axes = given.length > 0 || noop ? given.map((axis) => axisOf(axis, from.length)) : [...from.keys()]
  if (axes.includes(undefined)) return []
  const keeps = call.int('keepdims', 1) === 1
  const shape = from.flatMap((size, axis) => (axes.includes(axis) ? (keeps ? [1] : []) : [size]))
  const known = call.value(0)
  const compute = COMPUTED[call.node.op]
  const isWhole = axes.length === from.length && known !== undefined && compute !== undefined
  return [{ shape, value: isWhole ? { type: known.type, numbers: [compute(known.numbers)] } : undefined }]
}

const COMPUTED: Readonly<Record<string, (numbers: readonly number[]) => number>> = {
  ReduceProd: product,
  ReduceSum: (numbers) => numbers.reduce((sum, each) => sum + each, 0),
  ReduceMax: (numbers) => Math.max(...numbers),
  ReduceMin: (numbers) => Math.min(...numbers),
}

function argument(call: Call): Facts {
  const from = call.shape(0)
  const axis = from && axisOf(call.int('axis', 0), from.length)
  if (from === undefined || axis === undefined) return []
  return [{ shape: call.int('keepdims', 1) === 1 ? from.with(axis, 1) : from.toSpliced(axis, 1) }]
}

export const reduction: Rules = {
  ...each(
    'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare',
    reduce,
  ),
  ...each('ArgMax ArgMin', argument),
}
