import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeTinyEncoderFolder } from '../folder/tiny-encoder.test.support.js'
import { type Folder, fixture } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

const WORDS = ['<pad>', '<unk>', 'the', 'cat', 'sat', 'on', 'a', 'mat', 'never', 'said', '</s>', 'again']
const TOKENIZER = {
  version: '1.0',
  added_tokens: [
    { id: 0, content: '<pad>', special: true },
    { id: 10, content: '</s>', special: true },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: null,
  decoder: null,
  model: { type: 'WordLevel', unk_token: '<unk>', vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])) },
}

/** A step of a language model: the next word follows from this one. */
const model = (size: number) =>
  parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     words (int64[N, T] input_ids) => (float[N, T, ${size}] logits)
     <float[${size}, 4] table, float[4, ${size}] head>
     { x = Gather(table, input_ids)
       logits = MatMul(x, head) }`,
    {
      table: Float32Array.from({ length: 4 * size }, (_, i) => Math.sin(3 * i)),
      head: Float32Array.from({ length: 4 * size }, (_, i) => Math.cos(5 * i)),
    },
  )

let folder: Folder
beforeEach(async () => {
  folder = await fixture(undefined, { 'corpus.txt': 'the cat sat on a mat the cat sat' })
  await mkdir(join(folder.path, 'lm/onnx'), { recursive: true })
  const put = (name: string, text: string) => writeFile(join(folder.path, 'lm', name), text)
  await writeFile(join(folder.path, 'lm/onnx/model.onnx'), await modelBytes(model(12)))
  await put('tokenizer.json', JSON.stringify(TOKENIZER))
  await put('config.json', JSON.stringify({ model_type: 'llama', vocab_size: 12, pad_token_id: 0, eos_token_id: 11 }))
  await put('vocab.json', '{}')
  await put('special_tokens_map.json', '{"eos_token":"</s>"}')
})
afterEach(() => folder[Symbol.asyncDispose]())

const run = (...args: readonly string[]) => pare(['vocabulary', ...args], { cwd: folder.path })
const json = async (path: string) => JSON.parse(await readFile(join(folder.path, path), 'utf8'))

describe('pare vocabulary', () => {
  it('leaves out tokens that the texts never use, in the model, the tokenizer and the configs, and proves it', async () => {
    const { exitCode, stdout } = await run('lm', '--text', 'corpus.txt', '--out', 'out')
    expect(exitCode).toBe(0)
    // What the texts use, the special ones, the unknown one, and the id that config.json names.
    const kept = ['<pad>', '<unk>', 'the', 'cat', 'sat', 'on', 'a', 'mat', '</s>', 'again']
    expect(stdout).toContain('tokens   12 → 10 (83.3 %): the texts hold 9, 6 of them different')
    expect(stdout).toContain('1 window of text the same tokens; 90 numbers of 1 window the same bit for bit')
    expect(Object.keys((await json('out/tokenizer.json')).model.vocab)).toEqual(kept)
    expect(await json('out/config.json')).toEqual({ model_type: 'llama', vocab_size: 10, pad_token_id: 0, eos_token_id: 9 })
    expect(await readdir(join(folder.path, 'out'))).not.toContain('vocab.json')
    expect(await json('out/special_tokens_map.json')).toEqual({ eos_token: '</s>' })
    const { steps } = await json('out/onnx/model.plan.json')
    expect(steps).toMatchObject([{ kind: 'vocabulary', units: 12, groups: ['table:0', 'head:1'] }])
    const before = await readFile(join(folder.path, 'out/onnx/model.onnx'))
    const replayed = await pare(['replay', 'out/onnx/model.plan.json', 'lm/onnx/model.onnx', '--out', 'again'], {
      cwd: folder.path,
    })
    expect(replayed.exitCode).toBe(0)
    expect(await readFile(join(folder.path, 'again/model.onnx'))).toEqual(before)
  })

  it('keeps what a list names besides, and leaves the same tokens out of an encoder and both of its decoders', async () => {
    await writeTinyEncoderFolder(join(folder.path, 't5'), { isMerged: false })
    await writeFile(join(folder.path, 'texts.txt'), 'one two three one')
    await writeFile(join(folder.path, 'keep.txt'), 'nine\nid:12\n')
    const argv = ['t5', '--text', 'texts.txt', '--keep', 'keep.txt', '--out', 'out', '--json']
    const { exitCode, stdout } = await run(...argv)
    expect(exitCode).toBe(0)
    const kept = ['pad', 'unk', 'begin', 'end', 'one', 'two', 'three', 'six', 'nine']
    expect(Object.keys((await json('out/tokenizer.json')).model.vocab)).toEqual(kept)
    const { models, tokens } = JSON.parse(stdout) as { models: { proof: unknown }[]; tokens: unknown }
    expect(tokens).toMatchObject({ used: 3, listed: 2, kept: 9, before: 16 })
    expect(models.map(({ proof }) => proof)).toMatchObject(Array(3).fill({ different: 0, outputs: { different: 0 } }))
    // The set still writes.
    await writeFile(join(folder.path, 'prompts.jsonl'), JSON.stringify({ prompt: 'one two', answer: 'nine' }))
    const evaluated = await pare(['evaluate', 'out', '--data', 'prompts.jsonl', '--metric', 'exact-match', '--max-tokens', '2'], {
      cwd: folder.path,
    })
    expect(evaluated.exitCode).toBe(0)
  })

  it('takes a model alone, with the tokenizer that is named', async () => {
    const { exitCode, stdout } = await run(
      'lm/onnx/model.onnx',
      '--tokenizer',
      'lm/tokenizer.json',
      '--text',
      'corpus.txt',
      '--out',
      'out',
      '--json',
    )
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      tokens: { tokens: 9, used: 6, kept: 9, before: 12 },
      proof: { different: 0, outputs: { different: 0 } },
    })
    expect((await readdir(join(folder.path, 'out'))).sort()).toEqual([
      'README.md',
      'model.onnx',
      'model.plan.json',
      'tokenizer.json',
    ])
  })

  it.each([
    [['lm/onnx/model.onnx', '--text', 'corpus.txt'], 'no tokenizer.json beside lm/onnx/model.onnx'],
    [['lm', '--text', 'none.txt'], "text 'none.txt' is not a file"],
    [['lm', '--text', 'corpus.txt', '--keep', 'none.txt'], "keep 'none.txt' is not a file"],
    [['lm', '--tokenizer', 'none.json', '--text', 'corpus.txt'], 'none.json is not a file'],
    [['lm', '--tokenizer', 'corpus.txt', '--text', 'corpus.txt'], 'corpus.txt is not JSON'],
    [['none', '--text', 'corpus.txt'], 'none'],
    [['lm'], "required option '--text <file>' not specified"],
  ])('%j: %s', async (args, message) => {
    const { exitCode, stderr } = await run(...args)
    expect(stderr).toContain(message)
    expect(exitCode).toBe(2)
  })

  it('refuses a tokenizer that knows more tokens than the model', async () => {
    await writeFile(join(folder.path, 'lm/onnx/model.onnx'), await modelBytes(model(5)))
    const { exitCode, stderr } = await run('lm', '--text', 'corpus.txt', '--out', 'out')
    expect(stderr).toContain('the tokenizer makes the id 5, and the model has 5 tokens')
    expect(exitCode).not.toBe(0)
    expect(await readdir(folder.path)).not.toContain('out')
  })
})
