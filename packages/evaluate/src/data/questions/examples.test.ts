import { expect, test } from 'vitest'
import type { Row, Table } from '../tables/table.js'
import { answeredOf, choiceRowOf } from './choice-forms.js'
import { openExamples, withExamples } from './examples.js'
import { promptFormOf, promptRowsOf } from './prompt-forms.js'

const tableOf = (name: string, rows: readonly Row['values'][]): Table => ({
  ...{ name, folder: '/', bytes: 0 },
  async *read() {
    for (const [i, values] of rows.entries()) yield { where: `${name}:${i + 1}`, values }
  },
})
const row = (values: Row['values']): Row => ({ where: 'test.jsonl:1', values })

const MMLU = [
  { question: 'What is 1 + 1?', subject: 'elementary_mathematics', choices: ['1', '2'], answer: 1 },
  { question: 'Who wrote it?', subject: 'world_religions', choices: ['A poet', 'A king'], answer: 0 },
  { question: 'What is 2 + 1?', subject: 'elementary_mathematics', choices: ['3', '4'], answer: 0 },
]

test('a question of MMLU stands behind the examples of its subject, worded as the LM Evaluation Harness words them', async () => {
  const examples = await openExamples(tableOf('dev.jsonl', MMLU))
  const asked = row({ question: 'What is 2 + 2?', subject: 'elementary_mathematics', choices: ['3', '4'], answer: 1 })
  const before = examples.for(asked).map((example) => answeredOf(example, undefined))
  expect(choiceRowOf(asked, undefined, before).contexts[0]).toBe(
    `The following are multiple choice questions (with answers) about elementary mathematics.

What is 1 + 1?
A. 1
B. 2
Answer: B

What is 2 + 1?
A. 3
B. 4
Answer: A

What is 2 + 2?
A. 3
B. 4
Answer:`,
  )
})

test('rows without a subject are examples for every question, also where contexts differ', async () => {
  const winogrande = { sentence: 'Ann paid Eve because _ had worked.', option1: 'Ann', option2: 'Eve', answer: '2' }
  const examples = await openExamples(tableOf('dev.jsonl', [winogrande]))
  const asked = row({ ...winogrande, sentence: 'Ann thanked Eve since _ had helped.' })
  const before = examples.for(asked).map((example) => answeredOf(example, undefined))
  const { contexts, continuations } = choiceRowOf(asked, undefined, before)
  expect(contexts.map((context, i) => context + continuations[i])).toEqual([
    'Ann paid Eve because Eve had worked.\n\nAnn thanked Eve since Ann had helped.',
    'Ann paid Eve because Eve had worked.\n\nAnn thanked Eve since Eve had helped.',
  ])
})

test('prompts stand behind prompts with their answers', () => {
  const first = { prompt: 'Sum: 1 1', answer: '2' }
  const form = promptFormOf(row(first), {})
  const [example] = promptRowsOf(row(first), form, { hasTemplate: false })
  expect(withExamples('Sum: 1 2', [example!, example!])).toBe('Sum: 1 1 2\n\nSum: 1 1 2\n\nSum: 1 2')
})

test('of a conversation examples are turns, behind what the system says', () => {
  const said = (content: string) => [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content },
  ]
  const example = { prompt: said('1 1'), expected: ['2'], text: '1 1' }
  expect(withExamples(said('1 2'), [example])).toEqual([
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: '1 1' },
    { role: 'assistant', content: '2' },
    { role: 'user', content: '1 2' },
  ])
})

test('a question that is an example itself, and one of a subject without examples, are refused', async () => {
  const examples = await openExamples(tableOf('dev.jsonl', MMLU))
  const { answer, ...rest } = MMLU[1]!
  expect(() => examples.for(row({ answer, ...rest }))).toThrow(
    'test.jsonl:1: the question stands among the examples, with its answer (dev.jsonl:2).',
  )
  expect(() => examples.for(row({ question: 'Why?', subject: 'law', choices: ['a', 'b'], answer: 0 }))).toThrow(
    "test.jsonl:1: no example of subject 'law' in dev.jsonl.",
  )
  await expect(openExamples(tableOf('dev.jsonl', []))).rejects.toThrow('dev.jsonl: no rows.')
})
