import { makeTensor } from '@pare/onnx'
import { expect, it } from 'vitest'
import { folded } from '../../views/fold.js'
import { carriedBy, carriedByAll, rangeOf } from './unit-parameters.js'

const square = makeTensor({ name: 'w', type: 'float32', shape: [4, 4, 3], values: new Float32Array(48) })
const bias = makeTensor({ name: 'b', type: 'float32', shape: [4], values: new Float32Array(4) })
const parameters = new Set([square, bias])
const slice = (tensor: typeof square, axis: number, units: number[]) => ({
  id: tensor.name,
  tensor,
  axis,
  units: Int32Array.from(units),
  scored: true,
})

it('a unit that holds a row and a column of a weight carries what they cross in once', () => {
  const group = {
    units: 2,
    slices: [slice(square, 0, [0, 0, 1, -1]), slice(square, 1, [0, 0, 1, -1]), slice(bias, 0, [0, 0, 1, -1])],
  }
  // Unit 0: 48 − 2·2·3 elements and two biases. Unit 1: 48 − 3·3·3 and one.
  expect(
    rangeOf(
      2,
      carriedBy(group, parameters).map(({ elements }) => elements),
    ),
  ).toEqual({ least: 22, most: 38 })
  // All units: 48 − 1·1·3, and three biases.
  expect(carriedByAll([group], parameters)).toBe(48)
})

it('what two groups hold together counts once in the whole', () => {
  const rows = { units: 4, slices: [slice(square, 0, [0, 1, 2, 3])] }
  const columns = { units: 4, slices: [slice(square, 1, [0, 1, 2, 3])] }
  expect(carriedByAll([rows, columns], parameters)).toBe(48)
  expect(carriedByAll([rows, columns], new Set([bias]))).toBe(0)
})

it('names that differ in numbers fold to a glob, but not over the axis behind them', () => {
  const names = ['l.0.w1:0', 'l.1.w1:0', 'l.2.w1:1', 'x']
  const folds = folded(names, { name: (name) => name, key: () => '' })
  expect(folds.map(({ name, entries }) => [name, entries.length])).toEqual([
    ['l.*.w1:0', 2],
    ['l.2.w1:1', 1],
    ['x', 1],
  ])
})
