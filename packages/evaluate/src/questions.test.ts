import { readFileSync } from 'node:fs'
import { Tokenizer } from '@huggingface/tokenizers'
import { modelBytes, parseText } from '@pare/onnx'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { openData } from './data/data.js'
import { put, temporaryFolder } from './fixture.test.files.js'
import { evaluate } from './jobs.test.files.js'
import { likelihoodsOf } from './measure/asking/likelihoods.js'
import { look } from './measure/look.js'
import { loadRuntime, openSession, type Session } from './process/runtime.js'

const folder = temporaryFolder()
const write = async (name: string, text: string) =>
  put(folder, name, await modelBytes(parseText(`<ir_version: 8, opset_import: ["" : 17]> ${text}`)))
const lines = (name: string, rows: readonly object[]) => put(folder, name, rows.map((row) => JSON.stringify(row)).join('\n'))
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

// A decoder with a cache over 4 tokens: logits[t] = table[ids[t]] + t · (½, 0, −½, 0) + Σ past, 0 where a token is masked.
const decoder = (sequence = 'seq') => `
  decoder (int64[batch, ${sequence}] input_ids, int64[batch, total] attention_mask, int64[batch, ${sequence}] position_ids,
           float[batch, 2, past, 4] past_key_values.0.key)
       => (float[batch, ${sequence}, 4] logits, float[batch, 2, past, 4] present.0.key)
  <float[4, 4] table = {0, 1, 2, 3, 1, 0, 0, 2, 3, 1, 0, 0, 0, 0, 4, 1}, float[4] slope = {0.5, 0, -0.5, 0}, int64[1] last = {2}>
  { rows = Gather(table, input_ids) mask = Cast<to: int = 1>(attention_mask) mask3 = Unsqueeze(mask, last) masked = Mul(rows, mask3)
    position = Cast<to: int = 1>(position_ids) position3 = Unsqueeze(position, last) sloped = Mul(position3, slope) placed = Add(masked, sloped)
    nothing = ReduceSum<keepdims: int = 0>(past_key_values.0.key) logits = Add(placed, nothing) present.0.key = Identity(past_key_values.0.key) }`

// After a at position 0 the logits are (0, 1, 2, 3): log p(a) = −3.440190. After d at position 1 they are (½, 0, 3½, 1), log Σ exp = 3.650204.
// 'd b' is log p(d | a) + log p(b | d) = −0.440190 − 3.650204 = −4.090394: less than 'a', and more for each of its 3 bytes, −1.363465, and 2 tokens.
const ROWS = [
  { context: 'a', choices: ['a', 'd b'], gold: 0, subject: 'x', id: 'one' },
  { context: 'a', choices: ['b', 'c', 'd'], gold: 1, subject: 'y', id: 'two' },
  { context: 'a d', choices: ['c', 'a'], gold: 0, subject: 'y', id: 'three' },
]

test('questions behind an example are those with it in their context', async () => {
  const model = await write('shots.onnx', decoder())
  const metrics = ['choice-accuracy']
  // At position p the scores after a are (½p, 1, 2 − ½p, 3): c is likelier than a at 0, and a from 3 on.
  const rows = [{ context: 'a', choices: ['a', 'c'], gold: 0 }]
  const examples = lines('dev.jsonl', [{ context: 'b b b', choices: ['c', 'd'], gold: 1 }])
  const shots = await evaluate({ model, data: lines('plain.jsonl', rows), text: { tokenizer }, metrics, examples })
  const written = rows.map((row) => ({ ...row, context: `b b b d\n\n${row.context}` }))
  const by = await evaluate({ model, data: lines('written.jsonl', written), text: { tokenizer }, metrics })
  const none = await evaluate({ model, data: lines('plain.jsonl', rows), text: { tokenizer }, metrics })
  expect([none, shots, by].map(({ answers }) => answers?.predicted)).toEqual([[1], [0], [0]])
  const perplexity = evaluate({ model, data: lines('plain.jsonl', rows), text: { tokenizer }, metrics: ['accuracy'], examples })
  await expect(perplexity).rejects.toThrow('dev.jsonl: examples stand before what a language model is asked, and no metric asks')
})

test('log-probabilities of choices by hand, and what is made of them', async () => {
  const model = await write('decoder.onnx', decoder())
  const request = { model, data: lines('val.jsonl', ROWS), text: { tokenizer } }
  const evaluation = await evaluate({
    ...request,
    metrics: ['choice-accuracy', 'choice-accuracy:per=byte', 'choice-accuracy:per=token', 'choice-accuracy:per=character'],
    ...{ slices: ['subject'], reference: model },
  })
  // The second is answered with d, the third with c.
  expect(evaluation.metrics).toEqual({
    'choice-accuracy': 2 / 3,
    ...{ 'choice-accuracy:per=byte': 1 / 3, 'choice-accuracy:per=token': 1 / 3, 'choice-accuracy:per=character': 1 / 3 },
  })
  const [accuracy] = evaluation.measurements
  expect(accuracy!.samples).toEqual({ kind: 'proportion', correct: [1, 0, 1] })
  // Choice 0 is right twice of three times.
  expect(accuracy!.blind).toMatchObject({ answer: 'always answering choice 0, counted from 0', value: 2 / 3 })
  expect(evaluation.facts).toEqual({
    ids: ['one', 'two', 'three'],
    slices: [{ by: 'subject', names: ['x', 'y'], of: [0, 1, 1] }],
  })
  expect([evaluation.answers?.predicted, evaluation.labels]).toEqual([
    [0, 2, 0],
    [0, 1, 0],
  ])
  expect(evaluation.reference?.metrics['choice-accuracy']).toBe(2 / 3)
  await using session = await openSession(loadRuntime(), model)
  const data = await openData(request.data, { inputs: session.inputs, trusted: false, text: request.text, asking: 'choices' })
  for (const size of [1, 2, 8]) {
    const found: number[][] = []
    for await (const batch of data.batches(8)) {
      const { data: values, shape } = await likelihoodsOf(session, batch, { output: 'logits', atOnce: { size, fixed: false } })
      expect(shape).toEqual([3, 3])
      for (let at = 0; at < 9; at += 3) found.push([...(values as Float64Array).subarray(at, at + 3)])
    }
    const expected = [
      [-3.44019, -4.090394, Number.NEGATIVE_INFINITY],
      [-2.44019, -1.44019, -0.44019],
      [3.5 - 3.650204, 0.5 - 3.650204, Number.NEGATIVE_INFINITY],
    ]
    for (const [i, row] of expected.entries())
      for (const [at, value] of row.entries()) expect(found[i]![at]).toBeCloseTo(value, 5)
  }
})

test('CSV and Parquet hold the same questions as JSONL', async () => {
  const model = await write('decoder.onnx', decoder())
  const questions = [
    { question: 'a d', A: 'a', B: 'b', answer: 'A' },
    { question: 'c c b', A: 'd', B: 'a', answer: 'B' },
  ]
  const listed = questions.map(({ question, A, B, answer }) => ({ question, choices: [A, B], answer: 'AB'.indexOf(answer) }))
  const csv = ['question,A,B,answer', ...questions.map((row) => Object.values(row).join(','))].join('\n')
  const parquet = parquetWriteBuffer({
    columnData: [
      { name: 'question', data: listed.map(({ question }) => question), type: 'STRING' },
      { name: 'choices', data: listed.map(({ choices }) => choices), type: 'JSON' },
      { name: 'answer', data: listed.map(({ answer }) => BigInt(answer)), type: 'INT64' },
    ],
  })
  const paths = [lines('q.jsonl', listed), put(folder, 'q.csv', csv), put(folder, 'q.parquet', new Uint8Array(parquet))]
  const asked = await Promise.all(
    paths.map(async (data) => {
      const { batches } = await openData(data, { inputs: INPUTS, trusted: false, text: { tokenizer }, asking: 'choices' })
      for await (const { questions } of batches(8)) return questions
      return undefined
    }),
  )
  expect(asked[0]).toHaveLength(2)
  expect(asked[1]).toEqual(asked[0])
  expect(asked[2]).toEqual(asked[0])
  expect(await evaluate({ model, data: paths[1]!, text: { tokenizer }, metrics: ['choice-accuracy'] })).toMatchObject({
    samples: 2,
  })
})

const INPUTS = [{ name: 'input_ids', type: 'int64', shape: ['batch', 'seq'] }]

test('a model of a fixed length and batch is given the end of what is longer, and told of', async () => {
  const model = await write('fixed.onnx', decoder('3').replaceAll('batch', '2').replaceAll('total', '3'))
  const long = [
    { context: 'b b c b a', choices: ['a', 'd b'], gold: 0 },
    { context: 'a d', choices: ['c', 'a'], gold: 0 },
    ROWS[1]!,
  ]
  const data = lines('long.jsonl', long)
  const { notes, metrics, batch } = await evaluate({ model, data, text: { tokenizer }, metrics: ['choice-accuracy'] })
  expect(notes).toEqual(['1 question is longer than the model is given at once: the beginning is left out'])
  expect(batch).toBe(2)
  // 'b c b a' with a behind ends at position 2: (1, 1, 1, 3) makes d likeliest, of a and 'd b' a, since b is far behind.
  expect(metrics).toEqual({ 'choice-accuracy': 2 / 3 })
  const one = lines('one.jsonl', [{ context: 'a', choices: ['a b c d a', 'b'], gold: 0 }])
  await expect(evaluate({ model, data: one, text: { tokenizer }, metrics: ['choice-accuracy'] })).rejects.toThrow(
    'choice 0 has 5 tokens, and the model is given 3 at once',
  )
})

test('models that look ahead, and models without scores of tokens, are refused', async () => {
  const ahead = await write(
    'ahead.onnx',
    `bert (int64[batch, seq] input_ids) => (float[batch, seq, 4] logits) <float[4, 4] table = {0, 1, 2, 3, 1, 0, 0, 2, 3, 1, 0, 0, 0, 0, 4, 1}>
     { rows = Gather(table, input_ids) mean = ReduceMean<axes = [1]>(rows) logits = Add(rows, mean) }`,
  )
  const data = lines('val.jsonl', ROWS)
  const metrics = ['choice-accuracy']
  await expect(evaluate({ model: ahead, data, text: { tokenizer }, metrics })).rejects.toThrow(
    'depends on tokens that come later, as of BERT',
  )
  const classes = await write(
    'classes.onnx',
    `classes (int64[batch, seq] input_ids) => (float[batch, 4] logits) <float[4, 4] table = {0, 1, 2, 3, 1, 0, 0, 2, 3, 1, 0, 0, 0, 0, 4, 1}>
     { rows = Gather(table, input_ids) logits = ReduceMean<axes = [1], keepdims: int = 0>(rows) }`,
  )
  await expect(evaluate({ model: classes, data, text: { tokenizer }, metrics })).rejects.toThrow(
    'expected scores of the next token',
  )
  const { problem } = await look(loadRuntime(), { model: ahead, data, text: { tokenizer }, metrics })
  expect(problem?.message).toContain('as of BERT')
  const model = await write('decoder.onnx', decoder())
  await expect(evaluate({ model, data, text: { tokenizer }, metrics: ['choice-accuracy', 'perplexity'] })).rejects.toThrow(
    "metrics 'choice-accuracy' and 'perplexity' do not go together",
  )
  await expect(evaluate({ model, data, text: { tokenizer }, metrics: ['perplexity'] })).rejects.toThrow('a question with choices')
})

test('the scores of one run have 128 MB, however many rows there are', async () => {
  const vocabulary = 2 ** 20
  const scores = new Float32Array(2 ** 25)
  const runs: number[] = []
  const session: Session = {
    ...{
      name: 'wide.onnx',
      inputs: INPUTS,
      outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 'seq', 'vocabulary'] }],
    },
    run: async ({ inputs }) => {
      const [rows, width] = inputs.input_ids!.shape as [number, number]
      runs.push(rows * width)
      const size = rows * width * vocabulary
      return { type: 'float32', shape: [rows, width, vocabulary], data: scores.subarray(0, size) }
    },
    runBatch: () => Promise.reject(new Error('not called')),
    runAll: () => Promise.reject(new Error('not called')),
    [Symbol.asyncDispose]: async () => {},
  }
  const choices = Array.from({ length: 10 }, (_, i) => ({ ids: [0, 1, i, 3, 2], from: 2, bytes: 1, characters: 1 }))
  const question = { text: '', choices, answer: 0 }
  const batch = { first: 1, size: 1, inputs: {}, questions: [question] }
  const { data } = await likelihoodsOf(session, batch, { output: 'logits', atOnce: { size: 32, fixed: false } })
  // A row of 4 tokens takes 16 MiB. The first is run alone, since the vocabulary is not known before.
  expect(runs).toEqual([4, 32, 4])
  // Scores that are all the same.
  for (const value of data) expect(value).toBeCloseTo(-3 * Math.log(vocabulary), 6)
})

test('lm-llama: what ONNX Runtime gives for one row at a time, with the softmax written out', async () => {
  const models = new URL('../../../test-models/', import.meta.url)
  const [model, path] = ['lm-llama.onnx', 'lm-tokenizer.json'].map((name) => new URL(name, models).pathname) as [string, string]
  const rows = [
    {
      context: 'And the LORD spake unto',
      choices: ['Moses, saying, Speak unto the children of Israel', 'the kernel', 'Moses'],
      gold: 0,
    },
    { context: 'In the beginning God created the', choices: ['heaven and the earth', 'heaven and the sea'], gold: 0 },
    { context: 'hacker: a person who', choices: ['enjoys', 'begat sons and daughters'], gold: 0 },
  ]
  const runtime = loadRuntime()
  const plain = await runtime.ort.InferenceSession.create(model)
  const own = new Tokenizer(JSON.parse(readFileSync(path, 'utf8')) as object, {})
  const expected: number[][] = []
  for (const { context, choices } of rows) {
    const sums: number[] = []
    for (const choice of choices) {
      const ids = own.encode(`${context} ${choice}`).ids
      const from = own.encode(context).ids.length
      const feeds = { input_ids: new runtime.ort.Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]) }
      const { logits } = await plain.run(feeds)
      const [, , vocabulary] = logits!.dims as [number, number, number]
      const values = logits!.data as Float32Array
      let sum = 0
      for (let at = from; at < ids.length; at++) {
        const scores = Array.from(values.subarray((at - 1) * vocabulary, at * vocabulary))
        sum += Math.log(Math.exp(scores[ids[at]!]!) / scores.reduce((total, score) => total + Math.exp(score), 0))
      }
      sums.push(sum)
    }
    expected.push(sums)
  }
  await using session = await openSession(runtime, model)
  const data = await openData(lines('lm.jsonl', rows), {
    inputs: session.inputs,
    trusted: false,
    text: { tokenizer: path },
    asking: 'choices',
  })
  for await (const batch of data.batches(8)) {
    const { data: values } = await likelihoodsOf(session, batch, { output: 'logits', atOnce: { size: 8, fixed: false } })
    for (const [i, sums] of expected.entries())
      for (const [at, sum] of sums.entries()) expect(Number(values[i * 3 + at])).toBeCloseTo(sum, 3)
  }
  const right = expected.filter((sums) => Math.max(...sums) === sums[0]).length
  const request = { model, data: lines('lm.jsonl', rows), text: { tokenizer: path } }
  const { metrics } = await evaluate({ ...request, metrics: ['choice-accuracy'] })
  expect(metrics).toEqual({ 'choice-accuracy': right / 3 })
}, 300_000)
