import type { Slice, UnitGroup } from '@pare/core'
import { elementCount, type Tensor } from '@pare/onnx'

/** What goes with one unit of a group: the fewest and the most, where units differ (blocks do). */
export interface Range {
  readonly least: number
  readonly most: number
}

/** How much of a tensor goes with units, and the tensor. */
export interface UnitShare {
  readonly id: string
  readonly tensor: Tensor
  /** f64[units]: elements. */
  readonly elements: Float64Array
}

type Slices = Pick<UnitGroup, 'units' | 'slices'>

/**
 * Elements of each parameter, biases included, that go with each unit of a group. Exact: where a unit holds positions of several axes, what lies in both
 * counts once. Units of two groups that slice the same tensor hold elements together: what goes with both is less than the sum.
 */
export function carriedBy({ units, slices }: Slices, parameters: ReadonlySet<Tensor>): readonly UnitShare[] {
  return tensorsOf(slices, parameters).map(([id, own]) => {
    const { tensor } = own[0]!
    const remainders = new Float64Array(units).fill(elementCount(tensor.shape))
    for (const [axis, owners] of axesOf(own)) {
      const counts = new Float64Array(units)
      for (const unit of owners) if (unit >= 0) counts[unit]!++
      const size = tensor.shape[axis]!
      for (let unit = 0; unit < units; unit++) remainders[unit]! *= (size - counts[unit]!) / size
    }
    return { id, tensor, elements: remainders.map((rest) => Math.round(elementCount(tensor.shape) - rest)) }
  })
}

/** Elements of parameters that go with any unit of any of these groups, each counted once. */
export function carriedByAll(groups: readonly Slices[], parameters: ReadonlySet<Tensor>): number {
  const tensors = tensorsOf(
    groups.flatMap(({ slices }) => slices),
    parameters,
  )
  return tensors.reduce((sum, [, own]) => {
    const { shape } = own[0]!.tensor
    let rest = elementCount(shape)
    for (const [axis, owners] of axesOf(own)) rest *= owners.filter((unit) => unit < 0).length / shape[axis]!
    return sum + Math.round(elementCount(shape) - rest)
  }, 0)
}

/** Of sums over tensors, for each unit. */
export function rangeOf(units: number, summands: readonly Float64Array[]): Range {
  const totals = new Float64Array(units)
  for (const each of summands) for (let unit = 0; unit < units; unit++) totals[unit]! += each[unit]!
  return { least: Math.min(...totals), most: Math.max(...totals) }
}

function tensorsOf(slices: readonly Slice[], parameters: ReadonlySet<Tensor>): readonly (readonly [string, readonly Slice[]])[] {
  const tensors = new Map<string, Slice[]>()
  for (const slice of slices.filter(({ tensor }) => parameters.has(tensor))) {
    const own = tensors.get(slice.id)
    if (own === undefined) tensors.set(slice.id, [slice])
    else own.push(slice)
  }
  return [...tensors]
}

/** For each axis that is sliced, the unit of each position, or −1. */
function axesOf(slices: readonly Slice[]): ReadonlyMap<number, Int32Array> {
  const axes = new Map<number, Int32Array>()
  for (const { axis, units } of slices) {
    const before = axes.get(axis)
    axes.set(axis, before === undefined ? units : before.map((unit, position) => (unit >= 0 ? unit : units[position]!)))
  }
  return axes
}
