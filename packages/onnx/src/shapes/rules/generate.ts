import { forEachPosition } from './elements.js'
import { axisOf, type Facts, MOST_ELEMENTS, type OperatorCall, product, type ShapeRules, shaped } from './rule.js'

function constantOfShape(call: OperatorCall): Facts {
  const target = call.value(0)
  if (target === undefined || shaped(target.numbers).length === 0) return []
  const filled = call.node.attributes.has('value') ? call.tensor('value')?.value : { type: 'float32' as const, numbers: [0] }
  const count = product(target.numbers)
  const value =
    filled && count <= MOST_ELEMENTS ? { type: filled.type, numbers: Array<number>(count).fill(filled.numbers[0]!) } : undefined
  return [{ shape: target.numbers, value }]
}

function range(call: OperatorCall): Facts {
  const [start, limit, delta] = [0, 1, 2].map((i) => call.value(i)?.numbers[0])
  if (start === undefined || limit === undefined || delta === undefined || delta === 0) return []
  const count = Math.max(0, Math.ceil((limit - start) / delta))
  const { type } = call.value(0)!
  const value = count <= MOST_ELEMENTS ? { type, numbers: Array.from({ length: count }, (_, i) => start + i * delta) } : undefined
  return [{ shape: [count], value }]
}

function oneHot(call: OperatorCall): Facts {
  const [indices, depth] = [call.shape(0), call.value(1)?.numbers[0]]
  const axis = indices && axisOf(call.int('axis', -1), indices.length + 1)
  if (indices === undefined || depth === undefined || axis === undefined) return []
  const [fact] = shaped(indices.toSpliced(axis, 0, depth))
  const [at, values] = [call.value(0), call.value(2)]
  if (fact?.shape === undefined || at === undefined || values === undefined || product(fact.shape) > MOST_ELEMENTS)
    return fact === undefined ? [] : [fact]
  const [off, on] = values.numbers as [number, number]
  const inner = product(indices.slice(axis))
  const numbers = forEachPosition(fact.shape, (position, flat) => {
    const row = Math.floor(flat / (depth * inner)) * inner + (flat % inner)
    const index = at.numbers[row]!
    return (index < 0 ? index + depth : index) === position[axis] ? on : off
  })
  return [{ shape: fact.shape, value: { type: values.type, numbers } }]
}

function eyeLike(call: OperatorCall): Facts {
  return [{ shape: call.shape(0) }]
}

/** Operators that make elements of sizes, bounds and indices. */
export const generate: ShapeRules = {
  ConstantOfShape: constantOfShape,
  Range: range,
  OneHot: oneHot,
  EyeLike: eyeLike,
}
