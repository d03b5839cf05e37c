import { describe, expect, it } from 'vitest'
import { formatBytes, formatCount, formatDuration, formatValue } from './format.js'

describe('formats', () => {
  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [1_112_640, '1.1 MB'],
    [9_949_999, '9.9 MB'],
    [9_960_000, '10 MB'],
    [999_600, '1.0 MB'],
    [440_000_000, '440 MB'],
    [1.9e9, '1.9 GB'],
  ])('%d bytes as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it.each([
    [0.3, '0 ms'],
    [850, '850 ms'],
    [1500, '1.5 s'],
    [125_000, '2 min 5 s'],
  ])('%d ms as %s', (duration, text) => expect(formatDuration(duration)).toBe(text))

  it('counts', () => {
    expect(formatCount(1234567)).toBe('1,234,567')
  })

  it('values of any kind, cut short', () => {
    expect(formatValue(undefined)).toBe('nothing')
    expect(formatValue(Number.NaN)).toBe('NaN')
    expect(formatValue(() => 1)).toBe('a function')
    expect(formatValue({ a: 'x'.repeat(100) })).toHaveLength(58)
  })
})
