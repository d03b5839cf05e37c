import {
  type DeviceType,
  type Element,
  type ElementOp,
  isOnHost,
  type LazyArray,
  rowMajor,
  type Store,
  sizeOf,
  storesIn,
} from './element.js'
import { onHost } from './host.js'
import { coordinates, GROUP, groupsFor, KernelText, mergedAxes, toStored } from './kernel-text.js'
import type { Recording } from './recording.js'
import { arrayOf, broadcast, commonDims, isPlain, positions, reshaped, sliced, transposed } from './views.js'

/** Stores that an expression may read: a device binds eight at least, with the result. */
const MOST_STORES = 6
/** Operations in one expression. */
const MOST_CALLS = 48
/** Arrays of so many elements are computed by this process where all they read is here. */
const FEW = 4096
const THREADS = 64

/** An operation on arrays, element by element, with numpy's broadcasting. Recorded only where the expression becomes too large for one kernel. */
export function map(
  recording: Recording,
  { op, type }: { op: ElementOp; type: DeviceType },
  arrays: readonly LazyArray[],
): LazyArray {
  const dims = commonDims(arrays.map((array) => array.dims))
  let operands = arrays
  const element = (): Element => ({ kind: 'call', op, type, of: operands.map((array) => broadcast(array, dims).element) })
  if (storesIn(element()).length > MOST_STORES || callsIn(element()) > MOST_CALLS)
    operands = arrays.map((array) => (array.element.kind === 'call' ? computed(recording, array) : array))
  return settled({ type, dims, element: element() })
}

/** The same where the operands are few and simple. */
function combined({ op, type }: { op: ElementOp; type: DeviceType }, arrays: readonly LazyArray[]): LazyArray {
  const dims = commonDims(arrays.map((array) => array.dims))
  return { type, dims, element: { kind: 'call', op, type, of: arrays.map((array) => broadcast(array, dims).element) } }
}

/** The array itself, or its numbers where this process can tell them. */
export const settled = (array: LazyArray): LazyArray =>
  array.element.kind !== 'read' && isOnHost(array.element) && sizeOf(array.dims) <= FEW ? onHost(array) : array

function callsIn(element: Element): number {
  if (element.kind === 'gathered') return 1 + callsIn(element.index)
  return element.kind === 'call' ? element.of.reduce((sum, each) => sum + callsIn(each), 1) : 0
}

/** The same elements in a store of their own, one after another: of this process where they are few and it can tell them, else a kernel writes them. */
export function computed(recording: Recording, array: LazyArray): LazyArray {
  if (isPlain(array)) return array
  if (isOnHost(array.element) && (sizeOf(array.dims) <= FEW || array.type === 'i32')) return onHost(array)
  const { type, dims } = array
  const store = recording.take(sizeOf(dims))
  write(recording, array, store)
  return arrayOf(type, dims, store)
}

/** Writes the elements of an array to the beginning of a store. */
export function write(recording: Recording, { type, dims, element }: LazyArray, store: Store): void {
  const count = sizeOf(dims)
  if (count === 0) return
  const target = { strides: rowMajor(dims), offset: 0 }
  const merged = mergedAxes(dims, [element], [target])
  const kernel = new KernelText()
  const total = kernel.word(count)
  const { code, names } = coordinates(kernel, merged.dims, { name: 'c', index: 'i' })
  const value = kernel.of(merged.change(element), names)
  const text = kernel.text(
    { result: type, threads: THREADS },
    `let i = i32(${GROUP} * ${THREADS}u + thread);
  if (i >= ${total}) { return; }
  ${code}
  result[i] = ${toStored(type, value)};`,
  )
  dispatch(recording, kernel, { text, groups: groupsFor(Math.ceil(count / THREADS)), result: store })
}

interface Written {
  readonly text: string
  readonly groups: readonly [number, number, number]
  readonly result: Store
}

/** Records a kernel with the stores that its text binds. */
export function dispatch(recording: Recording, kernel: KernelText, { text, groups, result }: Written): void {
  const most = recording.memory.gpu.adapter.limits.maxComputeWorkgroupsPerDimension
  if (groups.some((count) => count > most))
    throw new RangeError(`${groups.join(' × ')} groups of threads are more than ${most} along one side`)
  const all = [result, ...kernel.bound.map(({ store, type }) => recording.resident(store, type))]
  recording.dispatches.push({ code: text, groups, words: kernel.words, buffers: all.map((store) => deviceBuffer(store)) })
}

function deviceBuffer(store: Store): GPUBuffer {
  if (store.kind === 'host') throw new Error('a kernel cannot write to the host')
  return store.buffer
}

/** The array as something that reads one store, with strides of any kind. */
export function asRead(recording: Recording, array: LazyArray): LazyArray & { element: Extract<Element, { kind: 'read' }> } {
  const { element } = array
  return (element.kind === 'read' ? array : computed(recording, array)) as ReturnType<typeof asRead>
}

export function reshape(recording: Recording, array: LazyArray, dims: readonly number[]): LazyArray {
  return reshaped(array, dims) ?? reshaped(computed(recording, array), dims)!
}

/** Arrays one behind another along an axis. */
export function concatenate(recording: Recording, arrays: readonly LazyArray[], axis: number): LazyArray {
  const [first, ...others] = arrays.filter(({ dims }) => dims[axis] !== 0)
  if (first === undefined) return arrays[0]!
  let joined = first
  for (const array of others) {
    const size = joined.dims[axis]!
    const dims = joined.dims.with(axis, size + array.dims[axis]!)
    if (array.dims.some((each, i) => i !== axis && each !== joined.dims[i]))
      throw new RangeError(`[${joined.dims}] and [${array.dims}] cannot be put together along axis ${axis}`)
    // Which of the two is read the position decides; the other would be read before its beginning or past its end.
    const inFirst = combined({ op: 'less', type: 'bool' }, [positions(dims, axis), numberArray('i32', size)])
    const whole = { axis, step: 1, count: dims[axis]! }
    joined = map(recording, { op: 'where', type: array.type }, [
      inFirst,
      sliced(joined, { ...whole, start: 0 }),
      sliced(array, { ...whole, start: -size }),
    ])
  }
  return joined
}

export const numberArray = (type: DeviceType, value: number): LazyArray => arrayOf(type, [], { kind: 'host', values: [value] })

/** Slices of `array` along an axis, as many as `indices` has elements, in the place of that axis. */
export function gather(
  recording: Recording,
  array: LazyArray,
  { indices, axis }: { indices: LazyArray; axis: number },
): LazyArray {
  const from = asRead(recording, array)
  const index = indices.element.kind === 'call' ? computed(recording, indices) : indices
  const [before, after] = [from.dims.slice(0, axis), from.dims.slice(axis + 1)]
  const dims = [...before, ...indices.dims, ...after]
  const { strides } = from.element
  const widened = reshaped(index, [...before.map(() => 1), ...indices.dims, ...after.map(() => 1)])
  if (widened === undefined) throw new Error('indices could not be laid out')
  const gathered: LazyArray = {
    type: from.type,
    dims,
    element: {
      kind: 'gathered',
      from: { ...from.element, strides: [...strides.slice(0, axis), ...indices.dims.map(() => 0), ...strides.slice(axis + 1)] },
      index: broadcast(widened, dims).element,
      stride: strides[axis]!,
      size: from.dims[axis]!,
    },
  }
  return settled(gathered)
}

/** Those axes moved behind all others. */
export function movedLast(array: LazyArray, axes: readonly number[]): LazyArray {
  const others = array.dims.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  return transposed(array, [...others, ...axes])
}
