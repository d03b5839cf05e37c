import { flatIndex, forEachPosition, stridesOf, typed } from './elements.js'
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
  if (source === undefined || compute === undefined || source.numbers.length === 0) return [{ shape }]
  const sets = Array.from({ length: product(shape) }, (): number[] => [])
  const strides = stridesOf(from.map((size, axis) => (axes.includes(axis) ? 1 : size)))
  forEachPosition(from, (position, flat) => {
    const kept = position.map((at, axis) => (axes.includes(axis) ? 0 : at))
    sets[flatIndex(kept, strides)]!.push(source.numbers[flat]!)
  })
  return [{ shape, value: typed(source.type, sets.map(compute)) }]
}

const COMPUTED: Readonly<Record<string, (numbers: readonly number[]) => number>> = {
  ReduceProd: product,
  ReduceSum: (numbers) => numbers.reduce((sum, each) => sum + each, 0),
  ReduceMax: (numbers) => numbers.reduce((most, each) => Math.max(most, each)),
  ReduceMin: (numbers) => numbers.reduce((least, each) => Math.min(least, each)),
}

export const reduction: ShapeRules = each(
  'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare',
  reduce,
)
