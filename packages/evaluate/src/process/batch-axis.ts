import type { ModelValue } from '../data/model-value.js'
import { type DataArray, isStrings, sizeOf } from '../data/ndarray.js'

/** How exporters call the axis of samples. */
const BATCH = /^(batch|batch_?size|n|bs)$/i

/** The axis of samples: that which is named so, else the first. */
export function batchAxisOf({ shape }: Pick<ModelValue, 'shape'>): number {
  const named = shape.flatMap((dim, axis) => (typeof dim === 'string' && BATCH.test(dim) ? [axis] : []))
  return named.length === 1 ? named[0]! : 0
}

/** The value with its samples on the first axis. */
export function samplesFirst(value: ModelValue): ModelValue {
  const axis = batchAxisOf(value)
  return axis === 0 ? value : { ...value, shape: moved(value.shape, axis, 0) }
}

/** The array with one of its axes in another place. */
export function moveAxis<Own extends DataArray>(array: Own, from: number, to: number): Own {
  if (from === to || array.shape.length <= Math.max(from, to)) return array
  const order = moved([...array.shape.keys()], from, to)
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

function moved<Item>(items: readonly Item[], from: number, to: number): Item[] {
  const rest = items.filter((_, i) => i !== from)
  return [...rest.slice(0, to), items[from]!, ...rest.slice(to)]
}
