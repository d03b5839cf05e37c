import { readFileSync } from 'node:fs'
import { Tokenizer } from '@huggingface/tokenizers'
import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { openData } from './data/data.js'
import type { WritingOptions } from './data/questions/question.js'
import { put, temporaryFolder } from './fixture.test.files.js'
import { evaluate } from './jobs.test.files.js'
import { writeAnswers } from './measure/asking/write-answers.js'
import { look } from './measure/look.js'
import { loadRuntime, openSession } from './process/runtime.js'

const folder = temporaryFolder()
const write = async (name: string, text: string) =>
  put(folder, name, await modelBytes(parseText(`<ir_version: 8, opset_import: ["" : 17]> ${text}`)))
const lines = (name: string, rows: readonly object[]) => put(folder, name, rows.map((row) => JSON.stringify(row)).join('\n'))
const WORDS = ['a', 'b', 'c', 'd', 'end', 'user', 'assistant']
const tokenizer = put(
  folder,
  'tokenizer.json',
  JSON.stringify({
    version: '1.0',
    added_tokens: [{ id: 4, content: 'end', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }],
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    ...{ post_processor: null, decoder: null },
    model: {
      type: 'WordPiece',
      vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])),
      ...{ unk_token: 'a', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
    },
  }),
)
put(
  folder,
  'tokenizer_config.json',
  JSON.stringify({
    ...{ eos_token: 'end' },
    chat_template:
      "{% for message in messages %}{{ message['role'] }} {{ message['content'] }} {% endfor %}{% if add_generation_prompt %}assistant {% endif %}",
  }),
)

// Scores after a token are the sum of the rows of all tokens so far, so that everything before counts.
const TABLE = [
  [-4, 3, 1, 0, 0, -9, -9],
  [1, -5, 2, 0, 1, -9, -9],
  [2, 1, -6, 3, 1, -9, -9],
  [1, 1, 2, -6, 4, -9, -9],
  [0, 0, 0, 0, 0, -9, -9],
  [0, 1, 0, 0, 0, -9, -9],
  [1, 0, 2, 0, 0, -9, -9],
]
const CONSTANTS = `float[7, 7] table = {${TABLE.flat().join(', ')}}, int64[1] one = {1}, int64 places = {1}, int64 cached = {2}`
const plain = `plain (int64[batch, seq] input_ids) => (float[batch, seq, 7] logits) <${CONSTANTS}>
  { rows = Gather(table, input_ids) logits = CumSum(rows, places) }`
const cached = `cached (int64[batch, seq] input_ids, int64[batch, total] attention_mask, int64[batch, seq] position_ids, float[batch, 1, past, 7] past_key_values.0.key)
  => (float[batch, seq, 7] logits, float[batch, 1, total, 7] present.0.key) <${CONSTANTS}, int64[1] third = {2}, int64[1] most = {10000}>
  { rows = Gather(table, input_ids) rows4 = Unsqueeze(rows, one) present.0.key = Concat<axis = 2>(past_key_values.0.key, rows4)
    sums = CumSum(present.0.key, cached) shape = Shape(past_key_values.0.key) from = Gather(shape, third) own = Slice(sums, from, most, third) logits4 = Squeeze(own, one)
    mask = Cast<to: int = 1>(attention_mask) least = ReduceMin<keepdims: int = 0>(mask) logits = Mul(logits4, least) }`

/** The likeliest token at each step, as the table says. */
function greedy(prompt: string, most: number): string {
  const ids = prompt.split(' ').map((word) => WORDS.indexOf(word))
  const answer: string[] = []
  while (answer.length < most) {
    const sums = WORDS.map((_, at) => ids.reduce((sum, id) => sum + TABLE[id]![at]!, 0))
    const next = sums.indexOf(Math.max(...sums))
    if (WORDS[next] === 'end') break
    answer.push(WORDS[next]!)
    ids.push(next)
  }
  return answer.join(' ')
}

const PROMPTS = ['a', 'b', 'a b', 'c a', 'd c b', 'a a a', 'c']

interface Way {
  size: number
  maxTokens: number
  stop?: string[]
  /** What the model is said to have, which decides how much of a prompt is read at once. */
  vocabulary?: number
}

async function writtenBy(model: string, { size, maxTokens, stop = [], vocabulary }: Way) {
  const data = lines(
    'prompts.jsonl',
    PROMPTS.map((prompt) => ({ prompt, completion: 'x' })),
  )
  await using opening = await openSession(loadRuntime(), model)
  const outputs = opening.outputs.map((output) => ({
    ...output,
    shape: [...output.shape.slice(0, 2), vocabulary ?? output.shape[2]!],
  }))
  const session = vocabulary === undefined ? opening : { ...opening, outputs }
  const own = new Tokenizer(JSON.parse(readFileSync(tokenizer, 'utf8')) as object, {})
  const writing = {
    maxTokens,
    stop,
    ends: new Set([4]),
    decode: (ids: readonly number[]) => (ids.length === 0 ? '' : own.decode([...ids])),
  }
  const opened = await openData(data, { inputs: session.inputs, trusted: false, text: { tokenizer }, asking: 'answers' })
  const answers: string[] = []
  for await (const batch of opened.batches(8)) {
    const { data } = await writeAnswers(session, batch, { output: 'logits', atOnce: { size, fixed: false }, writing })
    answers.push(...(data as unknown as string[]))
  }
  return answers
}

test('what is written is the likeliest token at each step, with a cache and without one, one prompt at a time and several', async () => {
  // After a: (−4, 3, 1, 0, 0), b. After a b: (−3, −2, 3, 0, 1), c. After a b c: (−1, −1, −3, 3, 2), d. After a b c d: (0, 0, −1, −3, 6), end.
  expect(greedy('a', 9)).toBe('b c d')
  const expected = PROMPTS.map((prompt) => greedy(prompt, 9))
  expect(new Set(expected).size).toBeGreaterThan(3)
  for (const [name, text] of Object.entries({ plain, cached })) {
    const model = await write(`${name}.onnx`, text)
    for (const size of [1, 3, 8]) expect(await writtenBy(model, { size, maxTokens: 9 })).toEqual(expected)
    expect(await writtenBy(model, { size: 8, maxTokens: 2 })).toEqual(PROMPTS.map((prompt) => greedy(prompt, 2)))
    // Prompts whose scores have no room are read one by one, in stretches of two tokens.
    expect(await writtenBy(model, { size: 8, maxTokens: 9, vocabulary: 2 ** 24 })).toEqual(expected)
    // A text that stops is no part of the answer.
    const cut = expected.map((answer) => answer.split('c')[0]!)
    expect(await writtenBy(model, { size: 8, maxTokens: 9, stop: ['zz', 'c'] })).toEqual(cut)
  }
}, 300_000)

test('a command may judge answers: it is told what was asked, what was written and what was expected', async () => {
  const model = await write('judged.onnx', cached)
  const rows = [
    { prompt: 'a', completion: greedy('a', 9) },
    { prompt: 'b', completion: 'c c c' },
  ]
  const judge = put(
    folder,
    'judge.mjs',
    `import { readFileSync } from 'node:fs'
     const { prompt, answer, expected } = JSON.parse(readFileSync(0, 'utf8'))
     process.exit('ab'.includes(prompt) && answer.trim() === expected[0] ? 0 : 1)`,
  )
  const metric = `accepted:sandbox=none,command=node ${judge}`
  const { measurements } = await evaluate({ model, data: lines('judged.jsonl', rows), text: { tokenizer }, metrics: [metric] })
  expect(measurements[0]).toMatchObject({ metric, value: 0.5, samples: { kind: 'proportion', correct: [1, 0] } })
})

test('answers are compared with what is expected, one way to write it or several', async () => {
  const model = await write('cached.onnx', cached)
  const rows = [
    { id: 'one', prompt: 'a', completion: ' b c d' },
    { id: 'two', prompt: 'b', answer: greedy('b', 9) },
    { id: 'three', prompt: 'a b', answers: ['d', greedy('a b', 9)] },
    { id: 'four', prompt: 'c a', answers: { text: ['c c c c'], answer_start: [0] } },
  ].map(({ prompt, id, ...answer }) => ({ prompt, id, answers: Object.values(answer)[0] }))
  const metrics = ['exact-match', 'rouge-l', 'chrf', 'wer', 'cer']
  const evaluation = await evaluate({ model, data: lines('qa.jsonl', rows), text: { tokenizer }, metrics, reference: model })
  expect(evaluation.metrics['exact-match']).toBe(0.75)
  expect(evaluation.measurements[0]!.samples).toEqual({ kind: 'proportion', correct: [1, 1, 1, 0] })
  expect(evaluation.facts?.ids).toEqual(['one', 'two', 'three', 'four'])
  expect(evaluation.reference?.metrics).toEqual(evaluation.metrics)
  const short = { model, data: lines('qa.jsonl', rows), text: { tokenizer }, metrics: ['exact-match'], writing: { maxTokens: 1 } }
  expect((await evaluate(short)).metrics['exact-match']).toBe(0)
  const { problem, msPerSample } = await look(loadRuntime(), short)
  expect([problem, msPerSample! > 0]).toEqual([undefined, true])
  await expect(evaluate({ ...short, metrics: ['exact-match', 'perplexity'] })).rejects.toThrow(
    "'exact-match' and 'perplexity' do not go together: the one has the model write answers",
  )
})

test('of a conversation each answer of the assistant is written behind what was said before', async () => {
  const model = await write('cached.onnx', cached)
  const messages = (...contents: string[]) =>
    contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }))
  const rows = [{ messages: messages('a', greedy('user a assistant', 9), 'b', 'c') }, { messages: messages('c', 'nothing') }]
  const request = { model, text: { tokenizer }, metrics: ['exact-match'] }
  const { samples, facts, measurements } = await evaluate({ ...request, data: lines('chat.jsonl', rows) })
  expect(samples).toBe(3)
  expect(measurements[0]!.samples).toEqual({ kind: 'proportion', correct: [1, 0, 0] })
  expect(facts?.group).toEqual({ by: 'conversation', names: ['1', '2'], of: [0, 0, 1] })
  // Instructions and questions are messages of the user where there is a chat template.
  const asked = greedy('user a b assistant', 9)
  for (const row of [
    { instruction: 'a', input: 'b', output: asked },
    { instruction: 'a b', output: asked },
    { question: 'a b', answer: asked },
    { question: 'b', context: 'a', answers: { text: [asked] } },
    { prompt: messages('a b'), completion: [{ role: 'assistant', content: asked }] },
  ])
    expect((await evaluate({ ...request, data: lines('row.jsonl', [row]) })).metrics['exact-match']).toBe(1)
  await expect(evaluate({ ...request, data: lines('none.jsonl', [{ messages: messages('a') }]) })).rejects.toThrow(
    'a conversation without an answer of the assistant',
  )
  await expect(
    evaluate({ ...request, metrics: ['perplexity'], data: lines('row.jsonl', [{ question: 'a b', answer: 'c' }]) }),
  ).rejects.toThrow("a prompt with its answer, and no 'completion'")
  await expect(evaluate({ ...request, data: lines('odd.jsonl', [{ q: 'a', k: 'b' }]) })).rejects.toThrow(
    'no prompt with an answer; found q, k',
  )
}, 300_000)

test('prompts leave room for the answer where a model has a fixed length', async () => {
  const model = await write('fixed.onnx', plain.replaceAll('seq', '6').replaceAll('batch', '2'))
  const rows = [
    { prompt: 'c c c c c a', completion: greedy('c c c a', 2) },
    { prompt: 'a', completion: greedy('a', 2) },
    { prompt: 'b', completion: greedy('b', 2) },
  ]
  const request = { model, data: lines('long.jsonl', rows), text: { tokenizer }, metrics: ['exact-match'] }
  const { metrics, notes } = await evaluate({ ...request, writing: { maxTokens: 2 } })
  expect(metrics['exact-match']).toBe(1)
  expect(notes).toEqual(['1 question is longer than the model is given at once: the beginning is left out'])
  await expect(evaluate(request)).rejects.toThrow('answers of 128 tokens, and the model is given 6 at once')
})

test('lm-llama writes what ONNX Runtime gives, token by token', async () => {
  const models = new URL('../../../test-models/', import.meta.url)
  const [model, path] = ['lm-llama.onnx', 'lm-tokenizer.json'].map((name) => new URL(name, models).pathname) as [string, string]
  const prompts = ['And the LORD spake unto', 'In the beginning God created the', 'hacker: a person who']
  const runtime = loadRuntime()
  const session = await runtime.ort.InferenceSession.create(model)
  const own = new Tokenizer(JSON.parse(readFileSync(path, 'utf8')) as object, {})
  const rows: object[] = []
  for (const prompt of prompts) {
    const start = own.encode(prompt).ids
    const ids = [...start]
    while (ids.length < start.length + 10) {
      const { logits } = await session.run({
        input_ids: new runtime.ort.Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
      })
      const last = Array.from((logits!.data as Float32Array).subarray(-logits!.dims[2]!))
      ids.push(last.indexOf(Math.max(...last)))
    }
    rows.push({ prompt, completion: own.decode(ids.slice(start.length)) })
  }
  expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBe(3)
  const request = { model, data: lines('lm.jsonl', rows), text: { tokenizer: path }, metrics: ['exact-match'] }
  expect((await evaluate({ ...request, writing: { maxTokens: 10 } })).metrics).toEqual({ 'exact-match': 1 })
}, 300_000)

test('with a temperature tokens are drawn by their probability, the same draws for all models, however prompts are grouped', async () => {
  const rows = Array.from({ length: 400 }, () => ({ prompt: 'a', completion: 'x' }))
  // Scores of a, b, c, d are the logarithms of 4, 3, 2 and 1.
  const scores = [4, 3, 2, 1, 0, 0, 0].map((share) => (share === 0 ? -99 : Math.log(share)).toFixed(6))
  const model = await write(
    'draws.onnx',
    `draws (int64[batch, seq] input_ids) => (float[batch, seq, 7] logits) <float[1, 7] row = {${scores.join(', ')}}, int64[2] seven = {7, 7}>
      { table = Expand(row, seven) logits = Gather(table, input_ids) }`,
  )
  const written = async (writing: WritingOptions & { readonly draws?: number }, size: number) => {
    await using session = await openSession(loadRuntime(), model)
    const own = new Tokenizer(JSON.parse(readFileSync(tokenizer, 'utf8')) as object, {})
    const decode = (ids: readonly number[]) => (ids.length === 0 ? '' : own.decode([...ids]))
    const data = lines('draws.jsonl', rows)
    const opened = await openData(data, { inputs: session.inputs, trusted: false, text: { tokenizer }, asking: 'answers' })
    const how = { stop: [], ends: new Set([4]), decode, maxTokens: 2, ...writing }
    const answers: string[] = []
    for await (const batch of opened.batches(size)) {
      const place = { output: 'logits', atOnce: { size, fixed: false }, writing: how }
      answers.push(...((await writeAnswers(session, batch, place)).data as unknown as string[]))
    }
    return answers
  }
  const drawn = await written({ temperature: 1 }, 8)
  expect(await written({ temperature: 1 }, 50)).toEqual(drawn)
  // Several answers to a prompt differ, and the first is the one that is drawn alone.
  const several = await written({ temperature: 1, draws: 3 }, 8)
  expect(several.filter((_, i) => i % 3 === 0)).toEqual(drawn)
  expect(several.filter((answer, i) => answer === several[i - (i % 3)]).length).toBeLessThan(0.7 * several.length)
  const words = drawn.flatMap((answer) => answer.split(' '))
  const shareOf = (word: string) => words.filter((each) => each === word).length / words.length
  // Four standard errors of a share of 800 draws are at most 0.07.
  for (const [word, share] of Object.entries({ a: 0.4, b: 0.3, c: 0.2, d: 0.1 }))
    expect(Math.abs(shareOf(word) - share)).toBeLessThan(0.07)
  // The two likeliest have 0.7: 4/7 and 3/7 are left.
  const nucleus = (await written({ temperature: 1, topP: 0.65 }, 8)).flatMap((answer) => answer.split(' '))
  expect(new Set(nucleus)).toEqual(new Set(['a', 'b']))
  expect(Math.abs(nucleus.filter((word) => word === 'a').length / nucleus.length - 4 / 7)).toBeLessThan(0.07)
  // The likeliest of all: at a temperature near 0, and with a nucleus of one.
  for (const writing of [{ temperature: 0.01 }, { temperature: 1, topP: 0.1 }, { temperature: 0 }])
    expect(new Set(await written(writing, 50))).toEqual(new Set(['a a']))
}, 300_000)
