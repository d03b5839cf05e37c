import { expect, it } from 'vitest'
import { formatValue } from './format.js'

it('values of any kind, cut short', () => {
  expect(formatValue(undefined)).toBe('nothing')
  expect(formatValue(Number.NaN)).toBe('NaN')
  expect(formatValue(() => 1)).toBe('a function')
  expect(formatValue({ a: 'x'.repeat(100) })).toHaveLength(58)
})
