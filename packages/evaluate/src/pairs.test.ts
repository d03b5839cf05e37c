import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { put, temporaryFolder } from './fixture.test.files.js'
import { evaluate } from './jobs.test.files.js'

const folder = temporaryFolder()
const write = async (name: string, text: string) =>
  put(folder, name, await modelBytes(parseText(`<ir_version: 8, opset_import: ["" : 17]> ${text}`)))
const lines = (name: string, rows: readonly object[]) => put(folder, name, rows.map((row) => JSON.stringify(row)).join('\n'))

// [CLS] and [SEP] stand around every text, as BERT has it.
const tokenizer = put(
  folder,
  'tokenizer.json',
  JSON.stringify({
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [4], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [5], tokens: ['[SEP]'] },
      },
    },
    decoder: null,
    model: {
      type: 'WordPiece',
      vocab: { a: 0, b: 1, c: 2, d: 3, '[CLS]': 4, '[SEP]': 5 },
      unk_token: 'a',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
  }),
)

const TABLE = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
  [1, 1, -1],
  [0.5, 0, 0.25],
  [0, 0.125, 0],
]
// A vector for each token, and the sum of those that the mask lets through: what is filled up would show in it.
const encoder = await write(
  'encoder.onnx',
  `encoder (int64[batch, seq] input_ids, int64[batch, seq] attention_mask)
     => (float[batch, seq, 3] last_hidden_state, float[batch, 3] sentence_embedding)
   <float[6, 3] table = {${TABLE.flat().join(', ')}}, int64[1] middle = {1}, int64[1] last = {2}>
   { last_hidden_state = Gather(table, input_ids) mask = Cast<to: int = 1>(attention_mask) mask3 = Unsqueeze(mask, last)
     own = Mul(last_hidden_state, mask3) sentence_embedding = ReduceSum<keepdims: int = 0>(own, middle) }`,
)

const ROWS = [
  { sentence1: 'a b', sentence2: 'a b c', score: 4 },
  { sentence1: 'a', sentence2: 'c', score: 0.5 },
  { sentence1: 'd', sentence2: 'a b', score: 5 },
  { sentence1: 'c c c d', sentence2: 'd', score: 1 },
  { sentence1: 'b', sentence2: 'a b', score: 2 },
]

const IDS: Readonly<Record<string, number>> = { a: 0, b: 1, c: 2, d: 3 }
const tokens = (text: string) => [4, ...text.split(' ').map((word) => IDS[word]!), 5]
const mean = (text: string) => {
  const ids = tokens(text)
  return [0, 1, 2].map((at) => ids.reduce((sum, id) => sum + TABLE[id]![at]!, 0) / ids.length)
}
const cosine = (a: readonly number[], b: readonly number[]) => {
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, one, i) => sum + one * y[i]!, 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}
const cosines = ROWS.map(({ sentence1, sentence2 }) => cosine(mean(sentence1), mean(sentence2)))
const ranks = (values: readonly number[]) => values.map((value) => values.filter((other) => other < value).length)
/** Without ties it is 1 − 6·Σ d² ÷ (n·(n² − 1)). */
const spearman = (x: readonly number[], y: readonly number[]) => {
  const [a, b] = [ranks(x), ranks(y)]
  return 1 - (6 * a.reduce((sum, one, i) => sum + (one - b[i]!) ** 2, 0)) / (x.length * (x.length ** 2 - 1))
}

const request = { model: encoder, text: { tokenizer } }

test('the cosine of two texts is compared with a score, and with the other texts', async () => {
  const data = lines('sts.jsonl', ROWS)
  const metrics = [
    'spearman:pairs=mean',
    'mse:pairs=mean',
    'cosine:pairs=mean',
    'recall-at-1:pairs=mean',
    'recall-at-2:pairs=mean',
  ]
  const found = await evaluate({ ...request, data, metrics, batch: 3 })
  const scores = ROWS.map(({ score }) => score)
  // 'a b' is the second text of two rows: no rival of itself, and before others it takes two places.
  const recall = (k: number) =>
    ROWS.filter(({ sentence1, sentence2 }) => {
      const own = cosine(mean(sentence1), mean(sentence2))
      const rivals = ROWS.filter((other) => other.sentence2 !== sentence2)
      return rivals.filter((other) => cosine(mean(sentence1), mean(other.sentence2)) > own).length < k
    }).length / ROWS.length
  expect(found.metrics['spearman:pairs=mean']).toBeCloseTo(spearman(cosines, scores), 9)
  expect(found.metrics['cosine:pairs=mean']).toBeCloseTo(cosines.reduce((sum, one) => sum + one, 0) / 5, 6)
  expect(found.metrics['mse:pairs=mean']).toBeCloseTo(cosines.reduce((sum, one, i) => sum + (one - scores[i]!) ** 2, 0) / 5, 5)
  expect([found.metrics['recall-at-1:pairs=mean'], found.metrics['recall-at-2:pairs=mean']]).toEqual([recall(1), recall(2)])
  expect(recall(1)).toBeGreaterThan(0)
  expect(recall(1)).toBeLessThan(recall(2))
})

test("the vector of the first or the last token, the largest of each place, and the model's own", async () => {
  const data = lines('sts.jsonl', ROWS)
  // All texts begin with [CLS], whose vector does not depend on them here.
  expect((await evaluate({ ...request, data, metrics: ['cosine:pairs=cls'] })).metrics).toEqual({
    'cosine:pairs=cls': expect.closeTo(1, 9),
  })
  const vectors = (text: string) => tokens(text).map((id) => TABLE[id]!)
  const ways = {
    last: (text: string) => vectors(text).at(-1)!,
    max: (text: string) => [0, 1, 2].map((at) => Math.max(...vectors(text).map((vector) => vector[at]!))),
  }
  for (const [way, vectorOf] of Object.entries(ways)) {
    const metric = `cosine:pairs=${way}`
    const expected = ROWS.reduce((sum, row) => sum + cosine(vectorOf(row.sentence1), vectorOf(row.sentence2)), 0) / 5
    expect((await evaluate({ ...request, data, metrics: [metric] })).metrics[metric]).toBeCloseTo(expected, 6)
  }
  const own = { ...request, data, metrics: ['cosine:pairs=output'], output: 'sentence_embedding' }
  // The sum points where the mean does.
  expect((await evaluate(own)).metrics['cosine:pairs=output']).toBeCloseTo(cosines.reduce((sum, one) => sum + one, 0) / 5, 6)
})

test('a text that is too long loses its end, and keeps what stands behind every text', async () => {
  const data = lines('long.jsonl', [
    { sentence1: 'a b c c c c', sentence2: 'a b', label: 1 },
    { sentence1: 'c', sentence2: 'a', label: 0 },
  ])
  const found = await evaluate({ ...request, data, metrics: ['cosine:pairs=mean'], text: { tokenizer, length: 4 } })
  expect(found.metrics['cosine:pairs=mean']).toBeCloseTo((1 + cosine(mean('c'), mean('a'))) / 2, 6)
  expect(found.notes.join()).toContain('a text of 1 row is longer')
})

test('prompts stand before texts of their columns, in small letters where that is said', async () => {
  const data = lines('prompted.jsonl', [{ query: 'C', passage: 'd' }])
  const text = { tokenizer, prompts: { query: 'A b ', '': 'c c ' }, lowerCase: true }
  const found = await evaluate({ ...request, data, metrics: ['cosine:pairs=mean'], text })
  expect(found.metrics['cosine:pairs=mean']).toBeCloseTo(cosine(mean('a b c'), mean('c c d')), 6)
})

test('pairs for ranking are read as they are published: of several positives the first, negatives aside', async () => {
  const rows = {
    lists: [{ query: 'c', pos: ['a b', 'd'], neg: ['b'] }],
    triplets: [{ query: 'c', positive: 'a b', negative: 'b' }],
    graded: [{ query: 'c', document: 'a b', relevance: 2 }],
  }
  for (const [name, own] of Object.entries(rows)) {
    const found = await evaluate({ ...request, data: lines(`${name}.jsonl`, own), metrics: ['cosine:pairs=mean'] })
    expect([name, found.metrics['cosine:pairs=mean']]).toEqual([name, expect.closeTo(cosine(mean('c'), mean('a b')), 6)])
    expect(found.notes.join().includes('not looked at')).toBe(name !== 'graded')
  }
})

test('what does not fit is refused, with what to do', async () => {
  const data = lines('sts.jsonl', ROWS)
  const say = (more: object) => evaluate({ ...request, data, ...more } as never).then(String, (error: Error) => error.message)
  expect(await say({ metrics: ['cosine:pairs=output'] })).toContain(
    'a vector for each token, and pairs=output takes one for a text',
  )
  expect(await say({ metrics: ['cosine:pairs=mean'], output: 'sentence_embedding' })).toContain(
    'pairs=mean takes a vector for each token',
  )
  expect(await say({ metrics: ['cosine:pairs=mean', 'spearman:pairs=cls'] })).toContain('pairs=mean and pairs=cls')
  expect(await say({ metrics: ['cosine:pairs=mean', 'accuracy'] })).toContain('do not go together')
  expect(await say({ metrics: ['spearman:pairs=mean,with=other'] })).toContain('with=other and pairs=mean both say')
  const other = lines('other.jsonl', [{ left: 'a', right: 'b' }])
  expect(await say({ metrics: ['cosine:pairs=mean'], data: other })).toContain("no two texts in 'left', 'right'")
  const bare = lines(
    'bare.jsonl',
    ROWS.map(({ score: _, ...row }) => row),
  )
  expect(await say({ metrics: ['spearman:pairs=mean'], data: bare })).toContain('the data have no labels')
  const word = lines('word.jsonl', [{ ...ROWS[0], score: 'high' }])
  expect(await say({ metrics: ['spearman:pairs=mean'], data: word })).toContain('\'score\' is "high", expected a number')
})
