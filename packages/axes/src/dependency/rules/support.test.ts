import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { HELD_BECAUSE, HELD_OF, MICROSOFT_OPERATORS, ONNX_OPERATORS } from './operators.js'
import { AXIS_RULES } from './rules.js'
import { supportOf, supportTable } from './support.js'

const listed = new Set([...ONNX_OPERATORS, ...MICROSOFT_OPERATORS])

test('docs/support.md is what `npm run support -w @pare/axes` writes', () => {
  const written = readFileSync(fileURLToPath(new URL('../../../../../docs/support.md', import.meta.url)), 'utf8')
  expect(written).toBe(supportTable())
})

test('every operator with a rule is listed, and what is said of an operator is said of one that exists', () => {
  for (const names of [AXIS_RULES, HELD_BECAUSE, HELD_OF])
    expect([...names.keys()].filter((name) => !listed.has(name))).toEqual([])
})

test('nothing is said of why an operator is held that has a rule, nor of parts of one that has none', () => {
  expect([...HELD_BECAUSE.keys()].filter((name) => AXIS_RULES.has(name))).toEqual([])
  expect([...HELD_OF.keys()].filter((name) => !AXIS_RULES.has(name))).toEqual([])
})

test.each([
  ['Relu', 'passes', ''],
  ['Conv', 'understood', 'positions that windows slide over are held'],
  ['LSTM', 'held', 'a recurrent layer'],
  ['com.microsoft.SparseAttention', 'held', 'no rule yet'],
])('%s: %s', (operator, what, note) => expect(supportOf(operator)).toEqual({ what, note }))
