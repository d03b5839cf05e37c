import { expect, test } from 'vitest'
import { array } from '../../fixture.test.files.js'
import { arraysOf, type Sample, stackArrays } from './sample.js'

function stackSamples(samples: readonly Sample[], source: string, first = 0) {
  return stackArrays(
    samples.map((sample, i) => arraysOf(sample, `${source}: sample ${first + i}`)),
    source,
    { first },
  )
}

test('samples are stacked along a new first axis', () => {
  const stacked = stackSamples(
    [
      { x: [[1, 2]], label: 0 },
      { x: [[3, 4]], label: 1 },
    ],
    'd',
  )
  expect(stacked.get('x')).toEqual(array('int64', [2, 1, 2], [1, 2, 3, 4]))
  expect(stacked.get('label')).toEqual(array('int64', [2], [0, 1]))
})

test('integers in one sample and fractions in another make floats', () => {
  expect(stackSamples([{ x: [1, 2] }, { x: [0.5, 4] }], 'd').get('x')).toEqual(array('float64', [2, 2], [1, 2, 0.5, 4]))
})

test('typed arrays keep their type, with or without a shape', () => {
  expect(stackSamples([{ x: Float32Array.of(1, 2) }], 'd').get('x')).toEqual(array('float32', [1, 2], [1, 2]))
  const image = { data: Uint8Array.of(1, 2, 3, 4), shape: [2, 2] }
  expect(stackSamples([{ x: image }], 'd').get('x')).toEqual(array('uint8', [1, 2, 2], [1, 2, 3, 4]))
})

test('samples that differ are named, with both shapes', () => {
  expect(() => stackSamples([{ x: [1, 2] }, { x: [1, 2, 3] }], 'd', 10)).toThrow(
    "d: sample 11: 'x' is int64[3], that of sample 10 int64[2].",
  )
  expect(() => stackSamples([{ x: 1, y: 2 }, { x: 1 }], 'd')).toThrow("d: sample 1 has 'x', sample 0 has 'x', 'y'.")
})

test('what is no number is refused with what was found', () => {
  expect(() => stackSamples([{ x: { cat: 1 } } as never], 'd')).toThrow(`d: sample 0, 'x': {"cat":1} is not a number`)
  expect(() => stackSamples([{ x: [[1], [2, 3]] }], 'd')).toThrow("'x': [[1],[2,3]] is not a number")
  expect(() => stackSamples([{ x: { data: Uint8Array.of(1), shape: [2] } }], 'd')).toThrow('1 elements do not fill shape [2]')
})
