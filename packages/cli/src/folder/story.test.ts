import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TINY_WORDS, writeTinyFolder } from '@pare/testing'
import { expect, test } from 'vitest'
import { pareInProcess as pare } from '../testing/terminal.js'
import { writeRows } from './tiny-encoder.test.support.js'

const PROMPTS = ['one two', 'three four five', 'six', 'seven eight nine one']
const wordAt = (i: number) => TINY_WORDS[7 + (i % 9)]!

/** What transformers.js writes behind each prompt. */
async function generated(folder: string): Promise<readonly string[]> {
  const { AutoModelForCausalLM, AutoTokenizer, env } = await import('@huggingface/transformers')
  Object.assign(env, { allowRemoteModels: false, localModelPath: '' })
  const tokenizer = await AutoTokenizer.from_pretrained(folder, { local_files_only: true })
  const model = await AutoModelForCausalLM.from_pretrained(folder, { local_files_only: true, dtype: 'fp32' })
  const answers: string[] = []
  for (const prompt of PROMPTS) {
    const inputs = tokenizer(prompt)
    const output = (await model.generate({ ...inputs, max_new_tokens: 5, do_sample: false })) as { data: BigInt64Array }
    const ids = Array.from(output.data, Number).slice(inputs.input_ids.dims[1])
    answers.push(ids.length === 0 ? '' : tokenizer.decode(ids, { skip_special_tokens: true }))
  }
  await model.dispose()
  return answers
}

test('a folder is pruned, repaired, judged on questions by the gate, and the folder that comes out writes in pare what it writes in transformers.js', async () => {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'pare-story-')))
  try {
    await writeTinyFolder(join(path, 'tiny'))
    const text = Array.from({ length: 200 }, (_, i) => wordAt(i * i + 3 * i)).join(' ')
    await writeFile(join(path, 'text.txt'), text)
    const questions = Array.from({ length: 60 }, (_, i) => ({
      context: `${wordAt(i)} ${wordAt(2 * i + 1)}`,
      choices: [wordAt(i + 2), wordAt(i + 4), wordAt(i + 7)],
      gold: i % 3,
    }))
    await writeRows(join(path, 'choices.jsonl'), questions)
    const config = {
      models: [{ path: 'tiny' }],
      prune: [{ structure: 'neuron', target: { ratio: 0.25 }, uniform: true }],
      calibrate: { data: 'text.txt', length: 16 },
      recover: 'repair',
      evaluate: { data: 'choices.jsonl', metric: 'choice-accuracy' },
      gate: { maxDrop: 0.6, allowWorthlessReference: true },
    }
    await writeFile(join(path, 'pare.config.json'), JSON.stringify(config))
    const run = await pare(['run', '--json'], { cwd: path })
    expect(run.json()).toMatchObject({ models: [{ path: 'tiny/onnx/model.onnx', verdict: 'pass' }] })
    const out = join(path, 'pare-out/tiny')
    const answers = await generated(out)
    expect(answers.join('')).not.toBe('')
    await writeRows(
      join(path, 'answers.jsonl'),
      PROMPTS.flatMap((prompt, i) => (answers[i] === '' ? [] : [{ prompt, answer: answers[i] }])),
    )
    const argv = ['evaluate', 'pare-out/tiny', '--data', 'answers.jsonl', '--metric', 'exact-match', '--max-tokens', '5']
    expect((await pare([...argv, '--json'], { cwd: path })).json()).toMatchObject({ metrics: { 'exact-match': 1 } })
  } finally {
    await rm(path, { recursive: true, force: true })
  }
}, 300_000)
