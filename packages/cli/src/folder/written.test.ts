import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeModel } from '@pare/onnx'
import { tinyModels, writeTinyFolder } from '@pare/testing'
import { expect, test } from 'vitest'
import { pareInProcess as pare } from '../testing/terminal.js'

/** What transformers.js writes behind prompts, greedily, up to the token that ends a text. */
async function written(folder: string, prompts: readonly string[], count: number): Promise<string[]> {
  const { AutoModelForCausalLM, AutoTokenizer, env } = await import('@huggingface/transformers')
  Object.assign(env, { allowRemoteModels: false, localModelPath: '' })
  const tokenizer = await AutoTokenizer.from_pretrained(folder, { local_files_only: true })
  const model = await AutoModelForCausalLM.from_pretrained(folder, { local_files_only: true, dtype: 'fp32' })
  const texts: string[] = []
  for (const prompt of prompts) {
    const inputs = tokenizer(prompt)
    const output = await model.generate({ ...inputs, max_new_tokens: count, do_sample: false })
    const all = Array.from((output as { data: BigInt64Array }).data, Number).slice(inputs.input_ids.dims[1])
    texts.push(all.length === 0 ? '' : tokenizer.decode(all, { skip_special_tokens: true }))
  }
  await model.dispose()
  return texts
}

test('answers that a folder writes are those of transformers.js, with the cache', async () => {
  const path = await mkdtemp(join(tmpdir(), 'pare-written-'))
  try {
    await writeTinyFolder(join(path, 'tiny'))
    const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
    const prompts = words.flatMap((word, i) => [word, `${word} ${words[(i * 5 + 2) % 9]}`, `${word} one ${word} ${words[8 - i]}`])
    const answers = await written(join(path, 'tiny'), prompts, 6)
    expect(new Set(answers).size).toBeGreaterThan(5)
    const rows = prompts.flatMap((prompt, i) => (answers[i] === '' ? [] : [{ prompt, completion: answers[i] }]))
    expect(rows.length).toBeGreaterThan(9)
    await writeFile(join(path, 'val.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'))
    const argv = ['evaluate', 'tiny', '--data', 'val.jsonl', '--metric', 'exact-match', '--max-tokens', '6', '--json']
    const { exitCode, json, stderr } = await pare(argv, { cwd: path })
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('model: onnx/model.onnx of tiny')])
    expect(json()).toMatchObject({ metrics: { 'exact-match': 1 }, samples: rows.length })
    // Each export of the same weights writes the same, merged ones with the branch that continues the cache.
    for (const [name, make] of Object.entries(tinyModels).filter(([each]) => /decoder/.test(each))) {
      await writeModel(make(), join(path, 'tiny/onnx/model.onnx'))
      const other = await pare(argv, { cwd: path })
      expect([name, other.json()]).toMatchObject([name, { metrics: { 'exact-match': 1 } }])
    }
  } finally {
    await rm(path, { recursive: true, force: true })
  }
}, 300_000)
