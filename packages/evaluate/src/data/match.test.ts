import { expect, test } from 'vitest'
import { array, input } from '../fixture.test.files.js'
import { matchArrays } from './match.js'
import type { NdArray } from './ndarray.js'

const x = input('x', 'float32', ['batch', 3])
const match = (arrays: Record<string, NdArray>, inputs = [x], label?: string) =>
  matchArrays(new Map(Object.entries(arrays)), 'd.npz', { inputs, ...(label !== undefined && { label }) })
const zeros = (shape: number[]) => array('float32', shape, new Array(shape.reduce((a, b) => a * b, 1)).fill(0))

test('arrays go to the inputs of their name; the rest is the label or ignored', () => {
  const matched = match({ x: zeros([4, 3]), label: array('uint8', [4], [0, 1, 2, 3]), weights: zeros([2]) })
  expect(matched.samples).toBe(4)
  expect(matched.bound.map(({ input: one }) => one.name)).toEqual(['x'])
  expect(matched.label?.shape).toEqual([4])
  expect(matched.ignored).toEqual(['weights'])
})

test('the label may have another name, and an input named label is an input', () => {
  expect(match({ x: zeros([1, 3]), species: array('uint8', [1], [2]) }, [x], 'species').label?.data[0]).toBe(2)
  expect(match({ x: zeros([1, 3]), target: array('uint8', [1], [2]) }).label?.data[0]).toBe(2)
  const both = match({ x: zeros([1, 3]), label: zeros([1, 3]), y: array('uint8', [1], [2]) }, [
    x,
    input('label', 'float32', ['n', 3]),
  ])
  expect(both.label?.data[0]).toBe(2)
})

test('a wrong shape is refused with both shapes', () => {
  expect(() => match({ x: zeros([4, 2]) })).toThrow("d.npz: input 'x' is float32[batch, 3], the array float32[4, 2].")
  expect(() => match({ x: zeros([3]) })).toThrow(
    "'x' is float32[batch, 3], the array float32[3]; the first axis counts the samples.",
  )
})

test('a missing input is named, with what was found', () => {
  expect(() => match({ z: zeros([1, 3]) })).toThrow("d.npz: no array for input 'x' float32[batch, 3]; found 'z'.")
})

test('numbers of samples that differ, none at all, and NaN are refused', () => {
  expect(() => match({ x: zeros([2, 3]), label: array('uint8', [3], [0, 1, 2]) })).toThrow(
    "numbers of samples differ: 'x' has 2, 'label' has 3.",
  )
  expect(() => match({ x: zeros([0, 3]) })).toThrow("no samples: 'x' has 0.")
  expect(() => match({ x: array('float32', [2, 3], [0, 0, 0, 0, Number.NaN, 0]) })).toThrow(
    "input 'x' holds NaN at element 4, in sample 1.",
  )
})

test('everything that is wrong is said at once', () => {
  const arrays = { x: zeros([2, 4]), label: array('float64', [3], [0, Number.NaN, 1]) }
  const problems = /^d\.npz:\n {2}- no array for input 'z'.*\n {2}- input 'x' is.*\n {2}- numbers of samples differ/
  expect(() => match(arrays, [x, input('z', 'float32', ['n'])])).toThrow(problems)
})

test('a scalar input is the same for all samples', () => {
  expect(match({ x: zeros([2, 3]), scale: zeros([]) }, [x, input('scale', 'float32', [])]).samples).toBe(2)
})

test('types that do not go together are refused', () => {
  expect(() => match({ x: zeros([1, 3]) }, [input('x', 'int64', ['n', 3])])).toThrow('float32 is not cast to int64')
  expect(() => match({ x: zeros([1, 3]) }, [input('x', 'string', ['n', 3])])).toThrow(
    "input 'x' is string[n, 3], the array float32[1, 3]",
  )
})

test('inputs that follow from the token ids may be missing, if there are any', () => {
  const ids = input('input_ids', 'int64', ['batch', 'seq'])
  const past = input('past_key_values.0.key', 'float32', ['batch', 2, 'past', 4])
  expect(match({ input_ids: array('uint16', [1, 3], [1, 2, 3]) }, [ids, past]).tokens).toBe('input_ids')
  expect(() => match({ x: zeros([1, 3]) }, [x, past])).toThrow("no array for input 'past_key_values.0.key'")
})
