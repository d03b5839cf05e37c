import type { DataType } from '@pare/onnx'

/** A tensor whose elements are doubles, row-major, whatever type it stands for. 64-bit integers are rounded to doubles; booleans are 0 and 1. */
export interface Array64 {
  readonly type: DataType
  readonly shape: readonly number[]
  readonly data: Float64Array
}

export function array(shape: readonly number[], data: Float64Array, type: DataType = 'float32'): Array64 {
  return { type, shape, data: type.startsWith('float') || type === 'bfloat16' ? data : wrapped(type, data) }
}

/** The tensor whose element at each index is `value(index)`. The index is the same array at each call. */
export function filled(
  shape: readonly number[],
  value: (index: readonly number[]) => number,
  type: DataType = 'float32',
): Array64 {
  const data = new Float64Array(count(shape))
  eachIndex(shape, (index, flat) => {
    data[flat] = value(index)
  })
  return array(shape, data, type)
}

export function integers(values: readonly number[], type: DataType = 'int64'): Array64 {
  return array([values.length], Float64Array.from(values), type)
}

export function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Elements from one index of an axis to the next. */
export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => count(shape.slice(axis + 1)))
}

/** Where the element at `index` stands. */
export function flatOf(shape: readonly number[], index: readonly number[]): number {
  let flat = 0
  for (let axis = 0; axis < shape.length; axis++) flat = flat * shape[axis]! + index[axis]!
  return flat
}

export function at(x: Array64, index: readonly number[]): number {
  return x.data[flatOf(x.shape, index)]!
}

/** Calls `visit` for each index in row-major order. The index is the same array at each call. */
export function eachIndex(shape: readonly number[], visit: (index: readonly number[], flat: number) => void): void {
  const total = count(shape)
  const index = shape.map(() => 0)
  for (let flat = 0; flat < total; flat++) {
    visit(index, flat)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break
      index[axis] = 0
    }
  }
}

/** `axis` counted from the front. */
export function axisOf(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis
  if (!(positive >= 0 && positive < Math.max(rank, 1))) throw new RangeError(`axis ${axis} of ${rank}`)
  return positive
}

export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)
    const size = sizes.find((each) => each !== 1) ?? 1
    if (sizes.some((each) => each !== 1 && each !== size)) throw new RangeError(`[${shapes.join('] and [')}] do not broadcast`)
    return size
  })
}

/** For each element of `into`, which element of `shape` is broadcast there: i32[elements of into]. */
export function broadcastOffsets(shape: readonly number[], into: readonly number[]): Int32Array {
  const offsets = new Int32Array(count(into))
  const lead = into.length - shape.length
  const strides = stridesOf(shape).map((stride, axis) => (shape[axis] === 1 ? 0 : stride))
  eachIndex(into, (index, flat) => {
    let offset = 0
    for (let axis = 0; axis < strides.length; axis++) offset += index[lead + axis]! * strides[axis]!
    offsets[flat] = offset
  })
  return offsets
}

/** `x` in another shape of as many elements. */
export function reshaped(x: Array64, shape: readonly number[]): Array64 {
  if (count(shape) !== x.data.length) throw new RangeError(`[${x.shape}] has not the elements of [${shape}]`)
  return { ...x, shape }
}

/** `x` as three axes: those before `axis`, the axis, those behind it. */
export function aroundAxis(x: Array64, axis: number): { outer: number; size: number; inner: number } {
  return { outer: count(x.shape.slice(0, axis)), size: x.shape[axis]!, inner: count(x.shape.slice(axis + 1)) }
}

function wrapped(type: DataType, data: Float64Array): Float64Array {
  const view = VIEWS[type]
  return view === undefined ? data : Float64Array.from(view.from(data))
}

const VIEWS: Partial<Record<DataType, { from(data: Float64Array): ArrayLike<number> }>> = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
}
