import { cp, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { editGraph, editModel, editTensor, type Model, makePayload, openModel, readAll, writeModel } from '@pare/onnx'
import { writeTinyFolder } from '@pare/testing'
import type { Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { pareInProcess as pare } from '../../testing/terminal.js'
import { tinyPair } from './tiny-pair.test.support.js'

const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

async function work() {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'pare-pair-')))
  const { first, next } = tinyPair()
  await writeTinyFolder(join(path, 'tiny'), {
    model: 'encoder_model.onnx',
    files: {
      'config.json': JSON.stringify({ d_model: 8, d_ff: 12, d_kv: 4, num_heads: 2, num_layers: 2, num_decoder_layers: 2 }),
      'generation_config.json': undefined,
    },
  })
  await rm(join(path, 'tiny/encoder_model.onnx'))
  await writeModel(first, join(path, 'tiny/decoder_model.onnx'))
  await writeModel(next, join(path, 'tiny/decoder_with_past_model.onnx'))
  return {
    path,
    prune: (...argv: string[]) => pare(['prune', 'tiny', '--json', ...argv], { cwd: path }),
    run: (...argv: string[]) => pare(argv, { cwd: path }),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

const MEMORY = new ort.Tensor(
  'float32',
  Float32Array.from({ length: 40 }, (_, i) => Math.sin(i * 0.7)),
  [1, 5, 8],
)
const PROMPT = [5, 9, 3]
const MORE = [7, 2]

const integers = (ids: readonly number[]) => new ort.Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length])

/** What the first decoder makes of the prompt, the next one of more tokens with the caches of the first, and the first of all tokens at once: logits of the last tokens. */
async function writtenBy(folder: string) {
  const [first, next] = await Promise.all(
    ['decoder_model', 'decoder_with_past_model'].map((name) => ort.InferenceSession.create(join(folder, `${name}.onnx`))),
  )
  const prompt = await first!.run({ input_ids: integers(PROMPT), encoder_hidden_states: MEMORY })
  const caches = next!.inputNames.filter((name) => name.startsWith('past'))
  const pasts = Object.fromEntries(caches.map((name) => [name, prompt[name.replace('past_key_values', 'present')]!]))
  const more = await next!.run({ input_ids: integers(MORE), ...pasts })
  const whole = await first!.run({ input_ids: integers([...PROMPT, ...MORE]), encoder_hidden_states: MEMORY })
  return { prompt, more, whole: last(whole.logits!, MORE.length), names: { first: first!.outputNames, next: next!.inputNames } }
}

const last = ({ data }: Tensor, tokens: number) => Array.from(data as Float32Array).slice(-16 * tokens)

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length)
  expect(Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-4)
}

/** A file in which what is read behind units is 0, written by hand: rows of these matrices. */
async function zeroed(path: string, rows: Readonly<Record<string, readonly number[]>>): Promise<Model> {
  await using file = await openModel(path)
  const { graph } = file.model
  const initializers = await Promise.all(
    graph.initializers.map(async (tensor) => {
      const gone = rows[tensor.name]
      const bytes = await readAll(tensor.data)
      const numbers = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
      for (const row of gone ?? []) numbers.fill(0, row * tensor.shape[1]!, (row + 1) * tensor.shape[1]!)
      return editTensor(tensor, { data: makePayload(gone === undefined ? bytes : new Uint8Array(numbers.buffer)) })
    }),
  )
  return editModel(file.model, { graph: editGraph(graph, { initializers }) })
}

const all = (count: number) => Array.from({ length: count }, (_, i) => i)

interface Group {
  readonly id: string
  readonly removed: readonly number[]
}

/** Rows of matrices that read what a plan removes. */
function rowsBehind({ id, removed }: Group): Readonly<Record<string, readonly number[]>> {
  const neurons = /^up(\d)/.exec(id)
  if (neurons !== null) return { [`down${neurons[1]}`]: removed }
  const heads = /^(?:.*\/)?(x?)[qkv](\d):1/.exec(id)
  if (heads !== null) return { [`${heads[1]}o${heads[2]}`]: removed.flatMap((head) => all(4).map((i) => 4 * head + i)) }
  const names = { blocks: ['o', 'xo', 'down'], attention: ['o'], 'feed-forward': ['down'] }[id.split(':')[0]!]!
  return Object.fromEntries(removed.flatMap((l) => names.map((name) => [`${name}${l}`, all(name === 'down' ? 12 : 8)])))
}

describe('a decoder in two files', () => {
  test.each([
    ['heads', 'head', { num_heads: 1 }, 4],
    ['neurons', 'neuron', { d_ff: 6 }, 2],
    ['layers', 'layer', { num_decoder_layers: 1 }, 1],
  ])('loses the same %s in both: the one goes on with the caches of the other', async (_, structure, changed, groups) => {
    await using folder = await work()
    const session = await folder.prune('--structure', structure, '--ratio', '0.5')
    expect(session.exitCode, session.stdout + session.stderr).toBe(0)
    expect(session.stderr).toContain('model: decoder_model.onnx with decoder_with_past_model.onnx of tiny')
    const out = join(folder.path, 'pare-out/tiny')
    const before = JSON.parse(await readFile(join(folder.path, 'tiny/config.json'), 'utf8'))
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toEqual({ ...before, ...changed })
    const { more, whole } = await writtenBy(out)
    expectClose(last(more.logits!, MORE.length), whole)
    // The reference, masked by hand.
    const plan = JSON.parse(await readFile(join(out, 'decoder_model.plan.json'), 'utf8')) as { steps: [{ groups: Group[] }] }
    const removed = plan.steps[0].groups.filter((group) => group.removed.length > 0)
    expect(removed.length).toBe(groups)
    const rows = Object.assign({}, ...removed.map(rowsBehind))
    await writeModel(await zeroed(join(folder.path, 'tiny/decoder_model.onnx'), rows), join(folder.path, 'tiny/masked.onnx'))
    const masked = await ort.InferenceSession.create(join(folder.path, 'tiny/masked.onnx'))
    const reference = await masked.run({ input_ids: integers([...PROMPT, ...MORE]), encoder_hidden_states: MEMORY })
    expectClose(last(more.logits!, MORE.length), last(reference.logits!, MORE.length))
  })

  test('without its first layer calls the caches of the other by the first numbers, in both files', async () => {
    await using folder = await work()
    await folder.prune('--structure', 'layer', '--ratio', '0.5', '--no-prove')
    const { names } = await writtenBy(join(folder.path, 'pare-out/tiny'))
    const kinds = ['decoder', 'encoder'].flatMap((kind) => ['key', 'value'].map((each) => `0.${kind}.${each}`))
    expect(names).toEqual({
      first: ['logits', ...kinds.map((kind) => `present.${kind}`)],
      next: ['input_ids', ...kinds.map((kind) => `past_key_values.${kind}`)],
    })
  })

  test('is told by the bytes and hashes of both files, and its plan replays to the byte', async () => {
    await using folder = await work()
    const document = (await folder.prune('--structure', 'neuron', '--ratio', '0.5', '--no-prove')).json() as {
      model: { path: string; bytes: number; external: { name: string }[] }
      output: { model: string; bytes: number }
    }
    const bytesIn = async (where: string) =>
      (
        await Promise.all(
          ['decoder_model', 'decoder_with_past_model'].map((name) => readFile(join(folder.path, where, `${name}.onnx`))),
        )
      )
        .map(({ length }) => length)
        .reduce((a, b) => a + b)
    expect(document.model).toMatchObject({
      path: 'tiny/decoder_model.onnx',
      external: [{ name: 'decoder_with_past_model.onnx' }],
    })
    expect([document.model.bytes, document.output.bytes]).toEqual([await bytesIn('tiny'), await bytesIn('pare-out/tiny')])
    const again = await folder.run('replay', 'pare-out/tiny/decoder_model.plan.json', 'tiny', '--out', 'again', '--no-prove')
    expect(again.exitCode, again.stderr).toBe(0)
    for (const name of ['decoder_model.onnx', 'decoder_with_past_model.onnx', 'config.json'])
      expect(await readFile(join(folder.path, 'again', name))).toEqual(await readFile(join(folder.path, 'pare-out/tiny', name)))
  })

  test('beside an encoder is found by its plan', async () => {
    await using folder = await work()
    await cp(join(folder.path, 'tiny/decoder_model.onnx'), join(folder.path, 'tiny/encoder_model.onnx'))
    const session = await folder.prune('--structure', 'neuron', '--ratio', '0.5', '--no-prove')
    expect(session.json()).toMatchObject({
      models: [
        { output: { path: 'pare-out/tiny/encoder_model.onnx' } },
        { output: { path: 'pare-out/tiny/decoder_model.onnx' } },
      ],
    })
    await rm(join(folder.path, 'tiny/encoder_model.onnx'))
    await cp(join(folder.path, 'tiny/decoder_with_past_model.onnx'), join(folder.path, 'tiny/encoder_model.onnx'))
    const again = await folder.run('replay', 'pare-out/tiny/decoder_model.plan.json', 'tiny', '--out', 'again', '--no-prove')
    expect(again.exitCode, again.stderr).toBe(0)
    for (const name of ['decoder_model.onnx', 'decoder_with_past_model.onnx'])
      expect(await readFile(join(folder.path, 'again', name))).toEqual(await readFile(join(folder.path, 'pare-out/tiny', name)))
  })

  test('of two different models is refused, with what helps', async () => {
    await using folder = await work()
    const other = await zeroed(join(folder.path, 'tiny/decoder_with_past_model.onnx'), { up1: [3] })
    const path = join(folder.path, 'tiny/decoder_with_past_model.onnx')
    await writeModel(other, `${path}.new`)
    await writeFile(path, await readFile(`${path}.new`))
    const session = await folder.prune('--structure', 'neuron')
    expect(session.exitCode).toBe(2)
    const { error } = session.json() as unknown as { error: { message: string; hint: string } }
    expect(error.message).toContain(
      "decoder_model.onnx and decoder_with_past_model.onnx cannot be pruned as one model: 'up1' of decoder_with_past_model.onnx is not in decoder_model.onnx",
    )
    expect(error.hint).toContain('decoder_model_merged.onnx')
  })
})
