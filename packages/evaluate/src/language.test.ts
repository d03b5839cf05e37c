import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { array, npzBytes, put, temporaryFolder } from './fixture.test.files.js'
import { evaluate } from './jobs.test.files.js'

const folder = temporaryFolder()

// A bigram model over 4 tokens with the inputs of a Hugging Face decoder export. Each input changes the scores, so that wrong filling shows:
// logits[b, t] = mask[b, t] · table[ids[b, t]] + position[b, t] · slope + Σ past
const TABLE = [
  [0, 1, 2, 3],
  [1, 0, 0, 2],
  [3, 1, 0, 0],
  [0, 0, 4, 1],
]
const SLOPE = [0.5, 0, -0.5, 0]
const decoder = (seq: string, past: string) => `<ir_version: 8, opset_import: ["" : 17]>
  decoder (int64[batch, ${seq}] input_ids, int64[batch, total] attention_mask, int64[batch, ${seq}] position_ids,
           float[batch, 2, past, ${past}] past_key_values.0.key, float[batch, 2, past, ${past}] past_key_values.0.value)
       => (float[batch, ${seq}, 4] logits, float[batch, 2, past, ${past}] present.0.key)
  <float[4, 4] table = {${TABLE.flat().join(', ')}}, float[4] slope = {${SLOPE.join(', ')}}, int64[1] last = {2}>
  {
    rows = Gather(table, input_ids)
    mask = Cast<to: int = 1>(attention_mask)
    mask3 = Unsqueeze(mask, last)
    masked = Mul(rows, mask3)
    position = Cast<to: int = 1>(position_ids)
    position3 = Unsqueeze(position, last)
    sloped = Mul(position3, slope)
    placed = Add(masked, sloped)
    past = Add(past_key_values.0.key, past_key_values.0.value)
    nothing = ReduceSum<keepdims: int = 0>(past)
    logits = Add(placed, nothing)
    present.0.key = Identity(past)
  }`

/** Perplexity of windows of token ids, each token from the one before it: the formula again, written out. */
function perplexityOf(windows: readonly (readonly number[])[], from = 1): number {
  const losses = windows.flatMap((ids) =>
    ids.slice(from).map((token, i) => {
      const t = from + i - 1
      const logits = TABLE[ids[t]!]!.map((score, k) => score + t * SLOPE[k]!)
      return Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[token]!
    }),
  )
  return Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length)
}

const write = async (name: string, text: string) => put(folder, name, await modelBytes(parseText(text)))
const tokenizer = put(
  folder,
  'tokenizer.json',
  JSON.stringify({
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordPiece',
      vocab: { a: 0, b: 1, c: 2, d: 3 },
      unk_token: 'a',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
  }),
)
const text = put(folder, 'd.txt', 'a d c a b d c a\na d')

test('a perplexity by hand', async () => {
  // Window "a d": logits (0, 1, 2, 3) at position 0, −log p(d) = log(1 + e⁻¹ + e⁻² + e⁻³) = 0.440190; e^0.440190 = 1.553002
  const data = put(folder, 'two.npz', npzBytes({ input_ids: array('uint8', [1, 2], [0, 3]) }))
  const { metrics } = await evaluate({ model: await write('decoder.onnx', decoder('seq', '4')), data, metrics: ['perplexity'] })
  expect(metrics.perplexity).toBeCloseTo(1.553002, 5)
})

test('text is cut into windows; masks, positions and an empty cache are filled in', async () => {
  const model = await write('decoder.onnx', decoder('seq', '4'))
  const evaluation = await evaluate({ model, data: text, metrics: ['perplexity'], text: { tokenizer, length: 4 } })
  const windows = [
    [0, 3, 2, 0],
    [1, 3, 2, 0],
    [0, 3],
  ]
  expect(evaluation.samples).toBe(3)
  expect(evaluation.metrics.perplexity).toBeCloseTo(perplexityOf(windows), 5)
  expect(evaluation.measurements[0]?.samples).toMatchObject({ kind: 'perplexity', counts: [3, 3, 1] })
})

test('the result does not depend on the batch, nor on a fixed length', async () => {
  const model = await write('decoder.onnx', decoder('seq', '4'))
  const options = { data: text, metrics: ['perplexity'], text: { tokenizer, length: 4 } }
  const one = await evaluate({ ...options, model, batch: 1 })
  const all = await evaluate({ ...options, model, batch: 8 })
  expect(all.measurements).toEqual(one.measurements)
  const fixed = await evaluate({ ...options, model: await write('fixed.onnx', decoder('6', '4')) })
  expect(fixed.measurements).toEqual(one.measurements)
})

test('a stride smaller than the window gives each token what came before it', async () => {
  const model = await write('decoder.onnx', decoder('seq', '4'))
  const { measurements, metrics } = await evaluate({
    model,
    data: text,
    metrics: ['perplexity'],
    text: { tokenizer, length: 4, stride: 1 },
  })
  const ids = [0, 3, 2, 0, 1, 3, 2, 0, 0, 3]
  expect(measurements[0]?.samples).toMatchObject({ counts: [3, 1, 1, 1, 1, 1, 1] })
  // After the first window, one token each: the fourth of its window, from the third at position 2.
  const first = Math.log(perplexityOf([ids.slice(0, 4)])) * 3
  const others = [1, 2, 3, 4, 5, 6].map((start) => Math.log(perplexityOf([ids.slice(start, start + 4)], 3)))
  expect(metrics.perplexity).toBeCloseTo(Math.exp((first + others.reduce((sum, loss) => sum + loss, 0)) / 9), 5)
})

test('tokens that an attention mask hides are not predicted', async () => {
  const model = await write('decoder.onnx', decoder('seq', '4'))
  // The second row is filled up on the left: it predicts only d, from a at position 0.
  const arrays = {
    input_ids: array('uint8', [2, 4], [0, 3, 2, 0, 2, 2, 0, 3]),
    attention_mask: array('uint8', [2, 4], [1, 1, 1, 1, 0, 0, 1, 1]),
  }
  const { measurements } = await evaluate({ model, data: put(folder, 'left.npz', npzBytes(arrays)), metrics: ['perplexity'] })
  const sums = [Math.log(perplexityOf([[0, 3, 2, 0]])) * 3, Math.log(perplexityOf([[0, 3]]))]
  expect(measurements[0]?.samples).toEqual({
    kind: 'perplexity',
    sums: sums.map((sum) => expect.closeTo(sum, 5)),
    counts: [3, 1],
  })
})

test('a pruned model may have a cache of another size than its reference', async () => {
  const reference = await write('reference.onnx', decoder('seq', '4'))
  const model = await write('pruned.onnx', decoder('seq', '3'))
  const { metrics } = await evaluate({
    model,
    reference,
    data: text,
    metrics: ['agreement', 'kl'],
    text: { tokenizer, length: 4 },
  })
  expect(metrics).toEqual({ agreement: 1, kl: 0 })
})

test('a reference is compared with token by token, over windows of any length', async () => {
  const reference = await write('reference.onnx', decoder('seq', '4'))
  const model = await write(
    'steeper.onnx',
    decoder('seq', '4').replace(SLOPE.join(', '), SLOPE.map((each) => -3 * each).join(', ')),
  )
  const windows = [
    [0, 3, 2, 0],
    [1, 3, 2, 0],
    [0, 3],
  ]
  // Each token but the last predicts one: 3, 3 and 1.
  const places = windows.flatMap((ids) => ids.slice(0, -1).map((id, t) => ({ row: TABLE[id]!, t })))
  const scores = (slope: number) => places.map(({ row, t }) => row.map((score, k) => score + t * slope * SLOPE[k]!))
  const [before, after] = [scores(1), scores(-3)]
  const logs = (row: readonly number[]) =>
    row.map((score) => score - Math.log(row.reduce((sum, each) => sum + Math.exp(each), 0)))
  const divergences = before.map((row, i) => {
    const [p, q] = [logs(row), logs(after[i]!)]
    return p.reduce((sum, each, k) => sum + Math.exp(each) * (each - q[k]!), 0)
  })
  const best = (row: readonly number[]) => row.indexOf(Math.max(...row))
  const same = before.filter((row, i) => best(row) === best(after[i]!)).length
  const { metrics, measurements } = await evaluate({
    ...{ model, reference, data: text, metrics: ['kl', 'agreement'], text: { tokenizer, length: 4 }, batch: 2 },
  })
  expect(metrics.kl).toBeCloseTo(divergences.reduce((sum, each) => sum + each, 0) / 7, 6)
  expect(metrics.agreement).toBeCloseTo(same / 7, 12)
  expect(measurements.map(({ samples }) => samples)).toMatchObject([{ counts: [3, 3, 1] }, { counts: [3, 3, 1] }])
  expect(same).toBeLessThan(7)
})

test('a token outside the vocabulary is named', async () => {
  const data = put(folder, 'outside.npz', npzBytes({ ids: array('uint8', [2, 2], [0, 3, 1, 7]) }))
  const model = await write(
    'onehot.onnx',
    `onehot (int64[batch, seq] ids) => (float[batch, seq, 4] logits)
    <int64 depth = {4}, float[2] values = {0, 1}> { logits = OneHot(ids, depth, values) }`,
  )
  await expect(evaluate({ model, data, metrics: ['perplexity'] })).rejects.toThrow(
    'token 7 in sample 1 is outside the vocabulary of 4.',
  )
})

test('of a large vocabulary fewer samples run at once', async () => {
  // 256 tokens · 60,000 classes · 4 bytes = 61 MB of logits a sample.
  const model = await write(
    'vocabulary.onnx',
    `g (int64[N, S] input_ids) => (float[N, S, 60000] logits) <int64[3] rows = {0, 0, 1}, int64[2] wide = {1, 60000}> {
       f = Cast<to = 1>(input_ids)
       r = Reshape(f, rows)
       z = ConstantOfShape<value = float[1] {0.001}>(wide)
       logits = MatMul(r, z)
     }`,
  )
  const ids = array(
    'int64',
    [5, 256],
    Array.from({ length: 5 * 256 }, (_, i) => i % 7),
  )
  const data = put(folder, 'vocabulary.npz', npzBytes({ input_ids: ids }))
  const { batch, metrics } = await evaluate({ model, data, metrics: ['perplexity'] })
  expect(batch).toBe(2)
  // All classes are equally likely.
  expect(metrics.perplexity).toBeCloseTo(60_000, -1)
})
