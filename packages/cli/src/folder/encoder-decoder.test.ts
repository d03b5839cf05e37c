import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TINY_WORDS } from '@pare/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pareInProcess as pare } from '../testing/terminal.js'
import { writeRows, writeTinyEncoderFolder } from './tiny-encoder.test.support.js'

const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

const PROMPTS = ['one two', 'three four five', 'six', 'seven eight nine one', 'nine nine']
let path: string
beforeAll(async () => {
  path = await realpath(await mkdtemp(join(tmpdir(), 'pare-encoder-decoder-')))
  await writeTinyEncoderFolder(join(path, 'merged'), { isMerged: true })
  await writeTinyEncoderFolder(join(path, 'two'), { isMerged: false })
  await writeTinyEncoderFolder(join(path, 'forced'), { isMerged: true, config: { forced_bos_token_id: 9 } })
  await writeTinyEncoderFolder(join(path, 'ended'), { isMerged: true, config: { forced_eos_token_id: 3 } })
})
afterAll(() => rm(path, { recursive: true, force: true }))

const evaluate = async (...argv: string[]) => pare(['evaluate', ...argv, '--json'], { cwd: path })
const metricsOf = async (...argv: string[]) => {
  const session = await evaluate(...argv)
  expect(session.stdout).toContain('metrics')
  return (session.json() as unknown as { metrics: Record<string, number> }).metrics
}

/** What transformers.js writes behind each prompt, without special tokens. */
async function generated(folder: string, tokens: number): Promise<readonly string[]> {
  const { AutoModelForSeq2SeqLM, AutoTokenizer, env } = await import('@huggingface/transformers')
  Object.assign(env, { allowRemoteModels: false, localModelPath: '' })
  const tokenizer = await AutoTokenizer.from_pretrained(folder, { local_files_only: true })
  const model = await AutoModelForSeq2SeqLM.from_pretrained(folder, { local_files_only: true, dtype: 'fp32' })
  const answers: string[] = []
  for (const prompt of PROMPTS) {
    const output = await model.generate({ ...tokenizer(prompt), max_new_tokens: tokens, do_sample: false })
    const ids = Array.from((output as { data: BigInt64Array }).data, Number)
    answers.push(tokenizer.decode(ids, { skip_special_tokens: true }))
  }
  await model.dispose()
  return answers
}

describe('an encoder with its decoder', () => {
  test.each(['merged', 'forced', 'ended'])('%s writes what transformers.js writes', async (folder) => {
    const answers = await generated(join(path, folder), 6)
    expect(new Set(answers).size).toBeGreaterThan(1)
    const most = Math.max(...answers.map((answer) => answer.split(' ').length))
    if (folder === 'ended') expect(most).toBe(5)
    const rows = PROMPTS.map((prompt, i) => ({ prompt, answer: answers[i] }))
    await writeRows(join(path, `${folder}.jsonl`), rows)
    const argv = ['--data', `${folder}.jsonl`, '--metric', 'exact-match', '--metric', 'rouge-l', '--max-tokens', '6']
    expect(await metricsOf(folder, ...argv)).toEqual({ 'exact-match': 1, 'rouge-l': 1 })
    if (folder === 'merged')
      expect(await metricsOf('two', ...argv, '--reference', 'merged')).toEqual({ 'exact-match': 1, 'rouge-l': 1 })
  })

  test('holds choices for as likely as its decoder says behind what the encoder gives', async () => {
    const questions = PROMPTS.map((context) => ({ context, choices: ['two three', 'four', 'nine one'] }))
    const likeliest = await Promise.all(questions.map(({ context, choices }) => likeliestOf(context, choices)))
    await writeRows(
      join(path, 'choices.jsonl'),
      questions.map((question, i) => ({ ...question, gold: likeliest[i] })),
    )
    expect(await metricsOf('two', '--data', 'choices.jsonl', '--metric', 'choice-accuracy')).toEqual({ 'choice-accuracy': 1 })
  })

  test('has no perplexity, which is told, and nothing is left of a set whose start nobody knows', async () => {
    await writeRows(join(path, 'text.jsonl'), [{ text: 'one two three' }])
    const session = await evaluate('two', '--data', 'text.jsonl', '--metric', 'perplexity')
    expect([session.exitCode, session.stdout]).toEqual([2, expect.stringContaining('what they write is measured')])
    await writeTinyEncoderFolder(join(path, 'startless'), { isMerged: true, config: { decoder_start_token_id: undefined } })
    await writeRows(join(path, 'prompts.jsonl'), [{ prompt: 'one', answer: 'two' }])
    const startless = await evaluate('startless', '--data', 'prompts.jsonl', '--metric', 'exact-match')
    expect([startless.exitCode, startless.stdout]).toEqual([2, expect.stringContaining('no decoder_start_token_id')])
  })
})

/** The choice whose tokens have the highest probability, by ONNX Runtime over the decoder that begins. */
async function likeliestOf(context: string, choices: readonly string[]): Promise<number> {
  const idsOf = (text: string) => text.split(' ').map((word) => TINY_WORDS.indexOf(word))
  const tensor = (values: readonly number[]) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const run = async (model: string, feeds: Record<string, import('onnxruntime-node').Tensor>, output: string) => {
    const session = await ort.InferenceSession.create(join(path, 'two/onnx', model))
    const results = await session.run(feeds)
    await session.release()
    return results[output]!
  }
  const source = [2, ...idsOf(context)]
  const states = await run(
    'encoder_model.onnx',
    { input_ids: tensor(source), attention_mask: tensor(source.map(() => 1)) },
    'last_hidden_state',
  )
  const likelihoods: number[] = []
  for (const choice of choices) {
    const ids = idsOf(choice)
    const feeds = { input_ids: tensor([0, ...ids.slice(0, -1)]), encoder_hidden_states: states }
    const logits = (await run('decoder_model.onnx', feeds, 'logits')).data as Float32Array
    let sum = 0
    for (const [at, id] of ids.entries()) {
      const row = logits.slice(16 * at, 16 * (at + 1))
      sum += row[id]! - Math.log(row.reduce((all, logit) => all + Math.exp(logit), 0))
    }
    likelihoods.push(sum)
  }
  return likelihoods.indexOf(Math.max(...likelihoods))
}
