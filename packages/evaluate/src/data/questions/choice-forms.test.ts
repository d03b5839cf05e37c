import { expect, test } from 'vitest'
import { choiceRowOf } from './choice-forms.js'

const asked = (values: Record<string, unknown>, label?: string) => {
  const { contexts, continuations, answer } = choiceRowOf({ where: 'val.jsonl:1', values }, label)
  return { contexts: [...new Set(contexts)], continuations, answer }
}

test.each([
  [
    'MMLU',
    { question: ' What is 2 + 2? ', subject: 'elementary_mathematics', choices: ['3', '4'], answer: 1 },
    {
      contexts: [
        'The following are multiple choice questions (with answers) about elementary mathematics.\n\nWhat is 2 + 2?\nA. 3\nB. 4\nAnswer:',
      ],
      continuations: [' A', ' B'],
      answer: 1,
    },
  ],
  [
    'MMLU without a subject, the answer as a letter',
    { question: 'Which?', choices: ['one', 'two', 'three'], answer: 'C' },
    { contexts: ['Which?\nA. one\nB. two\nC. three\nAnswer:'], continuations: [' A', ' B', ' C'], answer: 2 },
  ],
  [
    'MMLU, the answer as text',
    { question: 'Which?', choices: ['one', 'two'], answer: 'two' },
    { contexts: ['Which?\nA. one\nB. two\nAnswer:'], continuations: [' A', ' B'], answer: 1 },
  ],
  [
    'MMLU as CSV',
    { question: 'Which?', A: 'one', B: 'two', C: '', D: '', answer: 'B' },
    { contexts: ['Which?\nA. one\nB. two\nAnswer:'], continuations: [' A', ' B'], answer: 1 },
  ],
  [
    'a list in a cell',
    { question: 'Which?', choices: '["one", "two"]', answer: '0' },
    { contexts: ['Which?\nA. one\nB. two\nAnswer:'], continuations: [' A', ' B'], answer: 0 },
  ],
  [
    'ARC',
    {
      question: {
        stem: 'Why?',
        choices: [
          { text: 'so', label: '1' },
          { text: 'not', label: '2' },
        ],
      },
      answerKey: '2',
    },
    { contexts: ['Question: Why?\nAnswer:'], continuations: [' so', ' not'], answer: 1 },
  ],
  [
    'ARC, flat',
    { question: 'Why?', choices: { text: ['so', 'not'], label: ['A', 'B'] }, answerKey: 'B' },
    { contexts: ['Question: Why?\nAnswer:'], continuations: [' so', ' not'], answer: 1 },
  ],
  [
    'OpenBookQA',
    { question_stem: 'A fox is', choices: { text: ['red', 'blue'], label: ['A', 'B'] }, answerKey: 'A' },
    { contexts: ['A fox is'], continuations: [' red', ' blue'], answer: 0 },
  ],
  [
    'HellaSwag',
    {
      ...{ activity_label: 'Removing ice', ctx: 'not looked at', ctx_a: 'A man [step] scrapes.', ctx_b: 'then the Man' },
      ...{ endings: ['[header] stops.', 'smiles  again.'], label: '1' },
    },
    // The heading leaves two spaces, of which one stays; capitalize() of Python writes the rest small.
    { contexts: ['Removing ice: A man scrapes. Then the man'], continuations: [' stops.', ' smiles again.'], answer: 1 },
  ],
  [
    'PIQA',
    { goal: 'Open a jar', sol1: 'twist it', sol2: 'eat it', label: 0 },
    { contexts: ['Question: Open a jar\nAnswer:'], continuations: [' twist it', ' eat it'], answer: 0 },
  ],
  [
    'Winogrande',
    { sentence: 'Ann paid Eve because _ had worked.', option1: 'Ann', option2: 'Eve', answer: '2' },
    {
      contexts: ['Ann paid Eve because Ann', 'Ann paid Eve because Eve'],
      continuations: [' had worked.', ' had worked.'],
      answer: 1,
    },
  ],
  [
    'context and choices',
    { context: 'It is ', choices: ['wet', ' dry'], gold: 1 },
    { contexts: ['It is '], continuations: ['wet', ' dry'], answer: 1 },
  ],
])('%s', (_, values, expected) => expect(asked(values)).toEqual(expected))

test('the answer may stand in a field that the user names', () => {
  expect(asked({ context: 'It is', choices: ['wet', 'dry'], gold: 0, mine: 'dry' }, 'mine').answer).toBe(1)
})

test('reports show a question with its choices', () => {
  const row = { where: 'val.jsonl:1', values: { question: 'Which?', choices: ['one', 'two'], answer: 'B' } }
  expect(choiceRowOf(row, undefined).text).toBe('Which? [one | two]')
})

test('a number is the number of a choice, and text may be that too', () => {
  expect(asked({ context: '1 + 1 =', choices: [2, 4, 6], gold: 2 }).answer).toBe(2)
  expect(asked({ context: '1 + 1 =', choices: [20, 40], gold: 40 }).answer).toBe(1)
  expect(asked({ context: '1 + 1 =', choices: ['20', '40'], gold: '1' }).answer).toBe(1)
})

test.each([
  [{ q: 'Why?', options: ['so', 'not'] }, 'val.jsonl:1: no question with choices; found q, options.'],
  [{ context: 'x', choices: ['so', 'not'], gold: 2 }, "'gold' is 2, expected the number of one of 2 choices counted from 0"],
  [{ context: 'x', choices: ['so', 'not'], gold: '' }, "no 'gold', so which choice is right is not known"],
  [{ context: 'x', choices: ['so', 'not'] }, "no 'gold', so which choice is right is not known"],
  // The text of choice 0, and the number of choice 2.
  [{ context: 'x', choices: ['2', '4', '6'], gold: '2' }, `'gold' is "2", which may be choice 2 or 0`],
  [{ context: 'x', choices: ['so'], gold: 0 }, '1 choice, expected at least two'],
  [{ context: 'x', choices: ['so', null], gold: 0 }, 'choices are null, expected texts'],
])('%j is refused', (values, message) => expect(() => asked(values)).toThrow(message))
