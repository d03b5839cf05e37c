import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openModel } from '@pare/onnx'
import { type TinyFolderOptions, writeTinyFolder } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { pare } from '../testing/terminal.js'

const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

async function work(options: TinyFolderOptions = {}) {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'pare-folder-')))
  await writeTinyFolder(join(path, 'tiny'), options)
  return {
    path,
    prune: (...argv: string[]) => pare(['prune', 'tiny', '--json', '--no-prove', ...argv], { cwd: path }),
    read: (name: string) => readFile(join(path, 'pare-out/tiny', name), 'utf8'),
    config: async (name = 'config.json') => JSON.parse(await readFile(join(path, 'pare-out/tiny', name), 'utf8')),
    async files(folder: string) {
      const entries = await readdir(join(path, folder), { recursive: true, withFileTypes: true })
      const files = entries.filter((entry) => !entry.isDirectory())
      return files.map((entry) => join(entry.parentPath, entry.name).slice(join(path, folder).length + 1)).sort()
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** The token that ends a text: not chosen, as transformers.js does not before its `min_new_tokens`. */
const END = 3

/** What the model puts out for all of these tokens at once, without a cache: 16 numbers for each. */
async function logitsOf(model: string, ids: readonly number[]): Promise<number[]> {
  await using file = await openModel(model)
  const caches = file.model.graph.inputs.filter(({ name }) => name.startsWith('past'))
  const whole = (values: readonly number[]) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const empty = caches.map(({ name, shape }) => {
    const dims = [1, Number(shape![1]), 0, Number(shape![3])]
    return [name, new ort.Tensor('float32', new Float32Array(0), dims)] as const
  })
  const session = await ort.InferenceSession.create(model)
  const { logits } = await session.run({
    ...Object.fromEntries(empty),
    input_ids: whole(ids),
    attention_mask: whole(ids.map(() => 1)),
    position_ids: whole(ids.map((_, position) => position)),
  })
  await session.release()
  return Array.from(logits!.data as Float32Array)
}

/** Greedy tokens behind a prompt: each from a run over everything before it. */
async function greedy(model: string, prompt: readonly number[], count: number): Promise<number[]> {
  const ids = [...prompt]
  for (let i = 0; i < count; i++) {
    const last = (await logitsOf(model, ids)).slice(-16)
    last[END] = Number.NEGATIVE_INFINITY
    ids.push(last.indexOf(Math.max(...last)))
  }
  return ids.slice(prompt.length)
}

/** The same, as transformers.js does it: config and tokenizer from the folder, the cache made by what config.json says. */
async function generated(folder: string, prompt: string, count: number): Promise<{ prompt: number[]; tokens: number[] }> {
  const { AutoModelForCausalLM, AutoTokenizer, env } = await import('@huggingface/transformers')
  Object.assign(env, { allowRemoteModels: false, localModelPath: '' })
  const tokenizer = await AutoTokenizer.from_pretrained(folder, { local_files_only: true })
  const model = await AutoModelForCausalLM.from_pretrained(folder, { local_files_only: true, dtype: 'fp32' })
  const inputs = tokenizer(prompt)
  const output = await model.generate({ ...inputs, max_new_tokens: count, min_new_tokens: count, do_sample: false })
  const all = Array.from((output as { data: BigInt64Array }).data, Number)
  const length = inputs.input_ids.dims[1]
  await model.dispose()
  return { prompt: all.slice(0, length), tokens: all.slice(length) }
}

describe('a folder as transformers.js has it', () => {
  test.each([
    ['some heads', ['--structure', 'head', '--ratio', '0.5'], { num_attention_heads: 2, num_key_value_heads: 1, head_dim: 2 }],
    ['some queries', ['--structure', 'head:queries=true', '--ratio', '0.5'], { num_attention_heads: 2, head_dim: 2 }],
    ['some neurons', ['--structure', 'neuron', '--ratio', '0.25'], { intermediate_size: 9 }],
    ['some of the width', ['--structure', 'hidden', '--ratio', '0.25'], { hidden_size: 6, head_dim: 2 }],
  ])('comes out without %s, and transformers.js generates with it what ONNX Runtime does', async (_, argv, changed) => {
    await using folder = await work()
    const session = await folder.prune(...argv)
    expect(session.stderr).toContain('model: onnx/model.onnx of tiny')
    expect(session.exitCode).toBe(0)
    const before = JSON.parse(await readFile(join(folder.path, 'tiny/config.json'), 'utf8'))
    expect(await folder.config()).toEqual({ ...before, ...changed })
    const out = join(folder.path, 'pare-out/tiny')
    const { prompt, tokens } = await generated(out, 'one two three', 6)
    expect(prompt).toEqual([2, 7, 8, 9])
    expect(tokens).toEqual(await greedy(join(out, 'onnx/model.onnx'), [2, 7, 8, 9], 6))
  })

  test('comes out without a layer: the list of layers is shorter, and everything else stays to the byte', async () => {
    await using folder = await work()
    expect((await folder.prune('--structure', 'layer', '--ratio', '0.5')).exitCode).toBe(0)
    const text = await readFile(join(folder.path, 'tiny/config.json'), 'utf8')
    const kept = (await folder.config()).layer_types
    expect([['full_attention'], ['sliding_attention']]).toContainEqual(kept)
    expect(await folder.read('config.json')).toBe(
      text
        .replace('"num_hidden_layers": 2', '"num_hidden_layers": 1')
        .replace(/\[\n\s+"full[^\]]*\]/, `[\n    "${kept[0]}"\n  ]`),
    )
    const out = join(folder.path, 'pare-out/tiny')
    const { tokens } = await generated(out, 'five six', 5)
    expect(tokens).toEqual(await greedy(join(out, 'onnx/model.onnx'), [2, 11, 12], 5))
  })

  test('is the output in JSON, with what was edited and what was left', async () => {
    await using folder = await work({
      files: {
        ...{
          'onnx/model_quantized.onnx': 'x',
          'onnx/model_q4.onnx': 'x',
          'onnx/model_q4.onnx_data': 'x',
          'model.safetensors': 'x',
        },
        ...{
          'pytorch_model.bin': 'x',
          'train.jsonl': '{}',
          'spiece.model': 'tokens',
          '1_Pooling/config.json': '{"dim": 8}',
          '.env': 'secret',
        },
      },
    })
    const { output } = (await folder.prune('--structure', 'neuron', '--ratio', '0.25')).json() as {
      output: Record<string, unknown>
    }
    expect(output).toMatchObject({
      path: 'pare-out/tiny',
      model: 'pare-out/tiny/onnx/model.onnx',
      edits: [{ file: 'config.json', key: 'intermediate_size', before: 12, after: 9 }],
      left: [
        { path: 'model.safetensors', reason: 'weights of another run time' },
        { path: 'onnx/model_q4.onnx', reason: 'another variant' },
        { path: 'onnx/model_q4.onnx_data', reason: 'another variant' },
        { path: 'onnx/model_quantized.onnx', reason: 'another variant' },
        { path: 'pytorch_model.bin', reason: 'weights of another run time' },
        { path: 'train.jsonl', reason: 'data, or a config of pare' },
      ],
    })
    expect(await folder.files('pare-out/tiny')).toEqual([
      ...[
        '1_Pooling/config.json',
        'README.md',
        'config.json',
        'generation_config.json',
        'onnx/model.onnx',
        'onnx/model.plan.json',
      ],
      ...['spiece.model', 'tokenizer.json', 'tokenizer_config.json'],
    ])
    expect(await folder.files('')).not.toContain('pare-out/.pare-publish.lock')
  })

  test('with layers that would differ is an error before anything is written, which --uniform cures', async () => {
    await using folder = await work()
    const argv = ['--structure', 'neuron', '--ratio', '0.4', '--scope', 'global']
    const session = await folder.prune(...argv)
    expect(session.exitCode).toBe(2)
    const { error } = session.json() as unknown as { error: { message: string; hint: string } }
    expect(error.message).toMatch(
      /config\.json of tiny holds intermediate_size as one number \(12\), and the layers would differ: \d+ in .*; \d+ in /,
    )
    expect(error.hint).toContain('--uniform')
    expect(await folder.files('')).toEqual(
      await folder.files('').then((files) => files.filter((file) => file.startsWith('tiny/'))),
    )
    expect((await folder.prune(...argv, '--uniform')).exitCode).toBe(0)
    expect((await folder.config()).intermediate_size).toBeLessThan(12)
  })

  test('says in its README what was done, once, behind what stood there', async () => {
    const card = '---\nlicense: mit\n---\n# Tiny\n\nA model.\n'
    await using folder = await work({ files: { 'README.md': card } })
    await folder.prune('--structure', 'neuron', '--ratio', '0.25')
    const once = await folder.read('README.md')
    expect(once.startsWith(`${card}\n<!-- pare:begin -->`)).toBe(true)
    expect(once).toContain('magnitude on neuron')
    expect(once).toContain('6 of 24 neuron units in 2 groups removed')
    // Pruned again: the section is replaced.
    await cp(join(folder.path, 'pare-out/tiny'), join(folder.path, 'again'), { recursive: true })
    await pare(['prune', 'again', '--structure', 'head', '--ratio', '0.5', '--no-prove'], { cwd: folder.path })
    const twice = await readFile(join(folder.path, 'pare-out/again/README.md'), 'utf8')
    expect(twice.match(/pare:begin/g)).toHaveLength(1)
    expect(twice).toContain('magnitude on head')
    expect(twice.startsWith(card)).toBe(true)
  })

  test('goes over no file that pare did not write', async () => {
    await using folder = await work()
    await mkdir(join(folder.path, 'other'))
    await writeFile(join(folder.path, 'other/README.md'), '# Other\n')
    const session = await folder.prune('--structure', 'neuron', '--out', 'other')
    expect(session.exitCode).toBe(2)
    expect(session.stdout).toContain('that pare did not write')
    expect(await folder.files('other')).toEqual(['README.md'])
    expect((await folder.prune('--structure', 'neuron', '--out', 'tiny')).exitCode).toBe(2)
  })

  test('whose files are links: those beside are left and named, a config is refused', async () => {
    await using folder = await work({ files: { 'tokenizer.json': undefined } })
    await writeFile(join(folder.path, 'elsewhere.json'), '{}')
    await symlink('../elsewhere.json', join(folder.path, 'tiny/tokenizer.json'))
    const { output } = (await folder.prune('--structure', 'neuron')).json() as unknown as { output: { left: unknown[] } }
    expect(output.left).toEqual([{ path: 'tokenizer.json', reason: 'a link, and links are not followed' }])
    await rm(join(folder.path, 'tiny/config.json'))
    await symlink('../elsewhere.json', join(folder.path, 'tiny/config.json'))
    const refused = await folder.prune('--structure', 'neuron')
    expect(refused.exitCode).toBe(2)
    expect(refused.stdout).toContain('config.json is a link')
  })

  test('is understood by inspect, bench, evaluate, run and replay', async () => {
    await using folder = await work({ model: 'model.onnx' })
    await writeFile(join(folder.path, 'text.txt'), 'one two three four five six seven eight nine one three five')
    await folder.prune('--structure', 'head', '--ratio', '0.5')
    const cli = (...argv: string[]) => pare([...argv, '--json'], { cwd: folder.path })
    expect((await cli('inspect', 'tiny')).json()).toMatchObject({ model: { path: 'tiny' } })
    const bench = await cli('bench', 'tiny', 'pare-out/tiny', '--runs', '6')
    expect([bench.exitCode, bench.stderr]).toEqual([0, expect.stringContaining('model: model.onnx of tiny')])
    const replayed = await cli('replay', 'pare-out/tiny/model.plan.json', 'tiny', '--out', 'replayed')
    expect(replayed.json()).toMatchObject({ output: { path: 'replayed', model: 'replayed/model.onnx' } })
    expect(await readFile(join(folder.path, 'replayed/config.json'))).toEqual(
      await readFile(join(folder.path, 'pare-out/tiny/config.json')),
    )
    await rm(join(folder.path, 'pare-out'), { recursive: true })
    const config = {
      models: [{ path: 'tiny' }],
      prune: [{ structure: 'head', target: { ratio: 0.5 } }],
      evaluate: { data: 'text.txt', tokenizer: 'tiny/tokenizer.json', length: 4 },
      gate: { maxDrop: { relative: 0.9 }, allowWorthlessReference: true },
    }
    await writeFile(join(folder.path, 'pare.config.json'), JSON.stringify(config))
    const run = await cli('run')
    expect(run.json()).toMatchObject({ models: [{ path: 'tiny/model.onnx', pruned: { path: 'pare-out/tiny/model.onnx' } }] })
    expect((await folder.config()).num_attention_heads).toBe(2)
    expect(await folder.read('README.md')).toMatch(/measured: perplexity .* → .* on 3 samples/)
  })
})

test('the tokenizer of the folder reads the data, and of a conversation the answers are measured', async () => {
  await using folder = await work()
  const messages = [
    { role: 'user', content: 'one two' },
    { role: 'assistant', content: 'three four' },
  ]
  await writeFile(join(folder.path, 'chat.jsonl'), JSON.stringify({ messages }))
  const evaluated = await pare(['evaluate', 'tiny', '--data', 'chat.jsonl', '--json'], { cwd: folder.path })
  // begin user one two end assistant three four end: three, four and the end count.
  const ids = [2, 4, 7, 8, 3, 5, 9, 10, 3]
  const logits = await logitsOf(join(folder.path, 'tiny/onnx/model.onnx'), ids)
  const losses = [6, 7, 8].map((at) => {
    const row = logits.slice(16 * (at - 1), 16 * at)
    return Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[ids[at]!]!
  })
  const { metrics } = evaluated.json() as unknown as { metrics: { perplexity: number } }
  expect(metrics.perplexity).toBeCloseTo(Math.exp((losses[0]! + losses[1]! + losses[2]!) / 3), 4)
  const calibrated = await folder.prune('--criterion', 'wanda', '--calibrate', 'chat.jsonl')
  expect(calibrated.json()).toMatchObject({ calibration: { samples: 1 } })
  await writeFile(join(folder.path, 'x.npz'), '')
  const stray = await folder.prune('--criterion', 'wanda', '--calibrate', 'x.npz', '--tokenizer', 'tiny/tokenizer.json')
  expect(stray.stdout).toContain('x.npz holds no text: a tokenizer does nothing for it.')
  const mixed = ['--criterion', 'wanda', '--calibrate', 'x.npz', '--train', 'chat.jsonl', '--recover', 'retrain']
  expect((await folder.prune(...mixed, '--tokenizer', 'tiny/tokenizer.json')).stdout).not.toContain('holds no text')
})

describe('a folder as onnxruntime-genai has it', () => {
  const genai = {
    model: {
      type: 'llama',
      vocab_size: 16,
      decoder: {
        filename: 'decoder.onnx',
        head_size: 2,
        hidden_size: 8,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        num_hidden_layers: 2,
      },
    },
  }

  test('has its model by the name that genai_config.json says, and its numbers edited there', async () => {
    await using folder = await work({
      model: 'decoder.onnx',
      files: { 'config.json': undefined, 'genai_config.json': JSON.stringify(genai, null, 4), 'model.onnx': 'another' },
    })
    const session = await folder.prune('--structure', 'head', '--ratio', '0.5')
    expect(session.stderr).toContain('model: decoder.onnx of tiny, as genai_config.json says')
    const { decoder } = genai.model
    expect(await folder.config('genai_config.json')).toEqual({
      model: { ...genai.model, decoder: { ...decoder, num_attention_heads: 2, num_key_value_heads: 1 } },
    })
  })

  test('without the file that is named is refused', async () => {
    await using folder = await work({ files: { 'genai_config.json': JSON.stringify(genai) } })
    const session = await folder.prune()
    expect([session.exitCode, session.stdout]).toEqual([
      2,
      expect.stringContaining('\\"decoder.onnx\\", and there is no such file'),
    ])
  })
})

test('a folder without a model, or with several of which none is meant, says what to do', async () => {
  await using none = await work({ model: 'tokenizer.onnx.txt' })
  expect((await none.prune()).stdout).toContain('a folder without an ONNX model')
  await using several = await work({ model: 'a.onnx', files: { 'b.onnx': 'x' } })
  const { error } = (await several.prune()).json() as unknown as { error: { message: string; hint: string } }
  expect(error.message).toContain('a folder of 2 models, none of them called model.onnx: a.onnx, b.onnx')
  expect(error.hint).toBe('name the file: tiny/a.onnx')
})

test('an encoder and a decoder go together, and share the numbers of one config', async () => {
  await using folder = await work({
    model: 'encoder_model.onnx',
    files: { 'config.json': JSON.stringify({ d_model: 8, d_ff: 12, num_heads: 4, num_layers: 2, num_decoder_layers: 2 }) },
  })
  await cp(join(folder.path, 'tiny/encoder_model.onnx'), join(folder.path, 'tiny/decoder_model.onnx'))
  const session = await folder.prune('--structure', 'neuron', '--ratio', '0.25')
  expect(session.json()).toMatchObject({
    models: [{ output: { path: 'pare-out/tiny/encoder_model.onnx' } }, { output: { path: 'pare-out/tiny/decoder_model.onnx' } }],
    output: { path: 'pare-out/tiny', edits: [{ file: 'config.json', key: 'd_ff', before: 12, after: 9 }] },
  })
  await folder.prune('--structure', 'layer', '--ratio', '0.5')
  expect(await folder.config()).toEqual({ d_model: 8, d_ff: 12, num_heads: 4, num_layers: 1, num_decoder_layers: 1 })
  expect((await pare(['inspect', 'tiny'], { cwd: folder.path })).stdout).toContain('tiny/decoder_model.onnx  (')
})
