import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunResults } from '@pare/report'
import { TINY_WORDS } from '@pare/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pareInProcess as pare } from '../testing/terminal.js'
import { writeRows, writeTinyEncoderFolder } from './tiny-encoder.test.support.js'

const WORDS = TINY_WORDS.slice(7)
/** Eighty prompts of one to four words. */
const PROMPTS = Array.from({ length: 80 }, (_, i) =>
  Array.from({ length: 1 + (i % 4) }, (_, j) => WORDS[(i * 5 + j * (2 + (i % 7))) % WORDS.length]!).join(' '),
)
const CHOICES = ['two three', 'four', 'nine one']

let cwd: string
beforeAll(async () => {
  cwd = await realpath(await mkdtemp(join(tmpdir(), 'pare-set-run-')))
  await writeTinyEncoderFolder(join(cwd, 'merged'), { isMerged: true })
  await writeTinyEncoderFolder(join(cwd, 'two'), { isMerged: false })
  await writeRows(
    join(cwd, 'answers.jsonl'),
    PROMPTS.map((prompt, i) => ({ prompt, answer: PROMPTS[(i + 1) % PROMPTS.length] })),
  )
  await writeRows(
    join(cwd, 'choices.jsonl'),
    PROMPTS.map((context, i) => ({ context, choices: CHOICES, gold: (i * 7) % 3 })),
  )
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

type Model = RunResults['models'][number]

const ASKED = {
  'word-f1': ['--metric', 'word-f1', '--data', 'answers.jsonl', '--max-tokens', '5'],
  'choice-accuracy': ['--metric', 'choice-accuracy', '--data', 'choices.jsonl', '--allow-worthless-reference'],
} as const

async function run(folder: string, out: string, ...argv: readonly string[]): Promise<readonly Model[]> {
  const words = ['run', folder, '--sparsity', '0.5', '--no-baselines', '--out', out, ...argv, '--json']
  const session = await pare(words, { cwd })
  expect(session.stdout, session.stderr).toContain('"models"')
  return (session.json() as unknown as RunResults).models as readonly Model[]
}

async function evaluated(folder: string, metric: keyof typeof ASKED): Promise<number> {
  const argv = ASKED[metric].filter((word) => word !== '--allow-worthless-reference')
  const session = await pare(['evaluate', folder, ...argv, '--json'], { cwd })
  return (session.json() as unknown as { readonly metrics: Record<string, number> }).metrics[metric]!
}

describe('pare run on an encoder with its decoder', () => {
  test.each([
    ['merged', 'word-f1'],
    ['two', 'word-f1'],
    ['two', 'choice-accuracy'],
  ] as const)('judges %s by %s: the decoder with its pruned encoder, as pare evaluate measures the folder', async (folder, metric) => {
    const out = `out-${folder}-${metric}`
    const [encoder, decoder] = (await run(folder, out, ...ASKED[metric])) as [Model, Model]
    const [before, after] = [await evaluated(folder, metric), await evaluated(join(out, folder), metric)]
    expect([encoder.set, decoder.set]).toEqual([folder, folder])
    expect(encoder.reference?.metrics[metric]).toBe(before)
    expect(decoder.reference?.metrics[metric]).toBe(before)
    expect(decoder.pruned?.metrics[metric]).toBe(after)
    expect(decoder.drop?.value).toBeCloseTo(before - after, 12)
    expect(decoder.drop?.interval).toHaveLength(2)
    expect(decoder.summary).toContain('Measured with its pruned encoder')
    expect(encoder.summary).toContain('Measured with its decoder as that was')
  })

  test('has no perplexity, which is said once for both', async () => {
    await writeRows(join(cwd, 'text.jsonl'), [{ text: 'one two three' }])
    const session = await pare(['run', 'merged', '--sparsity', '0.5', '--metric', 'perplexity', '--data', 'text.jsonl'], { cwd })
    const said = session.stdout + session.stderr
    expect([session.exitCode, said.match(/what they write is measured/g)?.length]).toEqual([2, 1])
  })

  test('the figures of the encoder are those of a folder whose encoder alone is pruned', async () => {
    const [encoder] = (await run('merged', 'out-first', ...ASKED['word-f1'])) as [Model]
    const alone = ['prune', 'merged/onnx/encoder_model.onnx', '--sparsity', '0.5', '--out', 'alone']
    expect((await pare(alone, { cwd })).exitCode).toBe(0)
    await writeTinyEncoderFolder(join(cwd, 'half'), { isMerged: true })
    const { cp } = await import('node:fs/promises')
    await cp(join(cwd, 'alone/encoder_model.onnx'), join(cwd, 'half/onnx/encoder_model.onnx'))
    expect(encoder.pruned?.metrics['word-f1']).toBe(await evaluated('half', 'word-f1'))
  })

  test('a part of a run has both, and merged they are judged as in one run', async () => {
    const whole = await run('merged', 'out-whole', ...ASKED['word-f1'])
    for (const shard of ['1/2', '2/2']) {
      const words = ['run', 'merged', '--sparsity', '0.5', '--no-baselines', '--out', 'out-parts', ...ASKED['word-f1']]
      const session = await pare([...words, '--shard', shard], { cwd })
      expect(session.exitCode, session.stdout + session.stderr).toBe(0)
    }
    const words = ['merge', 'out-parts/shards', 'merged', '--sparsity', '0.5', '--no-baselines', '--out', 'out-merged']
    const session = await pare([...words, ...ASKED['word-f1'], '--json'], { cwd })
    expect(session.stdout, session.stderr).toContain('"models"')
    const { models } = session.json() as unknown as RunResults
    const figures = (all: readonly Model[]) =>
      all.map(({ verdict, drop, pruned }) => ({ verdict, drop, metrics: pruned?.metrics }))
    expect(figures(models as readonly Model[])).toEqual(figures(whole))
  })

  test('what is carried forward is both or neither', async () => {
    const config = (sparsity: number) => ({
      models: [
        {
          path: 'merged',
          prune: [{ target: { sparsity } }],
          evaluate: { data: 'answers.jsonl', metric: 'word-f1', maxTokens: 5 },
          gate: { maxDrop: 0.9 },
          baselines: false,
        },
      ],
    })
    const file = join(cwd, 'pare.config.json')
    const { writeFile } = await import('node:fs/promises')
    await writeFile(file, JSON.stringify(config(0.2)))
    const locked = await pare(['run', '--lock', '--out', 'locked'], { cwd })
    expect(locked.exitCode, locked.stdout + locked.stderr).toBe(0)
    const again = await pare(['run', '--carry-forward', '--out', 'again', '--json'], { cwd })
    expect(((again.json() as unknown as RunResults).models as readonly Model[]).map(({ carried }) => carried)).toEqual([
      true,
      true,
    ])
    const lock = join(cwd, 'pare.lock.json')
    const held = JSON.parse(await readFile(lock, 'utf8'))
    delete held.models['merged/onnx/decoder_model_merged.onnx']
    await writeFile(lock, JSON.stringify(held))
    const neither = await pare(['run', '--carry-forward', '--out', 'neither', '--json'], { cwd })
    const models = (neither.json() as unknown as RunResults).models as readonly Model[]
    expect(models.map(({ carried, verdict }) => [carried, verdict])).toEqual([
      [undefined, 'pass'],
      [undefined, 'pass'],
    ])
    await rm(file)
  })
})
