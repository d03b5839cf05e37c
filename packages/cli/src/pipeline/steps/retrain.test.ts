import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  bytesOf,
  editGraph,
  editModel,
  editTensor,
  type Model,
  makePayload,
  makeValueInfo,
  openModel,
  readAll,
  type Tensor,
  type ValueInfo,
  writeModel,
} from '@pare/onnx'
import { runResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { recoverOf } from '../../settings/recover.js'
import { type Folder, fixture, TEST_MODELS } from '../../testing/folder.js'
import { pare } from '../../testing/terminal.js'

/** The MLP on digits, val.npz, and beside them train.npz. */
async function folderWith(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const folder = await fixture(undefined, files)
  await copyFile(join(TEST_MODELS, 'data/digits-calibrate.npz'), join(folder.path, 'train.npz'))
  return folder
}

/** The model with f16 in the place of f32. */
async function halved(path: string): Promise<Model> {
  await using file = await openModel(path)
  const { graph } = file.model
  const half = (value: ValueInfo) => makeValueInfo({ ...value, type: 'float16' })
  const initializers: Tensor[] = []
  for (const tensor of graph.initializers) {
    const values = new Float32Array((await readAll(tensor.data)).buffer)
    initializers.push(editTensor(tensor, { type: 'float16', data: makePayload(bytesOf('float16', values)) }))
  }
  const changed = { initializers, inputs: graph.inputs.map(half), outputs: graph.outputs.map(half) }
  return editModel(file.model, { graph: editGraph(graph, changed) })
}

const run = (folder: Folder, command: string) => pare(command.split(' '), { cwd: folder.path })
const accuracyOf = async (folder: Folder, model: string) => {
  const { json } = await run(folder, `evaluate ${model} --data val.npz --metric accuracy --json`)
  return (json().metrics as { accuracy: number }).accuracy
}
const PRUNE = 'prune model.onnx --sparsity 0.95'
const RETRAIN = '--recover retrain --train train.npz --epochs 20'

describe('--recover retrain', () => {
  it('gives back what pruning took, keeps every zero, and replays to the same bytes', async () => {
    await using folder = await folderWith()
    await run(folder, `${PRUNE} --out pruned`)
    const { exitCode, json } = await run(folder, `${PRUNE} ${RETRAIN} --out retrained --json`)
    expect(exitCode).toBe(0)
    const { sparsity, trainings, output } = json() as {
      sparsity: { after: number; target: number }
      trainings: { steps: number; loss: string; why: string; after: { metric: { name: string } } }[]
      output: { sha256: string }
    }
    expect(sparsity).toMatchObject({ after: expect.closeTo(0.95, 4), target: 0.95 })
    expect(trainings).toMatchObject([
      {
        steps: 400,
        loss: 'cross-entropy',
        why: 'the labels are whole numbers',
        ended: 'finished',
        after: { metric: { name: 'accuracy' } },
      },
    ])
    const [pruned, retrained] = [await accuracyOf(folder, 'pruned/model.onnx'), await accuracyOf(folder, 'retrained/model.onnx')]
    expect(pruned).toBeLessThan(0.6)
    expect(retrained).toBeGreaterThan(0.95)
    const replayed = await run(folder, 'replay retrained/model.plan.json model.onnx --out replayed --json')
    expect((replayed.json().output as { sha256: string }).sha256).toBe(output.sha256)
    expect(await folder.files()).not.toContain('retrained/model.training')
  })

  it('goes in stages, distilled, and says so', async () => {
    await using folder = await folderWith()
    const { exitCode, stdout, stderr } = await run(folder, `${PRUNE} ${RETRAIN} --schedule cubic:3 --distill --out out`)
    expect(exitCode).toBe(0)
    expect(stderr).toContain('model.onnx: retraining, stage 3 of 3')
    expect(stdout.match(/retrained {3}\d+ steps of adamw, distilled, [\d.]+ ms each: held-out accuracy/g)).toHaveLength(3)
    const plan = JSON.parse(await readFile(join(folder.path, 'out/model.plan.json'), 'utf8')) as {
      steps: { kind: string; by?: string }[]
    }
    expect(plan.steps.map(({ kind, by }) => by ?? kind)).toEqual(['mask', 'retrain', 'mask', 'retrain', 'mask', 'retrain'])
    expect(await accuracyOf(folder, 'out/model.onnx')).toBeGreaterThan(0.9)
  })

  it('trains what was cut like any model, after it was repaired', async () => {
    await using folder = await folderWith()
    const cut = 'prune model.onnx --structure neuron --ratio 0.75 --calibrate train.npz'
    const { exitCode, stdout } = await run(
      folder,
      `${cut} --recover repair,retrain --train train.npz --steps 60 --schedule linear:2 --out out`,
    )
    expect(exitCode).toBe(0)
    expect(stdout).toContain('repair')
    expect(stdout).toContain('proof       cut = masked')
    expect(await accuracyOf(folder, 'out/model.onnx')).toBeGreaterThan(0.95)
  })

  it('trains halves as f32, and gives halves back', async () => {
    await using folder = await folderWith()
    await writeModel(await halved(join(folder.path, 'model.onnx')), join(folder.path, 'half.onnx'))
    const { exitCode, json } = await run(folder, `prune half.onnx --sparsity 0.9 ${RETRAIN} --distill --out out --json`)
    expect(exitCode).toBe(0)
    expect((json().sparsity as { after: number }).after).toBeCloseTo(0.9, 3)
    expect(await accuracyOf(folder, 'out/half.onnx')).toBeGreaterThan(0.95)
    const replayed = await run(folder, 'replay out/half.plan.json half.onnx --out replayed --json')
    expect(replayed.json().output).toMatchObject({ sha256: (json().output as { sha256: string }).sha256 })
  })

  it('interrupted, it keeps where it stands, and goes on from there', async () => {
    await using folder = await folderWith()
    const command = `prune model.onnx --sparsity 0.9 --recover retrain --train train.npz --steps 3000 --out out`
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), 2500)
    const stopped = await pare(command.split(' '), { cwd: folder.path, signal: abort.signal })
    clearTimeout(timer)
    expect(stopped.exitCode).toBe(130)
    expect(stopped.stderr).toMatch(/retraining stopped after step \d+; the same command goes on from there/)
    expect((await folder.files()).filter((file) => file.startsWith('out'))).toEqual(['out/model.training'])
    const { exitCode, stderr } = await run(folder, command)
    expect(exitCode).toBe(0)
    expect(stderr).toMatch(/retraining went on from step \d+/)
    expect((await folder.files()).filter((file) => file.startsWith('out'))).toEqual([
      'out/model.onnx',
      'out/model.plan.bin',
      'out/model.plan.json',
    ])
  }, 300_000)

  it('says what is wrong with training data', async () => {
    await using folder = await folderWith({
      'train.jsonl': `${JSON.stringify({ input: Array(64).fill(0), label: 10 })}\n`.repeat(30),
    })
    const { exitCode, stderr } = await run(folder, `${PRUNE} --recover retrain --train train.jsonl --steps 3`)
    expect(exitCode).toBe(2)
    expect(stderr).toContain("sample 0 has the label 10, and the model's 10 classes are 0 to 9.")
    expect(await folder.files()).toEqual(['model.onnx', 'train.jsonl', 'train.npz', 'val.npz'])
  })
})

describe('pare run', () => {
  const config = (more: object, sparsity = 0.95) => ({
    'pare.config.json': JSON.stringify({
      models: [{ path: 'model.onnx', prune: [{ target: { sparsity } }], gate: { maxDrop: 0.03 } }],
      evaluate: { data: 'val.npz', metric: 'accuracy' },
      ...more,
    }),
  })

  it('passes with stages and retraining a gate that fails without, and says what that bought', async () => {
    await using without = await folderWith(config({}))
    expect((await run(without, 'run --quiet')).exitCode).toBe(1)
    const schedule = { kind: 'iterative', steps: 3, curve: 'cubic' }
    await using folder = await folderWith(
      config({ train: 'train.npz', recover: { retrain: { epochs: 20, learningRate: 0.002 } }, schedule }),
    )
    const { exitCode, json } = await run(folder, 'run --quiet --json')
    expect(exitCode).toBe(0)
    const [model] = runResults.parse(json()).models
    expect(model).toMatchObject({
      verdict: 'pass',
      training: { path: 'train.npz', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    })
    expect(model!.trainings).toHaveLength(3)
    expect(model!.sparsity).toMatchObject({ target: 0.95, after: expect.closeTo(0.95, 4) })
    expect(model!.steps!.filter((step) => step.startsWith('retrained: '))).toHaveLength(3)
    expect(await readFile(join(folder.path, 'pare-out/summary.md'), 'utf8')).toContain('loss while it was retrained')
    expect(await readFile(join(folder.path, 'pare-out/report.html'), 'utf8')).toContain('<h3>Retraining</h3>')
  })

  it('in one shot also measures the model before it was recovered', async () => {
    await using folder = await folderWith(config({ train: 'train.npz', recover: 'retrain' }))
    const { json } = await run(folder, 'run --quiet --json --epochs 20')
    const [model] = runResults.parse(json()).models
    expect(model!.unrecovered!.metrics.accuracy).toBeLessThan(0.6)
    expect(model!.pruned!.metrics.accuracy).toBeGreaterThan(0.93)
    expect(await readFile(join(folder.path, 'pare-out/summary.md'), 'utf8')).toContain('recovery: accuracy 0.')
  })

  it('prunes by movement while it trains, and reports that sparsity', async () => {
    const movement = { recover: { retrain: { epochs: 60, learningRate: 0.002, movement: { sparsity: 0.8 } } } }
    await using folder = await folderWith(config({ train: 'train.npz', ...movement }, 0.1))
    const { exitCode, json } = await run(folder, 'run --quiet --json')
    expect(exitCode).toBe(0)
    const [model] = runResults.parse(json()).models
    expect(model!.sparsity).toMatchObject({ before: 0, after: expect.closeTo(0.8, 4) })
    expect(model!.parameters!.nonzero / model!.parameters!.after).toBeCloseTo(0.2, 1)
    const replayed = await run(folder, 'replay pare-out/model.plan.json model.onnx --out replayed --json')
    expect((replayed.json().output as { sha256: string }).sha256).toBe(model!.pruned!.sha256)
  })

  it('refuses evaluation data for training, and warns of the same in another file', async () => {
    await using same = await folderWith(config({ train: 'val.npz', recover: 'retrain' }))
    const { exitCode, stderr } = await run(same, 'run')
    expect(exitCode).toBe(2)
    expect(stderr).toContain(
      'train: the training data val.npz are the evaluation data: a model that was trained on them is not measured by them.',
    )
    await using folder = await folderWith(config({ train: 'copy.npz', recover: { retrain: { steps: 2 } } }, 0.1))
    await copyFile(join(folder.path, 'val.npz'), join(folder.path, 'copy.npz'))
    expect((await run(folder, 'run')).stderr).toContain(
      'warning: model.onnx: 450 of the 450 evaluation samples that were looked at are in the training data, too (copy.npz): what is learned by heart',
    )
  })

  it('tells everything that is wrong with recovery at once', async () => {
    await using folder = await folderWith(
      config({ loss: 'mse', recover: { repair: true, retrain: { steps: 3, epochs: 1 } }, schedule: { kind: 'iterative' } }),
    )
    const { exitCode, stderr } = await run(folder, 'run')
    expect(exitCode).toBe(2)
    for (const problem of [
      "loss: is 'mse', and there are no training data.",
      'recover: recover: repair needs calibration data, and there are none.',
      'recover: recover: retrain needs training data, and there are none.',
      'recover: retrain: steps (3) and epochs (1) both say how long.',
    ])
      expect(stderr).toContain(problem)
  })
})

describe('what is to be done about what is left', () => {
  it('is what was said, with what the command line says of it over that', () => {
    const none = { isPreset: false, data: undefined, overrides: {} }
    expect(recoverOf('retrain', none)).toEqual({ repair: false, retrain: {} })
    expect(recoverOf('retrain', { ...none, overrides: { steps: 5 } })).toEqual({ repair: false, retrain: { steps: 5 } })
    const recover = { repair: true, retrain: { epochs: 4, batch: 8 } }
    expect(recoverOf(recover, { ...none, overrides: { steps: 5, distill: true } })).toEqual({
      repair: true,
      retrain: { batch: 8, steps: 5, distill: true },
    })
    expect(recoverOf(recover, { ...none, overrides: { learningRate: 1 } })).toEqual({
      repair: true,
      retrain: { ...recover.retrain, learningRate: 1 },
    })
  })
})
