import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { applyPlan, type Curves, type CutStep, makePlan, type PruneStep } from '@pare/core'
import { blockInfluence } from '@pare/criterion-block-influence'
import { magnitude } from '@pare/criterion-magnitude'
import { sensitivity } from '@pare/criterion-sensitivity'
import { type Model, openModel, parseText, writeModel } from '@pare/onnx'
import { layer } from '@pare/structure-layer'
import { neuron } from '@pare/structure-neuron'
import { describe, expect, it } from 'vitest'
import { forwardOver } from './engine/forward.js'
import { trialsOver } from './engine/trials.js'
import { fixture, TEST_MODELS } from './testing/folder.js'
import { pareInProcess as pare } from './testing/terminal.js'

const DIGITS = join(TEST_MODELS, 'mlp-digits.onnx')
const DATA = join(TEST_MODELS, 'data/digits-evaluate.npz')
const LLAMA = join(TEST_MODELS, 'lm-llama.onnx')

describe('pare sensitivity', () => {
  it('measures what comes of pruning one weight alone', async () => {
    await using folder = await fixture()
    const options = ['--samples', '450', '--sparsities', '0.9,0.5']
    const { exitCode, json } = await pare(['sensitivity', DIGITS, '--data', DATA, ...options, '--json'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    const { weights, ...rest } = json() as unknown as Curves
    expect(rest).toMatchObject({ command: 'sensitivity', schemaVersion: 1, metric: 'kl', reference: 0, declined: [] })
    expect(weights.map(({ id, elements }) => [id, elements])).toEqual([
      ['0.weight', 16384],
      ['2.weight', 32768],
      ['4.weight', 1280],
    ])
    const [, second] = weights
    expect(second!.points.map(({ sparsity }) => sparsity)).toEqual([0, 0.5, 0.9])
    // The same by two other commands.
    const pruned = ['prune', DIGITS, '--include', '2.weight', '--sparsity', '0.9', '--out', 'out']
    expect((await pare(pruned, { cwd: folder.path })).exitCode).toBe(0)
    const compared = ['evaluate', 'out/mlp-digits.onnx', '--reference', DIGITS, '--data', DATA, '--metric', 'kl', '--json']
    const session = await pare(compared, { cwd: folder.path })
    expect([session.exitCode, session.stderr]).toEqual([0, expect.any(String)])
    const { metrics } = session.json() as unknown as { metrics: { kl: number } }
    expect(second!.points.at(-1)!.loss / metrics.kl).toBeCloseTo(1, 4)
  })

  it('refuses questions, of which no trials are made', async () => {
    await using folder = await fixture(undefined, { 'val.jsonl': '{"context": "a", "choices": ["b", "c"], "gold": 0}' })
    const argv = ['sensitivity', LLAMA, '--data', 'val.jsonl', '--tokenizer', join(TEST_MODELS, 'lm-tokenizer.json')]
    const asked = await pare([...argv, '--metric', 'choice-accuracy'], { cwd: folder.path })
    expect([asked.exitCode, asked.stderr]).toEqual([2, expect.stringContaining('trials are not made of them')])
    const { exitCode, stderr } = await pare(argv, { cwd: folder.path })
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('Elsewhere give texts')])
  })

  it('shows units against ratios, as a table and as a page', async () => {
    await using folder = await fixture()
    const argv = ['sensitivity', DIGITS, '--data', DATA, '--structure', 'neuron', '--ratios', '0.5', '--metric', 'accuracy']
    const { stdout, exitCode } = await pare([...argv, '--out', 'curves.html'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/drop of accuracy against ratio, each pruned alone\n/)
    expect(stdout).toMatch(/^0\.weight:0 +256 +[▁-█] +0\.0\d+$/m)
    expect(stdout).toContain('curves.html')
    const page = await readFile(join(folder.path, 'curves.html'), 'utf8')
    expect(page).toContain('<polyline class="curve c0"')
    expect(page).toContain('0.weight:0')
  })

  it.each([
    [['--ratios', '0.5'], "structure 'element' masks elements and takes sparsities, not ratios."],
    [['--structure', 'channel', '--sparsities', '0.5'], "structure 'channel' cuts units and takes ratios, not sparsities."],
    [['--sparsities', '0.5,1'], "--sparsities is '0.5,1'; expected numbers between 0 and 1"],
    [['--metric', 'perplexity'], 'the model has no input for token ids'],
    [['--criterion', 'sensitivity'], "criterion 'sensitivity' judges whole units, and cannot judge single elements"],
  ])('%j ends with 2', async (options, message) => {
    const { exitCode, stderr } = await pare(['sensitivity', DIGITS, '--data', DATA, ...options], { cwd: '/' })
    expect(stderr).toContain(message)
    expect(exitCode).toBe(2)
  })
})

describe('units judged by trying them', () => {
  it('a neuron with small weights that matters is kept by sensitivity, and not by magnitude', async () => {
    // The first neuron always is 1 and says nothing; the second, with weights a tenth as large, tells the classes apart.
    const model = parseText(
      'g (float[N, 2] x) => (float[N, 2] y) <float[2, 3] a = {5, 0.5, 3, 0, 0.5, 0}, float[3] b = {0, 0, 9}, float[3, 2] c = {3, 3, 0.5, -0.5, 4, 4}> { p = MatMul(x, a) q = Add(p, b) h = Relu(q) y = MatMul(h, c) }',
    )
    await using folder = await fixture()
    const data = join(folder.path, 'data.jsonl')
    const samples = Array.from({ length: 24 }, (_, i) => ({ x: [Math.sin(i) * 3, Math.cos(i) * 3] }))
    await writeFile(data, samples.map((sample) => JSON.stringify(sample)).join('\n'))
    const removed = async (criterion: PruneStep['criterion']) =>
      (await removedBy(model, { structure: neuron(), criterion, target: { ratio: 0.67 } }, { data }))[0]!.removed
    expect(await removed(magnitude())).toContain(1)
    expect(await removed(sensitivity())).toEqual([0, 2])
  })

  it.each(['cosine', 'angular', 'perplexity'] as const)('by %s the block that is nearly the identity goes', async (by) => {
    const weights = Object.fromEntries(
      [0, 1, 2, 3].flatMap((i) => [
        [`a${i}`, wave(64, i)],
        [`b${i}`, wave(64, i + 9, i === 2 ? 0.001 : 1)],
      ]),
    )
    const blocks = [0, 1, 2, 3].map(
      (i) => `m${i} = MatMul(v${i}, a${i}) r${i} = Relu(m${i}) n${i} = MatMul(r${i}, b${i}) v${i + 1} = Add(v${i}, n${i})`,
    )
    const model = parseText(
      `g (float[N, S, 8] v0) => (float[N, S, 8] y) <${Object.keys(weights)
        .map((name) => `float[8, 8] ${name}`)
        .join(', ')}, float[8, 8] w> { ${blocks.join(' ')} y = MatMul(v4, w) }`,
      { ...weights, w: wave(64, 77) },
    )
    await using folder = await fixture()
    const data = join(folder.path, 'data.jsonl')
    const rows = (seed: number) => Array.from({ length: 3 }, (_, s) => [...wave(8, seed * 3 + s, 2)])
    await writeFile(data, Array.from({ length: 8 }, (_, i) => JSON.stringify({ v0: rows(i) })).join('\n'))
    const criterion = blockInfluence({ by, against: 'outputs' })
    const [group] = await removedBy(model, { structure: layer(), criterion, target: { ratio: 0.25 } }, { data })
    expect(group).toMatchObject({ units: 4, removed: [2] })
  })

  it('without the layer that block influence chooses, a language model loses less than without any other', async () => {
    await using folder = await fixture()
    await using file = await openModel(LLAMA)
    const data = join(TEST_MODELS, 'data/lm-calibrate.npz')
    const step = { structure: layer(), criterion: blockInfluence(), target: { ratio: 1 / 6 } }
    const [group] = await removedBy(file.model, step, { data, samples: 32 })
    const [chosen] = group!.removed as [number]
    await using trials = await trialsOver({ data: join(TEST_MODELS, 'data/lm-evaluate.npz') })(file.model, { defaults: {} })
    const [whole] = await trials.losses([{}], { against: { metric: 'perplexity' }, samples: 16 })
    const perplexities: number[] = []
    for (let block = 0; block < 6; block++) {
      const cut: CutStep = {
        ...{ kind: 'cut', structure: 'layer', criterion: 'by hand', scope: 'group', target: { ratio: 1 / 6 } },
        groups: [{ id: group!.id, units: 6, removed: [block] }],
      }
      const path = join(folder.path, `without-${block}.onnx`)
      await writeModel(await applyPlan(file.model, { seed: 1, steps: [cut] }), path)
      await using tried = await openModel(path)
      await using one = await trialsOver({ data: join(TEST_MODELS, 'data/lm-evaluate.npz') })(tried.model, { defaults: {} })
      perplexities.push((await one.losses([{}], { against: { metric: 'perplexity' }, samples: 16 }))[0]!)
    }
    expect(perplexities[chosen]).toBeLessThan(1.5 * whole!)
    expect(perplexities[chosen]! * 10).toBeLessThan(Math.max(...perplexities))
  })
})

async function removedBy(
  model: Model,
  step: PruneStep,
  calibration: { data: string; samples?: number },
): Promise<CutStep['groups']> {
  const { steps } = await makePlan(model, [step], { seed: 1, forward: forwardOver(calibration), trials: trialsOver(calibration) })
  const [cut] = steps
  if (cut?.kind !== 'cut') throw new Error('nothing was cut')
  return cut.groups
}

const wave = (length: number, seed: number, scale = 1) =>
  Float32Array.from({ length }, (_, i) => scale * (Math.sin(1.7 * i + 2.3 * seed) + Math.cos(0.7 * i * seed)) * 0.4)

describe('curves in a file', () => {
  it('tell how much of each weight goes', async () => {
    await using folder = await fixture()
    const measure = ['sensitivity', DIGITS, '--data', DATA, '--samples', '100', '--sparsities', '0.5,0.9', '--json']
    await writeFile(join(folder.path, 'curves.json'), (await pare(measure, { cwd: folder.path })).stdout)
    const prune = ['prune', DIGITS, '--sparsity', '0.7', '--scope', 'tensor', '--allocation', 'curves.json', '--json']
    const { exitCode, json } = await pare(prune, { cwd: folder.path })
    expect(exitCode).toBe(0)
    const { layers } = json() as unknown as { layers: { shape: number[]; sparsity: { after: number } }[] }
    const sizes = layers.map(({ shape }) => shape.reduce((a, b) => a * b, 1))
    const zeros = layers.reduce((sum, { sparsity }, i) => sum + Math.round(sparsity.after * sizes[i]!), 0)
    expect(zeros).toBe(Math.round(0.7 * sizes.reduce((a, b) => a + b, 0)))
    expect(new Set(layers.map(({ sparsity }) => sparsity.after.toFixed(3))).size).toBeGreaterThan(1)
  })

  it.each([
    ['missing.json', undefined, 'cannot be read (ENOENT)'],
    ['broken.json', '{', 'is not JSON'],
    ['other.json', '{"command":"prune","weights":[]}', 'holds no curves of weights'],
  ])('%s is an error that says how to make them', async (name, text, message) => {
    await using folder = await fixture()
    if (text !== undefined) await writeFile(join(folder.path, name), text)
    const { exitCode, stderr } = await pare(['prune', DIGITS, '--scope', 'tensor', '--allocation', name], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain('pare sensitivity MODEL --data DATA --json > curves.json')
  })
})
