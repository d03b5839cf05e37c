import { expect, test } from 'vitest'
import { scaleOver, ticks } from './scale.js'

const labelsOf = (values: readonly number[]) => ticks(scaleOver(values)).map((mark) => />([^<]+)<\/text>/.exec(mark.source)![1]!)

test.each([
  [
    [1, 0.983, 1.03],
    ['0.99', '1', '1.01', '1.02', '1.03'],
  ],
  [
    [0, 0.005, -0.0018, 0.0081],
    ['−0.002', '0', '0.002', '0.004', '0.006', '0.008'],
  ],
  [
    [20.48, 20.52],
    ['20.48', '20.49', '20.5', '20.51', '20.52'],
  ],
  [
    [0, 12_000],
    ['0', '5,000', '10,000'],
  ],
])('values over %j are told apart', (values, labels) => {
  expect(labelsOf(values)).toEqual(labels)
})
