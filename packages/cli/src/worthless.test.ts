import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { fixture } from './testing/folder.js'
import { pareInProcess as pare } from './testing/terminal.js'

/** Every model passes its input through a matrix that is half zeros already: pruning by half takes nothing away, so nothing is ever lost. */
const scores = (diagonal: string) => `<ir_version: 8, opset_import: ["" : 17]>
  scores (float[N, 4] x) => (float[N, 4] y) <float[4, 4] w = {${diagonal}}> { y = MatMul(x, w) }`
const IDENTITY = scores('1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1')
const NOTHING = scores('0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0')

/** A language model of 8 tokens that expects the next one in turn. */
const table = Array.from({ length: 64 }, (_, i) => ((Math.floor(i / 8) + 1) % 8 === i % 8 ? 4 : 0)).join(', ')
const BIGRAM = `<ir_version: 8, opset_import: ["" : 17]>
  bigram (int64[N, 6] input_ids) => (float[N, 6, 8] logits) <float[8, 8] w = {${table}}> {
    rows = Gather(w, input_ids)
    some = MatMul(rows, eye)
    logits = Identity(some)
  }`.replace('> {', `, float[8, 8] eye = {${Array.from({ length: 64 }, (_, i) => Number(i % 9 === 0)).join(', ')}}> {`)

const CLASSES = Array.from({ length: 40 }, (_, i) => (i * 7 + Math.floor(i / 4)) % 4)

/** A line a sample: scores that are largest at a class, and a label. */
function samples(
  labelOf: (best: number, i: number) => number | readonly number[],
  scoreOf = (best: number, at: number) => Number(at === best),
): string {
  return CLASSES.map((best, i) => {
    const x = [0, 1, 2, 3].map((at) => scoreOf(best, at))
    return JSON.stringify({ x, label: labelOf(best, i) })
  }).join('\n')
}

const tokens = (next: (token: number, i: number) => number) =>
  Array.from({ length: 20 }, (_, i) => {
    const ids = [i % 8]
    while (ids.length < 6) ids.push(next(ids.at(-1)!, i + ids.length))
    return JSON.stringify({ input_ids: ids })
  }).join('\n')

const right = samples((best) => best)
/** Each class meets each label about as often. */
const shuffled = samples((_, i) => Math.floor(i / 4) % 4)

interface Case {
  readonly model: string
  readonly data: string
  readonly metric: string
  readonly limit: string
}

const good: readonly (readonly [string, Case])[] = [
  ...(['accuracy', 'top-2', 'f1'] as const).map(
    (metric) => [`${metric} of right labels`, { model: IDENTITY, data: right, metric, limit: '--max-drop=0.01' }] as const,
  ),
  ['cross-entropy of right labels', { model: IDENTITY, data: right, metric: 'cross-entropy', limit: '--max-drop=relative=0.01' }],
  ['agreement over varied inputs', { model: IDENTITY, data: right, metric: 'agreement', limit: '--max-drop=0.01' }],
  ['kl over varied inputs', { model: IDENTITY, data: right, metric: 'kl', limit: '--max=0.01' }],
  ...(['mse', 'mae'] as const).map((metric) => {
    const data = samples((best) => [0, 1, 2, 3].map((at) => Number(at === best) + 0.01 * at))
    return [`${metric} of targets near by`, { model: IDENTITY, data, metric, limit: '--max-drop=relative=0.01' }] as const
  }),
  [
    'perplexity of text in the order that is expected',
    { model: BIGRAM, data: tokens((token) => (token + 1) % 8), metric: 'perplexity', limit: '--max-drop=relative=0.01' },
  ],
]

const bad: readonly (readonly [string, Case, string])[] = [
  [
    'labels numbered otherwise',
    { model: IDENTITY, data: samples((best) => (best + 3) % 4), metric: 'accuracy', limit: '--max-drop=0.01' },
    'With labels + 1 (and 3 → 0) accuracy would be 1.',
  ],
  ...(['accuracy', 'f1'] as const).map(
    (metric) =>
      [
        `shuffled labels, by ${metric}`,
        { model: IDENTITY, data: shuffled, metric, limit: '--max-drop=0.01' },
        `${metric} of 0.`,
      ] as const,
  ),
  [
    'shuffled labels, by cross-entropy',
    {
      model: scores('9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9'),
      data: shuffled,
      metric: 'cross-entropy',
      limit: '--max-drop=relative=0.01',
    },
    'is no better than always giving each class the share of its labels',
  ],
  [
    'inputs that are all zero',
    {
      model: IDENTITY,
      data: samples(
        (best) => best,
        () => 0,
      ),
      metric: 'accuracy',
      limit: '--max-drop=0.01',
    },
    'The inputs are 0 in all 40 samples',
  ],
  [
    'one input again and again',
    {
      model: IDENTITY,
      data: samples(
        (best) => best,
        (_, at) => at,
      ),
      metric: 'accuracy',
      limit: '--min=0.1',
    },
    'The inputs are the same in all 40 samples',
  ],
  ...(['accuracy', 'agreement', 'kl'] as const).map(
    (metric) =>
      [
        `an output that is always the same, by ${metric}`,
        { model: NOTHING, data: right, metric, limit: metric === 'kl' ? '--max=0.01' : '--max-drop=0.01' },
        'The output is the same for all 40 samples, whatever the input',
      ] as const,
  ),
  [
    'answers that are always the same',
    // Class 3 always wins, by more or by less.
    {
      model: IDENTITY,
      data: samples(
        (best) => best,
        (best, at) => (at === 3 ? 9 : Number(at === best)),
      ),
      metric: 'agreement',
      limit: '--max-drop=0.01',
    },
    'agreement cannot fail on these 40 samples: always answering class 3, as the reference mostly does',
  ],
  ...(['mse', 'mae'] as const).map(
    (metric) =>
      [
        `targets that are not those of the inputs, by ${metric}`,
        {
          ...{ model: IDENTITY, metric, limit: '--max-drop=relative=0.01' },
          data: samples((_, i) => [0, 1, 2, 3].map((at) => Number(at === CLASSES[(i * 11 + 5) % 40]) + 100)),
        },
        `is no better than always answering the ${metric === 'mse' ? 'mean' : 'median'} of the targets`,
      ] as const,
  ),
  [
    'text in an order that is not expected',
    {
      model: BIGRAM,
      data: tokens((token, i) => (token * 3 + i * i) % 8),
      metric: 'perplexity',
      limit: '--max-drop=relative=0.01',
    },
    'is no better than always giving each token its share of the evaluation data',
  ],
]

async function folderOf({ model, data }: Case) {
  const folder = await fixture(undefined, { 'data.jsonl': data })
  await writeFile(join(folder.path, 'small.onnx'), await modelBytes(parseText(model)))
  return folder
}

const runOf = ({ metric, limit }: Case) => ['run', 'small.onnx', '--data', 'data.jsonl', '--metric', metric, limit, '--json']

describe('pare run', () => {
  it.each(good)('passes %s', async (_, one) => {
    await using folder = await folderOf(one)
    const { exitCode, json } = await pare(runOf(one), { cwd: folder.path })
    const [model] = runResults.parse(json()).models
    expect([exitCode, model?.verdict, model?.reasons]).toEqual([0, 'pass', []])
  })

  it.each(bad)('is incomplete for %s, says why, and passes where that is allowed', async (_, one, reason) => {
    await using folder = await folderOf(one)
    const { exitCode, json } = await pare(runOf(one), { cwd: folder.path })
    const [model] = runResults.parse(json()).models
    expect([exitCode, model?.verdict]).toEqual([3, 'incomplete'])
    expect(model?.reasons.join(' ')).toContain(reason)
    expect(model?.reasons.at(-1)).toContain('set allow-worthless-reference')
    const allowed = await pare([...runOf(one), '--allow-worthless-reference'], { cwd: folder.path })
    const [passed] = runResults.parse(allowed.json()).models
    expect([allowed.exitCode, passed?.verdict, passed?.limits?.allowWorthlessReference]).toEqual([0, 'pass', true])
    expect(passed?.warnings?.join(' ')).toContain(reason)
  })

  it('lets a config allow it, beside the limits or beside the default one', async () => {
    const [, one] = bad[0]!
    for (const gate of [{ allowWorthlessReference: true }, { maxDrop: 0.02, allowWorthlessReference: true }]) {
      await using folder = await folderOf(one)
      const config = { models: [{ path: 'small.onnx', evaluate: { data: 'data.jsonl' }, gate }] }
      await writeFile(join(folder.path, 'pare.config.json'), JSON.stringify(config))
      const { exitCode, json } = await pare(['run', '--json'], { cwd: folder.path })
      expect(exitCode).toBe(0)
      expect(runResults.parse(json()).models[0]?.limits).toEqual({ maxDrop: 0.01, ...gate })
    }
  })
})

describe('--no-allow-worthless-reference', () => {
  it('takes back what the config allows', async () => {
    const [, one] = bad[0]!
    await using folder = await folderOf(one)
    const gate = { maxDrop: 0.02, allowWorthlessReference: true }
    const config = { models: [{ path: 'small.onnx', evaluate: { data: 'data.jsonl' }, gate }] }
    await writeFile(join(folder.path, 'pare.config.json'), JSON.stringify(config))
    const { exitCode } = await pare(['run', '--no-allow-worthless-reference'], { cwd: folder.path })
    expect(exitCode).toBe(3)
  })
})

describe('pare evaluate', () => {
  it.each(bad)('warns of %s', async (_, one, reason) => {
    await using folder = await folderOf(one)
    const argv = ['evaluate', 'small.onnx', '--data', 'data.jsonl', '--metric', one.metric, '--reference', 'small.onnx']
    const { exitCode, stderr } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stderr).toContain('warning: ')
    expect(stderr).toContain(reason)
    const { json } = await pare([...argv, '--json'], { cwd: folder.path })
    expect(json().warnings).toEqual([expect.stringContaining(reason)])
  })
})

it('top-5 of four classes is refused: it is always right', async () => {
  await using folder = await fixture(undefined, { 'val.jsonl': right })
  await writeFile(join(folder.path, 'model.onnx'), await modelBytes(parseText(IDENTITY)))
  const { exitCode, stderr } = await pare(['evaluate', 'model.onnx', '--data', 'val.jsonl', '--metric', 'top-5'], {
    cwd: folder.path,
  })
  expect({ exitCode, stderr }).toEqual({
    exitCode: 2,
    stderr: expect.stringContaining("metric 'top-5': the model has 4 classes, so the label is always among the 5 best."),
  })
})
