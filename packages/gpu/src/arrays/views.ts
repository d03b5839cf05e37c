import { type DeviceType, type Element, type LazyArray, rowMajor, type Store, sizeOf, type View, withViews } from './element.js'

/** All of a store, one element after another. */
export const arrayOf = (type: DeviceType, dims: readonly number[], store: Store): LazyArray => ({
  type,
  dims,
  element: { kind: 'read', type, store, strides: rowMajor(dims), offset: 0 },
})

/** Numbers of this process. */
export const hostArray = (type: DeviceType, dims: readonly number[], values: ArrayLike<number>): LazyArray =>
  arrayOf(type, dims, { kind: 'host', values })

/** i32[dims]: the position along one axis. */
export const positions = (dims: readonly number[], axis: number): LazyArray => ({
  type: 'i32',
  dims,
  element: { kind: 'position', strides: dims.map((_, i) => +(i === axis)), offset: 0 },
})

function viewed(array: LazyArray, dims: readonly number[], change: (view: View) => View): LazyArray {
  return { type: array.type, dims, element: withViews(array.element, change) }
}

/** Axis i of the result is axis `order[i]` of the array. */
export function transposed(array: LazyArray, order: readonly number[]): LazyArray {
  const pick = (list: readonly number[]) => order.map((axis) => list[axis]!)
  return viewed(array, pick(array.dims), ({ strides, offset }) => ({ strides: pick(strides), offset }))
}

export interface AxisStretch {
  readonly axis: number
  readonly start: number
  readonly step: number
  readonly count: number
}

export function sliced(array: LazyArray, { axis, start, step, count }: AxisStretch): LazyArray {
  const dims = array.dims.with(axis, count)
  return viewed(array, dims, ({ strides, offset }) => ({
    strides: strides.with(axis, strides[axis]! * step),
    offset: offset + start * strides[axis]!,
  }))
}

/** As numpy broadcasts: axes of size 1 are repeated, missing ones in front are added. */
export function broadcast(array: LazyArray, dims: readonly number[]): LazyArray {
  const added = dims.length - array.dims.length
  return viewed(array, dims, ({ strides, offset }) => ({
    strides: dims.map((size, axis) => (axis < added || array.dims[axis - added] !== size ? 0 : strides[axis - added]!)),
    offset,
  }))
}

/** The dimensions of arrays that are combined element by element. */
export function commonDims(all: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...all.map(({ length }) => length))
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = all.map((dims) => dims[axis - rank + dims.length] ?? 1)
    const size = sizes.find((each) => each !== 1) ?? 1
    if (sizes.some((each) => each !== 1 && each !== size))
      throw new RangeError(`shapes ${all.map((dims) => `[${dims}]`).join(' and ')} do not fit each other`)
    return size
  })
}

/** The same elements with other dimensions, where views alone can say so; else undefined. */
export function reshaped(array: LazyArray, dims: readonly number[]): LazyArray | undefined {
  if (sizeOf(dims) !== sizeOf(array.dims)) throw new RangeError(`[${array.dims}] has not as many elements as [${dims}]`)
  let fits = true
  const result = viewed(array, dims, (view) => {
    const strides = stridesAfter(view.strides, array.dims, dims)
    if (strides === undefined) fits = false
    return { strides: strides ?? view.strides, offset: view.offset }
  })
  return fits ? result : undefined
}

/** Groups of old and new axes of equal size are reshaped by themselves: the old ones must then lie one after another. */
function stridesAfter(strides: readonly number[], from: readonly number[], to: readonly number[]): number[] | undefined {
  if (sizeOf(to) === 0) return rowMajor(to)
  const old = from.flatMap((size, axis) => (size === 1 ? [] : [{ size, stride: strides[axis]! }]))
  const result = Array<number>(to.length).fill(0)
  for (let first = 0, axis = 0; first < old.length; ) {
    let last = first
    let end = axis
    let [a, b] = [old[last++]!.size, to[end++]!]
    while (a !== b) {
      if (a < b) a *= old[last++]!.size
      else b *= to[end++]!
    }
    for (let i = first; i + 1 < last; i++) if (old[i]!.stride !== old[i + 1]!.stride * old[i + 1]!.size) return undefined
    let stride = old[last - 1]!.stride
    for (let i = end - 1; i >= axis; i--) {
      if (to[i] !== 1) result[i] = stride
      stride *= to[i]!
    }
    ;[first, axis] = [last, end]
  }
  return result
}

/** Whether the array is a store read one element after another from its first on. */
export function isPlain(array: LazyArray): array is LazyArray & { element: Extract<Element, { kind: 'read' }> } {
  const { element, dims } = array
  if (element.kind !== 'read' || element.offset !== 0) return false
  const expected = rowMajor(dims)
  return dims.every((size, axis) => size === 1 || element.strides[axis] === expected[axis])
}
