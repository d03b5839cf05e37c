import { describe, expect, test } from 'vitest'
import { parseSize, sizeOf, symbolsIn } from './size-expression.js'

const value = (text: string, sizes: Readonly<Record<string, number>> = {}) => {
  const expression = parseSize(text)
  return expression === undefined ? 'none' : sizeOf(expression, (name) => sizes[name])
}

describe('an expression of sizes', () => {
  test.each([
    ['past_sequence_length + 1', 4],
    ['past_sequence_length + sequence_length', 5],
    ['past_sequence_length+sequence_length', 5],
    ['2*s0', 20],
    ['4 * s0 - 1', 39],
    ['s0 - 2 - 3', 5],
    ['4 * (s0 + 1)', 44],
    // Rounded down: (10 − 1) / 2 = 4.5.
    ['(s0 - 1)//2 + 1', 5],
    ['s0 / 2', 5],
    ['batch.size', 7],
    ['12', 12],
  ])('%s', (text, expected) => {
    expect(value(text, { past_sequence_length: 3, sequence_length: 2, s0: 10, 'batch.size': 7 })).toBe(expected)
  })

  test.each([
    'batch size',
    '?',
    '',
    'floor(s0)',
    'a +',
    '(a',
    'a + + b',
    'a % 2',
    'Max(1, s0)',
    'a'.repeat(201),
    `${'('.repeat(60)}a${')'.repeat(60)}`,
  ])('%s is none', (text) => {
    expect(value(text, { a: 1, b: 1, s0: 1 })).toBe('none')
  })

  test('has no size where a division leaves a rest, less than nothing is left, or a name has none', () => {
    expect(value('s0 / 2', { s0: 3 })).toBeUndefined()
    expect(value('s0 - 4', { s0: 3 })).toBeUndefined()
    expect(value('s0 + s1', { s0: 3 })).toBeUndefined()
    expect(value('s0 // 0', { s0: 3 })).toBeUndefined()
  })

  test('names each symbol once', () => {
    expect(symbolsIn(parseSize('a + 2 * (b - a)')!)).toEqual(['a', 'b'])
  })
})
