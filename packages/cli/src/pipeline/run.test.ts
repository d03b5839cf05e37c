import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { fixture, TEST_MODELS } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'
import { run } from './run.js'

const RESNET = join(TEST_MODELS, 'mnist-resnet20-bn.onnx')
const MNIST = join(TEST_MODELS, 'data/mnist-evaluate.npz')

describe('the time of a run', () => {
  it('is measured where the config asks for it, told, and limited where the gate does', async () => {
    const config = (gate: object) =>
      JSON.stringify({
        models: [
          {
            path: 'model.onnx',
            prune: [{ structure: 'neuron', target: { ratio: 0.5 } }],
            evaluate: { data: 'val.npz', metric: 'accuracy', latency: true },
            gate,
          },
        ],
      })
    await using folder = await fixture(undefined, {
      'told.json': config({ maxDrop: 0.9 }),
      // Nothing runs in a billionth of the time.
      'limited.json': config({ maxDrop: 0.9, maxLatency: 1e-9 }),
    })
    const run = await pare(['run', '--config', 'told.json', '--json'], { cwd: folder.path })
    expect(run).toMatchObject({ exitCode: 0 })
    const { models } = runResults.parse(run.json())
    const { relative, interval, referenceMs, prunedMs } = models[0]!.latency!
    expect(relative).toBeGreaterThan(0)
    expect(interval[0]).toBeLessThanOrEqual(relative)
    expect(interval[1]).toBeGreaterThanOrEqual(relative)
    expect(Math.min(referenceMs, prunedMs)).toBeGreaterThan(0)
    const limited = await pare(['run', '--config', 'limited.json', '--json'], { cwd: folder.path })
    expect(limited).toMatchObject({ exitCode: 1 })
    expect(runResults.parse(limited.json()).models[0]!.reasons[0]).toContain('times as long as the reference')
  })
})

describe('pare evaluate', () => {
  it('says the figures alone when quiet', async () => {
    await using folder = await fixture()
    const argv = ['evaluate', 'model.onnx', '--data', 'val.npz', '--metric', 'accuracy', '--metric', 'top-5', '-q']
    const { exitCode, stdout, stderr } = await pare(argv, { cwd: folder.path })
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/^accuracy 0\.97\d+\ntop-5 (1|0\.99\d+)\n$/)
  })

  it('prints the fields that others rely on', async () => {
    await using folder = await fixture()
    const argv = ['evaluate', 'model.onnx', '--data', 'val.npz', '--metric', 'accuracy', '--metric', 'top-5', '--json']
    const { exitCode, json, stderr } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(0)
    // 440 of 450 are right.
    expect(json()).toMatchObject({ schemaVersion: 1, command: 'evaluate', model: 'model.onnx', data: 'val.npz', samples: 450 })
    expect((json().metrics as Record<string, number>).accuracy).toBeCloseTo(440 / 450, 10)
    expect(Object.keys(json().metrics as object)).toEqual(['accuracy', 'top-5'])
    expect(stderr).toBe('model.onnx: measuring accuracy, top-5\n')
  })

  it('compares with a reference', async () => {
    await using folder = await fixture()
    const argv = ['evaluate', 'model.onnx', '--data', 'val.npz', '--metric', 'agreement', '--reference', 'model.onnx']
    const { exitCode, stdout } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/model\.onnx on 450 samples of val\.npz\n {2}agreement +1$/m)
  })

  it.each([
    ['data that are not there', ['--data', 'absent.npz'], "evaluation data 'absent.npz' is not a file"],
    ['data that do not fit', ['--data', MNIST], 'input'],
    [
      'options of text without a tokenizer',
      ['--data', 'val.npz', '--length', '8'],
      'length: is 8, but the data are not read as text.',
    ],
    ['a metric nobody knows', ['--data', 'val.npz', '--metric', 'acuracy'], "did you mean 'accuracy'?"],
  ])('refuses %s', async (_, options, message) => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['evaluate', 'model.onnx', ...options], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain('hint: ')
  })
})

describe('pare run', () => {
  it('writes the results it prints, with report and summary', async () => {
    await using folder = await fixture('json')
    const { exitCode, json, stdout } = await pare(['run', '--json', '--quiet'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    const results = runResults.parse(json())
    expect(JSON.parse(await readFile(join(folder.path, 'pare-out/results.json'), 'utf8'))).toEqual(json())
    expect(stdout).not.toContain('NaN')
    expect(results).toMatchObject({
      verdict: 'pass',
      models: [
        {
          path: 'model.onnx',
          verdict: 'pass',
          reasons: [],
          metric: 'accuracy',
          limits: { maxDrop: 0.05 },
          data: { path: 'val.npz', samples: 450 },
          reference: { path: 'model.onnx', metrics: { accuracy: expect.closeTo(440 / 450, 10), agreement: 1 } },
          pruned: { path: 'pare-out/model.onnx' },
          sparsity: { before: 0, after: expect.closeTo(0.3, 4), target: 0.3 },
          steps: ['magnitude on element, tensor, sparsity 0.3'],
          plan: { path: 'pare-out/model.plan.json' },
        },
      ],
    })
    const [model] = results.models
    expect(model?.drop?.value).toBeCloseTo(model!.reference.metrics.accuracy! - model!.pruned!.metrics.accuracy!, 10)
    expect(model?.reference.zippedBytes).toBeGreaterThan(model!.pruned!.zippedBytes!)
    expect(await folder.files()).toEqual([
      ...['model.onnx', 'pare-out/model.onnx', 'pare-out/model.plan.json', 'pare-out/report.html', 'pare-out/results.json'],
      ...['pare-out/summary.md', 'pare.config.json', 'val.npz'],
    ])
    expect(await readFile(join(folder.path, 'pare-out/report.html'), 'utf8')).toContain('model.onnx')
  })

  it('is red with the model, the metric, how much and how much is allowed', async () => {
    await using folder = await fixture('defaults')
    const { exitCode, stdout } = await pare(['run', '--sparsity', '0.95'], { cwd: folder.path })
    expect(exitCode).toBe(1)
    expect(stdout).toMatch(/^fail model\.onnx: accuracy fell by 0\.\d+, from 0\.9778 to 0\.\d+; allowed is at most 0\.01\./m)
    expect(stdout).toContain('0 of 1 model passed, 1 failed')
    expect(stdout).toContain('report   pare-out/report.html')
    expect(stdout).toContain('pruned   pare-out/model.onnx')
  })

  it('judges resnet20 as its accuracy at half sparsity, 0.981, demands', async () => {
    await using folder = await fixture()
    const at = (maxDrop: number) =>
      run({ cwd: folder.path, overrides: { models: [RESNET], evaluate: { data: MNIST }, gate: { maxDrop } } })
    const strict = await at(0.002)
    expect(strict).toMatchObject({
      exitCode: 1,
      results: { verdict: 'fail', models: [{ pruned: { metrics: { accuracy: 0.981 } } }] },
    })
    expect(strict.results.models[0]?.reasons.join()).toContain(
      'accuracy fell by 0.003, from 0.984 to 0.981; allowed is at most 0.002',
    )
    expect(strict.results.models[0]?.resolution?.message).toContain('2,000 samples')
    expect(await at(0.005)).toMatchObject({ exitCode: 0, results: { verdict: 'pass' } })
  }, 300_000)

  it('is incomplete without evaluation data, but prunes', async () => {
    await using folder = await fixture('no-data')
    const { exitCode, stdout } = await pare(['run'], { cwd: folder.path })
    expect(exitCode).toBe(3)
    expect(stdout).toContain('incomplete model.onnx: There is no evaluation data')
    expect(await folder.files()).toContain('pare-out/model.onnx')
  })

  it('goes on after a model that is broken, and says so', async () => {
    await using folder = await fixture('defaults', { 'broken.onnx': 'not a model, but text that goes on for a while' })
    const { exitCode, json } = await pare(
      ['run', 'broken.onnx', 'model.onnx', '--data', 'val.npz', '--sparsity', '0.2', '--json'],
      { cwd: folder.path },
    )
    expect(exitCode).toBe(3)
    const results = runResults.parse(json())
    expect(results.models.map(({ path, verdict }) => [path, verdict])).toEqual([
      ['broken.onnx', 'incomplete'],
      ['model.onnx', 'pass'],
    ])
    expect(results.models[0]).toMatchObject({
      error: { kind: 'usage', message: expect.stringContaining('broken.onnx') },
      reference: { bytes: 46 },
    })
  })

  it('says fail rather than incomplete where both happen', async () => {
    await using folder = await fixture('defaults', { 'broken.onnx': 'not a model, but text that goes on for a while' })
    const { exitCode, results } = await run({
      cwd: folder.path,
      overrides: { models: ['broken.onnx', 'model.onnx'], evaluate: { data: 'val.npz' }, prune: { target: { sparsity: 0.95 } } },
    })
    expect({ exitCode, verdict: results.verdict }).toEqual({ exitCode: 1, verdict: 'fail' })
  })

  it('prunes one model in several ways, measures its reference once, and keeps the results apart', async () => {
    const evaluate = { data: 'val.npz', metric: 'accuracy' }
    const models = [0.2, 0.3].map((sparsity) => ({ path: 'model.onnx', prune: [{ target: { sparsity } }], evaluate }))
    await using folder = await fixture()
    const { results } = await run({ cwd: folder.path, config: { models, gate: { maxDrop: 0.1 } } })
    expect(results.models.map(({ pruned, sparsity }) => [pruned?.path, sparsity?.target])).toEqual([
      ['pare-out/model.onnx', 0.2],
      ['pare-out/model-2.onnx', 0.3],
    ])
    expect(results.models[1]?.reference.metrics).toEqual(results.models[0]?.reference.metrics)
    expect(results.models[1]?.drop?.interval).toHaveLength(2)
  })

  it('takes several steps, each on what the one before leaves', async () => {
    await using folder = await fixture()
    const prune = [
      { include: ['0.weight'], target: { sparsity: 0.5 } },
      { exclude: ['0.weight'], criterion: 'random', target: { sparsity: 0.1 } },
    ]
    const { results } = await run({ cwd: folder.path, config: { models: [{ path: 'model.onnx', prune }] } })
    const [model] = results.models
    expect(model?.steps).toEqual([
      'magnitude on element, global, sparsity 0.5, only 0.weight',
      'random on element, global, sparsity 0.1, without 0.weight',
    ])
    expect(model?.layers?.[0]?.sparsity).toEqual({ before: 0, after: 0.5 })
    // Of 34,048 elements of the second step 3,405 go, of 16,384 of the first 8,192.
    expect(model?.sparsity?.after).toBeCloseTo((8192 + 3405) / 50_432, 10)
    expect(model?.sparsity?.target).toBeUndefined()
  })

  it('refuses what is executable where the checkout is not trusted', async () => {
    await using typescript = await fixture('typescript')
    await using module = await fixture('defaults', { 'data.mjs': 'export default []' })
    const untrusted = { trusted: false }
    await expect(run({ cwd: typescript.path, ...untrusted })).rejects.toMatchObject({ kind: 'untrusted' })
    await expect(run({ cwd: module.path, overrides: { evaluate: { data: 'data.mjs' } }, ...untrusted })).rejects.toMatchObject({
      kind: 'untrusted',
    })
    await expect(run({ cwd: module.path, overrides: { prune: { criterion: 'hessian' } }, ...untrusted })).rejects.toMatchObject({
      kind: 'untrusted',
    })
    expect((await run({ cwd: module.path, overrides: { prune: { target: { sparsity: 0.1 } } }, ...untrusted })).exitCode).toBe(0)
  })

  it('refuses an absolute drop of a metric without a range, and shows the option that is right', async () => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(
      ['run', 'model.onnx', '--data', 'val.npz', '--metric', 'cross-entropy', '--max-drop', '0.1'],
      { cwd: folder.path },
    )
    expect(exitCode).toBe(2)
    expect(stderr).toContain('pare run: maxDrop is 0.1, absolute, but cross-entropy has no fixed range.')
    expect(stderr).toContain('--max-drop relative=0.1')
  })

  it('prints the stack of what stopped a model only under --verbose', async () => {
    await using folder = await fixture('defaults', { 'broken.onnx': 'not a model, but text that goes on for a while' })
    const plain = await pare(['run', 'broken.onnx'], { cwd: folder.path })
    const verbose = await pare(['run', 'broken.onnx', '--verbose'], { cwd: folder.path })
    expect(plain.stderr).not.toMatch(/^\s+at /m)
    expect(verbose.stderr).toMatch(/^broken\.onnx: PareError[\s\S]*^\s+at /m)
  })

  it('refuses to put results onto an input', async () => {
    await using folder = await fixture('defaults')
    const { exitCode, stderr } = await pare(['run', '--out', '.'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('is the input itself')
  })

  it('reads data from a module', async () => {
    await using folder = await fixture(undefined, { 'data.mjs': 'export default [{ input: new Array(64).fill(0), label: 1 }]' })
    const { exitCode, json } = await pare(['evaluate', 'model.onnx', '--data', 'data.mjs', '--json'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(json()).toMatchObject({ samples: 1 })
  })
})
