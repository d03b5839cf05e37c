import { expect, test } from 'vitest'
import { input, put, temporaryFolder } from '../../fixture.test.files.js'
import { openData } from '../data.js'

const folder = temporaryFolder()
const inputs = [input('input_ids', 'int64', ['batch', 'seq']), input('attention_mask', 'int64', ['batch', 'seq'])]
const special = (id: string, number: number) => ({ id, ids: [number], tokens: [id] })
const base = { version: '1.0', added_tokens: [], normalizer: null, decoder: null }

/** 'berlin' is two pieces, and [CLS] and [SEP] stand around a text. */
const pieces = put(
  folder,
  'tokenizer.json',
  JSON.stringify({
    ...base,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [],
      special_tokens: { '[CLS]': special('[CLS]', 4), '[SEP]': special('[SEP]', 5) },
    },
    model: {
      type: 'WordPiece',
      vocab: { '[UNK]': 0, ber: 1, '##lin': 2, runs: 3, '[CLS]': 4, '[SEP]': 5, a: 6 },
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
  }),
)
const rows = (name: string, ...all: readonly object[]) => put(folder, name, all.map((row) => JSON.stringify(row)).join('\n'))

async function first(data: string, more: object = {}, text: object = {}) {
  const opened = await openData(data, { inputs, trusted: true, text: { tokenizer: pieces, ...text }, ...more })
  for await (const { inputs: own, label } of opened.batches(2))
    return {
      ids: Array.from(own.input_ids!.data, Number),
      label: label && Array.from(label.data as BigInt64Array, Number),
      shape: label?.shape,
    }
  throw new Error('no batch')
}

test('the first token of a word has its label; other pieces, special tokens and filling do not count', async () => {
  const data = rows('named.jsonl', { tokens: ['berlin', 'runs'], ner_tags: ['B', 'O'] }, { tokens: ['runs'], ner_tags: ['O'] })
  const more = { label: 'ner_tags', classes: ['O', 'B'] }
  expect(await first(data, more)).toEqual({
    ids: [4, 1, 2, 3, 5, 4, 3, 5, 0, 0],
    label: [-100, 1, -100, 0, -100, -100, 0, -100, -100, -100],
    shape: [2, 5],
  })
  // Three tokens: the end goes, and what stands behind a text stays.
  expect(await first(data, more, { length: 3 })).toMatchObject({ ids: [4, 1, 5, 4, 3, 5], label: [-100, 1, -100, -100, 0, -100] })
  const numbered = rows('numbered.jsonl', { words: ['berlin', 'runs'], labels: [7, 0] })
  expect((await first(numbered)).label).toEqual([-100, 7, -100, 0, -100])
})

test('without labels there are ids alone, as calibration takes them', async () => {
  expect(await first(rows('bare.jsonl', { tokens: ['runs'], ner_tags: ['O'] }))).toMatchObject({
    ids: [4, 3, 5],
    label: undefined,
  })
})

test('labels that are not those of the words are refused', async () => {
  const say = (row: object, more: object = { label: 'tags' }) =>
    first(rows('wrong.jsonl', row), more).then(String, (error: Error) => error.message)
  expect(await say({ tokens: ['runs', 'a'], tags: [1] })).toContain("wrong.jsonl:1: 2 words in 'tokens', and 1 labels in 'tags'.")
  expect(await say({ tokens: ['runs'], tags: 1 })).toContain("1 words in 'tokens', and no list of labels in 'tags'.")
  expect(await say({ tokens: ['runs'], tags: [null] })).toContain('labels that are neither names nor whole numbers')
  expect(await say({ tokens: ['runs'], tags: ['X'] })).toContain('which class of the model each is, is not known: X.')
})

test('words begin with a space where the tokenizer tells them apart by it, as that of RoBERTa does', async () => {
  const tokenizer = put(
    folder,
    'bytes.json',
    JSON.stringify({
      ...base,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      post_processor: null,
      model: { type: 'BPE', vocab: { a: 0, b: 1, Ġ: 2, Ġa: 3, Ġb: 4 }, merges: ['Ġ a', 'Ġ b'], unk_token: null },
    }),
  )
  const data = rows('spaced.jsonl', { tokens: ['a', 'b'], labels: [1, 2] })
  expect(await first(data, {}, { tokenizer })).toMatchObject({ ids: [3, 4], label: [1, 2] })
})
