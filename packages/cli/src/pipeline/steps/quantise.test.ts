import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseText, writeModel } from '@pare/onnx'
import type { RunResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { fixture, TEST_MODELS } from '../../testing/folder.js'
import { taskFolder } from '../../testing/tasks/folder.js'
import { TASKS } from '../../testing/tasks/tasks.js'
import { pareInProcess as pare } from '../../testing/terminal.js'
import { chosenBaselines } from '../facts/baselines.js'
import { wholeOf } from './quantise.js'

async function kjv() {
  const folder = await fixture()
  await copyFile(join(TEST_MODELS, 'kjv-bert.onnx'), join(folder.path, 'bert.onnx'))
  await copyFile(join(TEST_MODELS, 'data/kjv-evaluate.npz'), join(folder.path, 'val.npz'))
  return folder
}

describe('what rounding on data is faithful to', () => {
  const model = parseText('g (float[1] x) => (float[1] y) { y = Relu(x) }')
  const mask = {
    kind: 'mask',
    structure: 'element',
    criterion: 'wanda',
    scope: 'row',
    saliency: { op: 'weight' },
    precision: 'f32',
    weights: [],
  } as const
  const update = { kind: 'update', by: 'sparsegpt', tensors: [], notes: [] } as const
  const cut = {
    kind: 'cut',
    structure: 'neuron',
    criterion: 'magnitude',
    scope: 'group',
    target: { ratio: 0.5 },
    groups: [],
  } as const
  const unrecovered = { blocks: [], trainings: [] }

  it('is the model before it was masked, also where a solver made up for that', () => {
    expect(wholeOf(model, { steps: [mask, update], ...unrecovered })).toBe(model)
  })

  it('is not where units were cut, or where what is left was repaired or trained', () => {
    expect(wholeOf(model, { steps: [cut], ...unrecovered })).toBeUndefined()
    const repair = {} as NonNullable<Parameters<typeof wholeOf>[1]['repair']>
    expect(wholeOf(model, { steps: [mask, update], ...unrecovered, repair })).toBeUndefined()
    const training = {} as Parameters<typeof wholeOf>[1]['trainings'][number]
    expect(wholeOf(model, { steps: [mask, update], blocks: [], trainings: [training] })).toBeUndefined()
  })
})

describe('pare prune --quantise', () => {
  it.each([
    'int8',
    'int8-weights',
    'int4:block=64',
    'f16',
    'bf16',
  ])('%s is written, told, and replayed to the same bytes', async (how) => {
    await using folder = await kjv()
    const argv = ['prune', 'bert.onnx', '--sparsity', '0.5', '--quantise', how, '--out', 'out']
    const { exitCode, stdout } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(0)
    const [method, block] = how.split(':block=')
    expect(stdout).toContain(
      `quantised   ${method}${how.startsWith('int4') ? ` in blocks of ${block}` : how === 'int8-weights' ? ' in blocks of 32' : ''}: `,
    )
    const written = await readFile(join(folder.path, 'out/bert.onnx'))
    const original = await readFile(join(folder.path, 'bert.onnx'))
    expect(written.byteLength / original.byteLength).toBeLessThan(how.endsWith('f16') ? 0.52 : 0.3)
    const replayed = await pare(['replay', 'out/bert.plan.json', 'bert.onnx', '--out', 'again'], { cwd: folder.path })
    expect(replayed).toMatchObject({ exitCode: 0 })
    expect((await readFile(join(folder.path, 'again/bert.onnx'))).equals(written)).toBe(true)
  })

  it.each([
    ['int8-static:range=mse', 'int8-static: '],
    ['int4:block=64,rounding=gptq', 'int4 in blocks of 64 rounded by gptq: '],
    ['int8:rounding=gptq', 'int8 rounded by gptq: '],
    ['int8-static:rounding=gptq', 'int8-static rounded by gptq: 3 weights'],
    ['int8-static:smooth=0.5', 'int8-static: 3 weights; 2 smoothed by 0.5, 1 not'],
    ['int4:rounding=gptq,smooth=search', 'int4 in blocks of 32 rounded by gptq: 3 weights; '],
  ])('%s looks at calibration data, says so, and is replayed without them', async (how, said) => {
    await using folder = await fixture()
    await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
    const data = ['--calibrate', 'calibrate.npz', '--samples', '200']
    const argv = ['prune', 'model.onnx', '--sparsity', '0.5', '--quantise', how, ...data, '--out', 'out']
    const { exitCode, stdout, stderr } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).toContain(`quantised   ${said}`)
    expect(stdout).toContain('calibrated  200 samples of calibrate.npz')
    expect(stderr).not.toContain('is not used')
    const replayed = await pare(['replay', 'out/model.plan.json', 'model.onnx', '--out', 'again'], { cwd: folder.path })
    expect(replayed).toMatchObject({ exitCode: 0 })
    const [written, again] = await Promise.all(['out', 'again'].map((name) => readFile(join(folder.path, name, 'model.onnx'))))
    expect(again!.equals(written!)).toBe(true)
    const scores = await pare(['evaluate', 'again/model.onnx', '--data', 'val.npz', '--metric', 'accuracy', '--json'], {
      cwd: folder.path,
    })
    // 0.978 of the floats, whole.
    expect((scores.json() as { metrics: { accuracy: number } }).metrics.accuracy).toBeGreaterThan(0.96)
  })

  it.each(['int8-static', 'int4:rounding=gptq', 'int8:smooth=0.5'])('%s needs calibration data', async (how) => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['prune', 'model.onnx', '--quantise', how], { cwd: folder.path })
    expect(exitCode).toBe(2)
    const who = { 'int4:rounding=gptq': 'int4 rounded by gptq', 'int8:smooth=0.5': 'int8 with smoothing' }[how] ?? how
    expect(stderr).toContain(`quantise: ${who} needs calibration data, and there are none.`)
    expect(stderr).toContain('--calibrate data.npz')
  })

  it('keeps sensitive weights in more bits, tells by how much outputs are off, and is replayed without data', async () => {
    await using folder = await fixture()
    await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
    const argv = ['prune', 'model.onnx', '--sparsity', '0.5', '--quantise', 'int8:error=0.001', '--calibrate', 'calibrate.npz']
    const { exitCode, stdout, json } = await pare([...argv, '--out', 'out', '--json'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stdout).not.toContain('NaN')
    const { quantised } = json() as { quantised: { weights: number; left: unknown[]; outputError: Record<string, number> } }
    expect(quantised.left.length).toBeGreaterThan(0)
    expect(quantised.outputError).toMatchObject({ allowed: 0.001 })
    expect(quantised.outputError.before).toBeGreaterThan(0.001)
    expect(quantised.outputError.after).toBeLessThanOrEqual(0.001)
    const replayed = await pare(['replay', 'out/model.plan.json', 'model.onnx', '--out', 'again'], { cwd: folder.path })
    expect(replayed).toMatchObject({ exitCode: 0 })
    const [written, again] = await Promise.all(['out', 'again'].map((name) => readFile(join(folder.path, name, 'model.onnx'))))
    expect(again!.equals(written!)).toBe(true)
    const without = await pare(['prune', 'model.onnx', '--quantise', 'int8:error=0.02'], { cwd: folder.path })
    expect(without.stderr).toContain('int8 with an error that is allowed needs calibration data')
  })

  it('rounds by gptq what is not sensitive, and tells the error that is left', async () => {
    await using folder = await fixture()
    await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
    const errors = await Promise.all(
      ['int4:error=0.03', 'int4:error=0.03,rounding=gptq'].map(async (how, i) => {
        const data = ['--calibrate', 'calibrate.npz', '--samples', '200', '--json', '--out', `out${i}`]
        const { json } = await pare(['prune', 'model.onnx', '--sparsity', '0.5', '--quantise', how, ...data], {
          cwd: folder.path,
        })
        return (json() as { quantised: { outputError: { after: number; weights: { isKept: boolean }[] } } }).quantised.outputError
      }),
    )
    const [nearest, gptq] = errors
    expect(nearest!.weights.some(({ isKept }) => isKept)).toBe(true)
    expect(gptq!.weights).toEqual(nearest!.weights)
    expect(gptq!.after).toBeLessThan(nearest!.after)
    const replayed = await pare(['replay', 'out1/model.plan.json', 'model.onnx', '--out', 'again'], { cwd: folder.path })
    expect(replayed).toMatchObject({ exitCode: 0 })
    const [written, again] = await Promise.all(['out1', 'again'].map((name) => readFile(join(folder.path, name, 'model.onnx'))))
    expect(again!.equals(written!)).toBe(true)
  })

  it('says why nothing is', async () => {
    await using folder = await fixture()
    const text = 'small (float[N, 4] x) => (float[N, 4] y) <float[4, 4] w> { y = MatMul(x, w) }'
    await writeModel(parseText(text, { w: Float32Array.from({ length: 16 }, (_, i) => i + 1) }), join(folder.path, 'small.onnx'))
    const { exitCode, stderr } = await pare(['prune', 'small.onnx', '--quantise', 'int8'], { cwd: folder.path })
    expect(exitCode).toBe(0)
    expect(stderr).toContain('warning: small.onnx: nothing is quantised: the model has no large weights')
  })

  it('refuses other words, and other blocks', async () => {
    await using folder = await fixture()
    for (const how of [
      'int3',
      'int4:block=48',
      'int4:blocks=32',
      'int8:range=mse',
      'f16:block=32',
      'int4:range=mse',
      'int8:error=2',
    ]) {
      const { exitCode, stderr } = await pare(['prune', 'model.onnx', '--quantise', how], { cwd: folder.path })
      expect(exitCode).toBe(2)
      expect(stderr).toContain(
        `--quantise is '${how}'; expected int8, int8-static, int8-weights, int4, f16 or bf16, or with options int4:block=64,rounding=gptq, int8-static:range=mse,smooth=search or int8:error=0.02`,
      )
    }
  })
})

describe('pare run --baselines', () => {
  it('measures the unpruned model in fewer bits beside the pruned one', async () => {
    await using folder = await fixture()
    await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'calibrate.npz'))
    const config = {
      models: [{ path: 'model.onnx' }],
      prune: [{ target: { sparsity: 0.5 } }],
      ...{ quantise: { method: 'int4', block: 64 }, baselines: ['int8', 'int4', 'int8-static'], calibrate: 'calibrate.npz' },
      ...{ evaluate: { data: 'val.npz', metric: 'accuracy' }, gate: { maxDrop: 0.05 } },
    }
    await writeFile(join(folder.path, 'pare.config.json'), JSON.stringify(config))
    const { exitCode, json } = await pare(['run', '--json'], { cwd: folder.path, baselines: true })
    expect(exitCode).toBe(0)
    const [model] = (json() as unknown as RunResults).models
    expect(model?.quantised).toMatchObject({ method: 'int4', block: 64 })
    expect(model?.steps?.at(-1)).toMatch(/^quantised: int4 in blocks of 64: \d+ weights/)
    const [int8, int4, known] = model!.baselines!
    const { bytes, metrics } = model!.reference
    // Of int8 about a quarter of the bytes, of int4 less, and both lose next to nothing.
    expect(int8!.bytes / bytes).toBeLessThan(0.3)
    expect(int4!.bytes).toBeLessThan(int8!.bytes)
    for (const { drop, latency, metrics: own } of [int8!, int4!, known!]) {
      expect(own.accuracy! + drop!.value).toBeCloseTo(metrics.accuracy!, 9)
      expect(Math.abs(drop!.value)).toBeLessThan(0.03)
      expect(drop!.interval[0]).toBeLessThanOrEqual(drop!.value)
      expect(latency!.interval[0]).toBeLessThanOrEqual(latency!.relative)
      expect(latency!.relative).toBeGreaterThan(0)
    }
    expect(await readFile(join(folder.path, 'pare-out/summary.md'), 'utf8')).toContain('| Pruned, in int4 |')
    const shown = await pare(['report', 'pare-out/results.json'], { cwd: folder.path })
    expect(shown.stdout).toMatch(
      / {2}unpruned in int8: accuracy [\d.]+ \(drop [−\d.]+ to [−\d.]+\), [\d.]+.kB zipped, [\d.]+ of the time of a run\n/,
    )
  })

  it('reads data as the files beside the model say, which is not where the model in fewer bits lies', async () => {
    await using folder = await taskFolder(TASKS.find(({ name }) => name === 'Images in a folder for each class')!)
    const argv = ['run', 'model.onnx', '--data', 'val', '--sparsity', '0.3', '--json']
    const { exitCode, json } = await pare(argv, { cwd: folder.path, baselines: true })
    const [model] = (json() as unknown as RunResults).models
    expect([exitCode, model!.reasons]).toEqual([0, []])
    expect(model!.baselines!.map(({ metrics }) => metrics.accuracy! > 0.8)).toEqual([true, true])
  })

  it('measures int8 and int4 unasked where that takes seconds, and nothing where it is said not to', async () => {
    await using folder = await fixture()
    const argv = ['run', 'model.onnx', '--data', 'val.npz', '--max-drop', '0.5', '--json']
    const usual = await pare(argv, { cwd: folder.path, baselines: true })
    expect((usual.json() as unknown as RunResults).models[0]!.baselines!.map(({ method }) => method)).toEqual(['int8', 'int4'])
    const none = await pare([...argv, '--no-baselines'], { cwd: folder.path })
    expect((none.json() as unknown as RunResults).models[0]!.baselines).toBeUndefined()
  })

  it.each<[string, Parameters<typeof chosenBaselines>, readonly string[]]>([
    // Two of 1 s and half a second each are 3 s.
    ['unasked in 10 seconds', [undefined, { isUsual: true, spentMs: 0, evaluationMs: 1000 }], ['int8', 'int4']],
    // Two of 20.5 s are 41 s: less than half of 90 s, more than half of 80 s.
    ['unasked in half of the time', [undefined, { isUsual: true, spentMs: 90_000, evaluationMs: 20_000 }], ['int8', 'int4']],
    ['not unasked where they take more', [undefined, { isUsual: true, spentMs: 80_000, evaluationMs: 20_000 }], []],
    ['not unasked where nobody wants that', [undefined, { isUsual: false, spentMs: 0, evaluationMs: 0 }], []],
    ['asked, whatever it takes', [['f16'], { isUsual: true, spentMs: 0, evaluationMs: 1e9 }], ['f16']],
    ['never where that is said', [false, { isUsual: true, spentMs: 1e9, evaluationMs: 0 }], []],
  ])('are measured %s', (_, question, methods) => {
    expect(chosenBaselines(...question)).toEqual(methods)
  })

  it('needs evaluation data', async () => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['run', 'model.onnx', '--baselines', 'int8'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('baselines are measured, and there are no evaluation data')
  })
})
