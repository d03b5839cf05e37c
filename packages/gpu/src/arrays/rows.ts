import { dispatch, movedLast } from './compute.js'
import { type DeviceType, type LazyArray, sizeOf } from './element.js'
import { coordinates, GROUP, groupsFor, KernelText, mergedAxes, toStored } from './kernel-text.js'
import type { Recording } from './recording.js'
import { arrayOf, broadcast, transposed } from './views.js'

// Kernels that go through rows: a row is all positions of some axes, and a group of threads has one.

const THREADS = 64

export type Reduction = 'sum' | 'mean' | 'maximum' | 'minimum' | 'product' | 'argmax'

/** [dims without `axes`]: each row as one number. Axes that are reduced go, whatever the operator keeps. */
export function reduce(
  recording: Recording,
  array: LazyArray,
  { kind, axes }: { kind: Reduction; axes: readonly number[] },
): LazyArray {
  const rows = rowsOf(array, axes)
  const type = kind === 'argmax' ? 'i32' : array.type
  const dims = rows.outer
  const text = kind === 'argmax' ? argmax(rows) : numberOf(rows, { kind, type })
  const store = recording.take(rows.count)
  if (rows.count > 0)
    dispatch(recording, rows.kernel, {
      text: rows.kernel.text({ result: type, threads: THREADS, before: SHARED(type) }, text),
      groups: groupsFor(rows.count),
      result: store,
    })
  return arrayOf(type, dims, store)
}

/** e^x ÷ Σ e^x along some axes, or its logarithm. */
export function softmax(
  recording: Recording,
  array: LazyArray,
  { axes, logarithm }: { axes: readonly number[]; logarithm: boolean },
): LazyArray {
  return written(recording, { array, axes }, (rows) => {
    const value = logarithm ? 'x - most - log(total)' : 'exp(x - most) / total'
    return `${rows.row}
  ${rows.fold({ name: 'most', start: '-3.4e38f', step: (x) => `max(sum, ${x})`, join: 'max' })}
  ${rows.fold({ name: 'total', start: '0.0', step: (x) => `sum + exp(${x} - most)`, join: 'add' })}
  ${rows.each((x) => `let x = ${x}; result[row * ${rows.size} + j] = ${value};`)}`
  })
}

export interface Normalisation {
  readonly kind: 'layer' | 'rms'
  readonly epsilon: number
  readonly axes: readonly number[]
  /** Broadcast to the array. */
  readonly scale?: LazyArray
  readonly bias?: LazyArray
}

/** (x − mean) ÷ √(variance + ε) · scale + bias along some axes; 'rms' takes 0 for the mean. */
export function normalise(
  recording: Recording,
  array: LazyArray,
  { kind, epsilon, axes, scale, bias }: Normalisation,
): LazyArray {
  return written(recording, { array, axes, others: [scale, bias] }, (rows) => {
    const size = `f32(${rows.size})`
    const mean = kind === 'layer' ? rows.fold({ name: 'total', start: '0.0', step: (x) => `sum + ${x}`, join: 'add' }) : ''
    const middle = kind === 'layer' ? `let mean = total / ${size};` : 'let mean = 0.0;'
    const [by = '1.0', plus = '0.0'] = [scale, bias].map((each, i) => each && rows.other(i))
    return `${rows.row}
  ${mean}
  ${middle}
  ${rows.fold({ name: 'squares', start: '0.0', step: (x) => `sum + (${x} - mean) * (${x} - mean)`, join: 'add' })}
  let factor = 1.0 / sqrt(squares / ${size} + ${rows.kernel.real(epsilon)});
  ${rows.each((x) => `result[row * ${rows.size} + j] = (${x} - mean) * factor * ${by} + ${plus};`)}`
  })
}

const SHARED = (type: DeviceType) => `var<workgroup> shared_${type}: array<${type}, ${THREADS}>;`

const JOIN = {
  add: (a: string, b: string) => `${a} + ${b}`,
  multiply: (a: string, b: string) => `${a} * ${b}`,
  max: (a: string, b: string) => `max(${a}, ${b})`,
  min: (a: string, b: string) => `min(${a}, ${b})`,
}

const REDUCTIONS = {
  sum: { start: '0', join: 'add', step: (x: string) => `sum + ${x}` },
  mean: { start: '0', join: 'add', step: (x: string) => `sum + ${x}` },
  product: { start: '1', join: 'multiply', step: (x: string) => `sum * ${x}` },
  maximum: { start: '-3.4e38f', join: 'max', step: (x: string) => `max(sum, ${x})` },
  minimum: { start: '3.4e38f', join: 'min', step: (x: string) => `min(sum, ${x})` },
} as const

function numberOf(rows: Rows, { kind, type }: { kind: Exclude<Reduction, 'argmax'>; type: DeviceType }): string {
  const { start, join, step } = REDUCTIONS[kind]
  const first = type === 'f32' ? start : kind === 'maximum' ? '-2147483647' : kind === 'minimum' ? '2147483647' : start
  const number = `${type}(${first})`
  return `${rows.row}
  ${rows.fold({ name: 'all', start: number, step, join, type })}
  if (thread == 0u) { result[row] = ${toStored(type, kind === 'mean' ? `all / f32(${rows.size})` : 'all')}; }`
}

/** The first of the largest. One thread looks. */
function argmax(rows: Rows): string {
  return `${rows.row}
  if (thread == 0u) {
    var best = 0;
    var most = -3.4e38f;
    for (var j = 0; j < ${rows.size}; j++) { ${rows.inner} let x = f32(${rows.value}); if (x > most) { most = x; best = j; } }
    result[row] = best;
  }`
}

interface Folding {
  readonly name: string
  readonly start: string
  /** WGSL of `sum` with one more element. */
  readonly step: (x: string) => string
  readonly join: keyof typeof JOIN
  readonly type?: DeviceType
}

/** WGSL of what goes through a row. */
interface Rows {
  readonly kernel: KernelText
  readonly outer: readonly number[]
  readonly count: number
  readonly size: string
  /** Sets `row` and its coordinates, and leaves where there is no such row. */
  readonly row: string
  /** Sets the coordinates of the `j`-th element. */
  readonly inner: string
  readonly value: string
  /** WGSL of another array's element beside the row's. */
  other(index: number): string
  fold(folding: Folding): string
  each(body: (x: string) => string): string
}

function rowsOf(array: LazyArray, axes: readonly number[], others: readonly (LazyArray | undefined)[] = []): Rows {
  const moved = movedLast(array, axes)
  const beside = others.map((each) => each && movedLast(broadcast(each, array.dims), axes).element)
  const outerRank = moved.dims.length - axes.length
  const elements = [moved.element, ...beside.filter((each) => each !== undefined)]
  const kernel = new KernelText()
  const outer = moved.dims.slice(0, outerRank)
  const [count, width] = [sizeOf(outer), sizeOf(moved.dims.slice(outerRank))]
  // Outer and inner axes are merged apart: an axis of either would else become one with the other.
  const merged = mergedAxes(moved.dims, elements, [
    { strides: [...outer.map(() => 0), ...moved.dims.slice(outerRank).map((_, i) => i + 1)], offset: 0 },
  ])
  const isOuter = merged.view({ strides: moved.dims.map((_, axis) => (axis < outerRank ? 1 : 0)), offset: 0 }).strides
  const [outerDims, innerDims] = [merged.dims.filter((_, i) => isOuter[i] === 1), merged.dims.filter((_, i) => isOuter[i] === 0)]
  const of = coordinates(kernel, outerDims, { name: 'o', index: 'row' })
  const within = coordinates(kernel, innerDims, { name: 'w', index: 'j' })
  const at = [...of.names, ...within.names]
  const size = kernel.word(width)
  const value = kernel.of(merged.change(moved.element), at)
  const texts = beside.map((each) => each && kernel.of(merged.change(each), at))
  const loop = (body: string) => `for (var j = i32(thread); j < ${size}; j += ${THREADS}) { ${within.code} ${body} }`
  return {
    kernel,
    outer,
    count,
    size,
    row: `let row = i32(${GROUP});
  if (row >= ${kernel.word(count)}) { return; }
  ${of.code}`,
    inner: within.code,
    value,
    other: (index) => texts[index]!,
    fold: ({ name, start, step, join, type = 'f32' }) => `var ${name}_sum = ${start};
  { var sum = ${start}; ${loop(`sum = ${step(value)};`)} ${name}_sum = sum; }
  workgroupBarrier();
  shared_${type}[thread] = ${name}_sum;
  workgroupBarrier();
  for (var step = ${THREADS / 2}u; step > 0u; step /= 2u) {
    if (thread < step) { shared_${type}[thread] = ${JOIN[join](`shared_${type}[thread]`, `shared_${type}[thread + step]`)}; }
    workgroupBarrier();
  }
  let ${name} = shared_${type}[0];`,
    each: (body) => loop(body(value)),
  }
}

function written(
  recording: Recording,
  { array, axes, others = [] }: { array: LazyArray; axes: readonly number[]; others?: readonly (LazyArray | undefined)[] },
  body: (rows: Rows) => string,
): LazyArray {
  const rows = rowsOf(array, axes, others)
  const moved = movedLast(array, axes)
  const text = body(rows)
  const store = recording.take(sizeOf(array.dims))
  if (rows.count > 0)
    dispatch(recording, rows.kernel, {
      text: rows.kernel.text({ result: 'f32', threads: THREADS, before: SHARED('f32') }, text),
      groups: groupsFor(rows.count),
      result: store,
    })
  // Back to the order of the axes.
  const order = array.dims.map((_, axis) => axis)
  const last = [...order.filter((axis) => !axes.includes(axis)), ...axes]
  return transposed(
    arrayOf('f32', moved.dims, store),
    order.map((axis) => last.indexOf(axis)),
  )
}
