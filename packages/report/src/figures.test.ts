import { expect, test } from 'vitest'
import { amount, change, duration, figure, percent, plural, rough, share, size } from './figures.js'

/** With plain spaces, which are easier to read in a test. */
const plain = (text: string | undefined) => text?.replaceAll('\u00a0', ' ')

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

test('bytes and counts are decimal', () => {
  expect([0, 999, 1000, 1_112_640, 3_000_000_000].map((bytes) => plain(size(bytes)))).toEqual([
    '0 B',
    '999 B',
    '1 kB',
    '1.11 MB',
    '3 GB',
  ])
  expect([640, 272_186, 5_401_856].map((count) => plain(amount(count)))).toEqual(['640', '272 k', '5.4 M'])
})

test('a change is in percent, and tells nothing from little', () => {
  expect([change(100, 57), change(100, 100.01), change(10, 11), change(0, 5)].map(plain)).toEqual([
    '−43.0 %',
    '±0 %',
    '+10.0 %',
    undefined,
  ])
})

test('a number and its unit stay on one line', () => {
  for (const text of [percent(0.0402), share(0.5), size(2e6), duration(850), duration(12_340)])
    expect(text).toMatch(/^[\d.]+\u00a0\S+$/)
  expect(plain(duration(250_000))).toBe('4 min 10 s')
})

test('one model, two models', () => {
  expect([plural(1, 'model'), plural(2000, 'model')]).toEqual(['1 model', '2,000 models'])
})
