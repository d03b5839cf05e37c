import { rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { array, input, put, temporaryFolder } from '../../fixture.test.files.js'
import { openData } from '../data.js'
import type { TextOptions } from './text-options.js'
import { cutWindows } from './windows.js'

const folder = temporaryFolder()
// Words split at blanks; ids 0 to 6.
const vocab = { '[UNK]': 0, a: 1, b: 2, c: 3, d: 4, e: 5, '[CLS]': 6 }
const tokenizer = put(
  folder,
  'tokenizer.json',
  JSON.stringify({
    version: '1.0',
    added_tokens: [
      { id: 6, content: '[CLS]', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
    ],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '[CLS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { Sequence: { id: 'B', type_id: 1 } },
      ],
      special_tokens: { '[CLS]': { id: '[CLS]', ids: [6], tokens: ['[CLS]'] } },
    },
    decoder: null,
    model: { type: 'WordPiece', vocab, unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
  }),
)
const read = async (
  text: string,
  { fixedLength, ...options }: Partial<TextOptions> & { fixedLength?: number } = {},
  name = 'd.txt',
) => {
  const inputs = [input('ids', 'int64', ['b', fixedLength ?? 's']), input('attention_mask', 'bool', ['b', fixedLength ?? 's'])]
  const data = await openData(put(folder, name, text), { inputs, trusted: true, text: { tokenizer, ...options } })
  for await (const batch of data.batches(100)) {
    const { label, scored } = batch
    return new Map(Object.entries({ ...batch.inputs, ...(label && { label }), ...(scored && { scored }) }))
  }
  throw new Error('no batch')
}

test('windows follow each other; each predicts all its tokens but the first', () => {
  expect(cutWindows([1, 2, 3, 4, 5], 2, 2)).toEqual([
    { ids: [1, 2], start: 0, from: 1 },
    { ids: [3, 4], start: 2, from: 1 },
  ])
  expect(cutWindows([1, 2, 3, 4, 5], 3, 3)).toEqual([
    { ids: [1, 2, 3], start: 0, from: 1 },
    { ids: [4, 5], start: 3, from: 1 },
  ])
})

test('windows that overlap predict each token once, with what came before it', () => {
  const windows = cutWindows([1, 2, 3, 4, 5, 6], 4, 2)
  expect(windows).toEqual([
    { ids: [1, 2, 3, 4], start: 0, from: 1 },
    { ids: [3, 4, 5, 6], start: 2, from: 2 },
  ])
  for (const [length, stride, n] of [
    [4, 1, 9],
    [5, 3, 17],
    [8, 8, 5],
    [3, 2, 2],
  ] as const) {
    const ids = Array.from({ length: n }, (_, i) => i)
    const predicted = cutWindows(ids, length, stride).flatMap((window) => window.ids.slice(window.from))
    if (stride < length) expect(predicted).toEqual(ids.slice(1))
  }
})

test('a text becomes windows, the last filled up and masked', async () => {
  const arrays = await read('a b c\nd E', { length: 3 })
  expect(arrays.get('ids')).toEqual(array('int64', [2, 3], [1, 2, 3, 4, 5, 0]))
  expect(arrays.get('attention_mask')).toEqual(array('bool', [2, 3], [1, 1, 1, 1, 1, 0]))
  expect(arrays.get('scored')).toEqual(array('bool', [2, 3], [0, 1, 1, 0, 1, 0]))
})

test('a model with a fixed sequence length gives the window, and windows are filled up to it', async () => {
  expect((await read('a b c', { fixedLength: 4 })).get('ids')).toEqual(array('int64', [1, 4], [1, 2, 3, 0]))
})

test('each line of JSONL is a document; windows do not reach over its end', async () => {
  const arrays = await read('{"text": "a b c"}\n{"text": "d"}\n{"text": "e a"}\n', { length: 8 }, 'd.jsonl')
  expect(arrays.get('ids')).toEqual(array('int64', [2, 3], [1, 2, 3, 5, 1, 0]))
  expect(arrays.has('label')).toBe(false)
})

test('lines with labels are one sample each, with special tokens and cut at the length', async () => {
  const arrays = await read(
    '{"sentence": "a b c", "label": 1}\n{"sentence": "d", "label": 0}\n',
    { length: 3, field: 'sentence' },
    'd.jsonl',
  )
  expect(arrays.get('ids')).toEqual(array('int64', [2, 3], [6, 1, 2, 6, 4, 0]))
  expect(arrays.get('label')).toEqual(array('int64', [2], [1, 0]))
})

test('what is wrong is named', async () => {
  await expect(read('a')).rejects.toThrow('d.txt: no window of two tokens or more.')
  await expect(read('{"content": "a b"}', {}, 'd.jsonl')).rejects.toThrow("d.jsonl:1: 'text' is missing, expected text.")
  await expect(read('{"text": 3}\n', {}, 'd.jsonl')).rejects.toThrow("'text' is 3, expected text.")
  await expect(read('{"text": "a b", "label": "cat"}', {}, 'd.jsonl')).rejects.toThrow(
    "d.jsonl: labels 'label' are names, and which class of the model each is, is not known: cat.",
  )
  await expect(read('{"text"', {}, 'd.jsonl')).rejects.toThrow('d.jsonl:1: not JSON')
  await expect(read('[1]', {}, 'd.jsonl')).rejects.toThrow('d.jsonl:1: [1] is not an object.')
  await expect(read('a b', { length: 1 })).rejects.toThrow('windows of 1 tokens')
  await expect(read('a b', { length: 8, fixedLength: 4 })).rejects.toThrow('windows of 8 tokens; expected 2 to 4')
  await expect(read('a b', { length: 4, stride: 5 })).rejects.toThrow('a stride of 5 with windows of 4')
  await expect(read('a b', { tokenizer: put(folder, 'bad.json', '{}') })).rejects.toThrow('bad.json: not a tokenizer this reads')
  await expect(read('a b', { tokenizer: `${folder}/none.json` })).rejects.toThrow('none.json: no such file')
})

describe('rows of text', () => {
  const ids = [input('input_ids', 'int64', ['b', 's']), input('attention_mask', 'int64', ['b', 's'])]
  const open = async (name: string, rows: readonly object[], inputs = ids) => {
    const path = put(folder, name, rows.map((row) => JSON.stringify(row)).join('\n'))
    const data = await openData(path, { inputs, trusted: true, text: { tokenizer, length: 3 } })
    for await (const batch of data.batches(100)) return { ...batch, names: data.columnNames }
    throw new Error('no batch')
  }

  test('windows of one document are a group, unless another is named', async () => {
    const { columns, names } = await open('documents.jsonl', [{ text: 'a b c d e', site: 'x' }, { text: 'a b' }])
    expect(names).toEqual({ group: 'document', isOwnGroup: true, slices: [] })
    expect(columns!.document).toEqual([1, 1, 2])
    expect(columns!.site).toEqual(['x', 'x', ''])
  })

  test('pairs are joined by the tokenizer, with the types of their tokens, and keep their answers', async () => {
    const types = [...ids, input('token_type_ids', 'int64', ['b', 's'])]
    const row = { premise: 'a', hypothesis: 'b', label: 1, source: 'made' }
    const { inputs, label, columns } = await open('pairs.jsonl', [row, { ...row, premise: 'c' }], types)
    expect(inputs.input_ids).toEqual(array('int64', [2, 3], [6, 1, 2, 6, 3, 2]))
    expect(inputs.token_type_ids).toEqual(array('int64', [2, 3], [0, 0, 1, 0, 0, 1]))
    expect(Array.from(label!.data, Number)).toEqual([1, 1])
    expect(columns!.source).toEqual(['made', 'made'])
  })

  test('messages are one text by the chat template, and refused where there is none', async () => {
    const messages = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ]
    await expect(open('chat.jsonl', [{ messages }])).rejects.toThrow(
      'chat.jsonl:1: messages, and the tokenizer has no chat_template',
    )
    const chat_template =
      "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ m.content }} c {% endfor %}"
    const config = put(folder, 'tokenizer_config.json', JSON.stringify({ chat_template, pad_token: 'e' }))
    try {
      const { inputs, names } = await open('chat.jsonl', [{ messages }])
      expect(inputs.input_ids).toEqual(array('int64', [1, 3], [1, 3, 2]))
      expect(names.group).toBe('conversation')
      const longer = await open('chats.jsonl', [{ messages }, { messages: messages.slice(1) }])
      expect(longer.inputs.input_ids).toEqual(array('int64', [2, 3], [1, 3, 2, 2, 3, 5]))
      await expect(open('system.jsonl', [{ messages: [{ role: 'system', content: 'a' }] }])).rejects.toThrow(
        'the chat_template refuses the messages',
      )
    } finally {
      rmSync(config)
    }
  })

  test('labels of words are no labels of tokens', async () => {
    await expect(open('words.jsonl', [{ text: 'a b', label: [0] }])).rejects.toThrow('words.jsonl:1: 1 labels for 3 tokens.')
  })
})
