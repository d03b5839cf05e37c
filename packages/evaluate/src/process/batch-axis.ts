import { PareError } from '@pare/onnx'
import type { ModelValue } from '../data/model-value.js'
import { type DataArray, isStrings, sizeOf } from '../data/ndarray.js'

/** How exporters call the axis of samples. */
const BATCH = /^(batch|batch_?size|n|bs)$/i

/** The axis of samples of inputs and outputs: of all that have it, or by name. */
export type BatchAxis = number | Readonly<Record<string, number>>

/** The axis of samples: the one that is said, else that which is named so, else the first. Throws PareError for an axis that the value does not have. */
export function batchAxisOf({ name, shape }: Pick<ModelValue, 'name' | 'shape'>, setting?: BatchAxis): number {
  const own = typeof setting === 'object' ? (Object.hasOwn(setting, name) ? setting[name] : undefined) : setting
  if (own !== undefined && own < shape.length) return own
  if (own !== undefined && typeof setting === 'object') {
    throw new PareError(`batchAxis: ${own} of '${name}', which has ${shape.length} ${shape.length === 1 ? 'axis' : 'axes'}.`, {
      hint: `count from 0: expected 0 to ${shape.length - 1}.`,
    })
  }
  const named = shape.flatMap((dim, axis) => (typeof dim === 'string' && BATCH.test(dim) ? [axis] : []))
  return named.length === 1 ? named[0]! : 0
}

/** The value with its samples on the first axis. */
export function samplesFirst(value: ModelValue, setting?: BatchAxis): ModelValue {
  const axis = batchAxisOf(value, setting)
  return axis === 0 ? value : { ...value, shape: movedAxis(value.shape, axis, 0) }
}

/** Throws PareError for names that are neither input nor output. */
export function checkBatchAxis(setting: BatchAxis | undefined, values: readonly ModelValue[]): void {
  if (typeof setting !== 'object') return
  const unknown = Object.keys(setting).find((name) => !values.some((value) => value.name === name))
  if (unknown === undefined) return
  throw new PareError(`batchAxis: '${unknown}' is neither an input nor an output.`, {
    hint: `expected ${values.map(({ name }) => name).join(', ')}.`,
  })
}

/** The array with one of its axes in another place. */
export function moveAxis<Own extends DataArray>(array: Own, from: number, to: number): Own {
  if (from === to || array.shape.length <= Math.max(from, to)) return array
  const order = movedAxis([...array.shape.keys()], from, to)
  const shape = order.map((axis) => array.shape[axis]!)
  const steps = order.map((axis) => sizeOf(array.shape.slice(axis + 1)))
  const data: unknown[] | NonNullable<object> = isStrings(array) ? new Array(array.data.length) : array.data.slice()
  const index = shape.map(() => 0)
  for (let i = 0, at = 0; i < array.data.length; i++) {
    ;(data as unknown[])[i] = array.data[at]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += steps[axis]!
      if (++index[axis]! < shape[axis]!) break
      at -= steps[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return { ...array, shape, data } as Own
}

/** A list with one of its items in another place. */
export function movedAxis<Item>(items: readonly Item[], from: number, to: number): Item[] {
  const rest = items.filter((_, i) => i !== from)
  return [...rest.slice(0, to), items[from]!, ...rest.slice(to)]
}
