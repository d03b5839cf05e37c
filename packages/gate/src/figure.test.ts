import { expect, test } from 'vitest'
import { atSizes, figure, formatAmount, formatBytes, formatCount, formatDuration, plural, rough } from './figure.js'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [1_112_640, '1.11 MB'],
  [9_996_000, '10 MB'],
  [999_400, '999 kB'],
  // Rounded to three digits it is a thousand of the smaller unit.
  [999_600, '1 MB'],
  [440_000_000, '440 MB'],
  [3e9, '3 GB'],
  [5e15, '5000 TB'],
])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

test.each([
  [0.3, '0 ms'],
  [850, '850 ms'],
  // What rounds to a thousand of a unit, or to sixty, is one of the next.
  [999.7, '1.0 s'],
  [1500, '1.5 s'],
  [59_940, '59.9 s'],
  [59_960, '1 min 0 s'],
  [119_700, '2 min 0 s'],
  [125_000, '2 min 5 s'],
  [250_000, '4 min 10 s'],
])('%d ms are %s', (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text))

test('counts are exact, or in decimal units', () => {
  expect([640, 1_234_567].map(formatCount)).toEqual(['640', '1,234,567'])
  expect([640, 272_186, 5_401_856].map(formatAmount)).toEqual(['640', '272 k', '5.4 M'])
  expect([plural(1, 'model'), plural(2000, 'model')]).toEqual(['1 model', '2,000 models'])
})

test('numbers have as many digits as a reader can use', () => {
  expect([0.98405, 25.6521, -0.003, 123456.7, 0].map((value) => figure(value))).toEqual([
    '0.984',
    '25.65',
    '−0.003',
    '123,457',
    '0',
  ])
  expect([0.007426, -0.00106, 12.3].map(rough)).toEqual(['0.0074', '−0.0011', '12'])
})

test('sizes that a model leaves open are said together, and those of 1 where there are no others', () => {
  expect(atSizes({ batch: 1, height: 224, width: 224 })).toBe(' at height = width = 224')
  expect(atSizes({ batch: 1, tokens: 1 })).toBe(' at batch = tokens = 1')
  expect(atSizes({ a: 1, b: 1, c: 1, d: 1, e: 1 })).toBe(' at a = b = c = 2 more = 1')
  expect(atSizes({})).toBe('')
  expect(atSizes()).toBe('')
})
