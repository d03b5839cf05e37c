import { expect, test } from 'vitest'
import { array } from '../fixture.test.files.js'
import { castElements, castProblem, describe, firstNaN, fromNested, numbersOf } from './ndarray.js'

test('small integers are cast to what a model takes', () => {
  expect(castElements(array('uint16', [2], [1, 65535]), 'int64', [0, 2])).toEqual(BigInt64Array.of(1n, 65535n))
  expect(castElements(array('uint8', [3], [0, 7, 255]), 'float32', [1, 3])).toEqual(Float32Array.of(7, 255))
  expect(castElements(array('float64', [1], [0.5]), 'float16', [0, 1])).toEqual(Uint16Array.of(0x3800))
  expect(castElements(array('bool', [2], [1, 0]), 'int32', [0, 2])).toEqual(Int32Array.of(1, 0))
})

test('the part asked for is a copy', () => {
  const source = array('float32', [3], [1, 2, 3])
  const part = castElements(source, 'float32', [1, 3])
  part[0] = 9
  expect([...source.data]).toEqual([1, 2, 3])
})

test('an integer that does not fit is refused with its place', () => {
  expect(castProblem(array('int64', [2], [1, 300]), 'uint8')).toBe('value 300 at element 1 does not fit into uint8')
  expect(castProblem(array('int8', [2], [1, -1]), 'uint8')).toBe('value -1 at element 1 does not fit into uint8')
  expect(castProblem(array('uint8', [1], [2]), 'bool')).toBe('value 2 at element 0 does not fit into bool')
  expect(castProblem(array('int64', [1], [200]), 'uint8')).toBeUndefined()
})

test('fractions are not dropped', () => {
  expect(castProblem(array('float32', [1], [1]), 'int64')).toMatch(/float32 is not cast to int64/)
  expect(castProblem(array('float64', [1], [0.1]), 'float32')).toBeUndefined()
})

test('NaN is found in floats of any width', () => {
  expect(firstNaN(array('float32', [3], [1, Number.POSITIVE_INFINITY, Number.NaN]))).toBe(2)
  expect(firstNaN(array('float16', [3], [0x3c00, 0x7c00, 0xfe01]))).toBe(2)
  expect(firstNaN(array('uint16', [1], [0xfe01]))).toBe(-1)
})

test('nested arrays of numbers have a shape, ragged ones do not', () => {
  expect(
    fromNested([
      [1, 2],
      [3, 4],
      [5, 6],
    ]),
  ).toEqual(array('int64', [3, 2], [1, 2, 3, 4, 5, 6]))
  expect(fromNested([1, 0.5])).toEqual(array('float64', [2], [1, 0.5]))
  expect(fromNested(3)).toEqual(array('int64', [], [3]))
  expect(fromNested([true, false])).toEqual(array('bool', [2], [1, 0]))
  for (const bad of [[[1, 2], [3], [4, 5, 6]], [[1], 2], [1, [2]], 'a', [null], { a: 1 }, undefined])
    expect(fromNested(bad)).toBeUndefined()
})

test('numbers of int64 are exact, halves are decoded', () => {
  expect([...numbersOf(array('int64', [2], [-1, 2 ** 53]))]).toEqual([-1, 2 ** 53])
  expect([...numbersOf(array('float16', [1], [0x3e00]))]).toEqual([1.5])
})

test('shapes print with their free axes', () => {
  expect(describe('int64', ['batch', 128])).toBe('int64[batch, 128]')
  expect(describe('float32', ['', 3])).toBe('float32[?, 3]')
})
