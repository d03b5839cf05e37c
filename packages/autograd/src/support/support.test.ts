import { readFileSync } from 'node:fs'
import { MICROSOFT_OPERATORS, ONNX_OPERATORS } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { COLUMNS, supportTable } from './support.test.support.js'

const operators = [...ONNX_OPERATORS, ...MICROSOFT_OPERATORS]

test('docs/support.md is what `npm run support` writes', () => {
  expect(readFileSync(new URL('../../../../docs/support.md', import.meta.url), 'utf8')).toBe(supportTable())
})

test('every operator stands in the list once', () => expect(new Set(operators).size).toBe(operators.length))

describe.each(COLUMNS.map((column) => [column.title, column] as const))('%s', (_, { names, contradictions, cell }) => {
  test('has a rule or a reason for every operator', () => {
    expect(operators.filter((name) => cell(name) === undefined)).toEqual([])
    expect(operators.filter((name) => /^(held|no)$/.test(cell(name)!.text) && cell(name)!.note === '')).toEqual([])
  })

  test('names no operator that there is not', () => {
    expect([...names].filter((name) => !operators.includes(name))).toEqual([])
    expect(cell('NoSuchOperator')?.note ?? '').toBe('')
  })

  test('has no rule for what it says to have none for', () => {
    expect(contradictions).toEqual([])
  })
})

test.each([
  ['Relu', 'yes passes follow yes –', ''],
  ['Conv', 'yes understood written anew yes pruned', 'positions that windows slide over are held'],
  [
    'LSTM',
    'yes understood written anew no if named',
    'hidden units of all gates and both directions go together; steps are held; everything, with layout = 1',
  ],
  ['com.microsoft.SparseAttention', 'no held – no –', 'no rule yet'],
])('%s: %s', (operator, texts, note) => {
  expect(COLUMNS.map(({ cell }) => cell(operator)!.text).join(' ')).toBe(texts)
  expect(COLUMNS.find(({ title }) => title === 'axes')!.cell(operator)!.note).toBe(note)
})
