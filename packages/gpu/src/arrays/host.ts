import { type Element, type LazyArray, OPERATIONS, sizeOf, typeOf, type View } from './element.js'
import { hostArray } from './views.js'

/** The same array with its elements computed by this process. All that it reads must be here. */
export function onHost(array: LazyArray): LazyArray {
  return hostArray(array.type, array.dims, numbersOf(array))
}

/** The elements of an array that reads nothing of the device. */
export function numbersOf({ dims, element, type }: LazyArray): ArrayLike<number> {
  const count = sizeOf(dims)
  const values = type === 'f32' ? new Float32Array(count) : new Float64Array(count)
  const at = Array<number>(dims.length).fill(0)
  for (let i = 0; i < count; i++) {
    values[i] = elementAt(element, at)
    for (let axis = dims.length - 1; axis >= 0 && ++at[axis]! === dims[axis]; axis--) at[axis] = 0
  }
  return values
}

function elementAt(element: Element, at: readonly number[]): number {
  switch (element.kind) {
    case 'read':
      return hostValues(element)[placeOf(element, at)]!
    case 'position':
      return placeOf(element, at)
    case 'gathered': {
      const { from, index, stride, size } = element
      const asked = elementAt(index, at)
      return hostValues(from)[placeOf(from, at) + (asked < 0 ? asked + size : asked) * stride]!
    }
    case 'call': {
      // Only one side is asked: the other may read past the end of what it reads.
      if (element.op === 'where') return elementAt(element.of[elementAt(element.of[0]!, at) ? 1 : 2]!, at)
      const operand = element.of[0]!
      if (element.op === 'toFloat' && typeOf(operand) === 'f32') return elementAt(operand, at)
      return OPERATIONS[element.op].host(...element.of.map((each) => elementAt(each, at)))
    }
    default:
      return element satisfies never
  }
}

function hostValues({ store }: Extract<Element, { kind: 'read' }>): ArrayLike<number> {
  if (store.kind === 'device') throw new Error('its elements are on the device')
  return store.values
}

function placeOf({ strides, offset }: View, at: readonly number[]): number {
  let place = offset
  for (let axis = 0; axis < at.length; axis++) place += at[axis]! * strides[axis]!
  return place
}
