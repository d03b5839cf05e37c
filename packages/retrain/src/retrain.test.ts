import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { evaluate } from '@pare/evaluate'
import { editTensor, type Model, makePayload, withTensors, writeModel } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { retrain } from './retrain.js'
import type { RetrainResult } from './retrain-once.js'
import type { StepProgress } from './train.js'
import { loaded, temporaryFolder, testModel, untrained } from './training.test.support.js'

const folder = temporaryFolder()
const mlp = loaded('mlp-digits.onnx')
const data = testModel('data/digits-calibrate.npz')

function applied(model: Model, { tensors }: RetrainResult): Model {
  const by = new Map(tensors.map((tensor) => [tensor.id, tensor.values]))
  return withTensors(model, (tensor, id) => {
    const values = by.get(id)
    return values === undefined
      ? tensor
      : editTensor(tensor, { data: makePayload(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) })
  })
}

describe('in a process of its own', () => {
  test('mlp-digits comes from random weights to within a point of its published accuracy, 0.9778', async () => {
    const model = untrained(await mlp)
    const steps: StepProgress[] = []
    const trained = await retrain(
      model,
      { data, epochs: 40, learningRate: 2e-3 },
      { onProgress: (progress) => steps.push(progress) },
    )
    const path = join(folder, 'trained.onnx')
    await writeModel(applied(model, trained), path)
    const { metrics } = await evaluate({ model: path, data: testModel('data/digits-evaluate.npz'), metrics: ['accuracy'] })
    expect(metrics.accuracy).toBeGreaterThanOrEqual(0.9678)
    expect(trained).toMatchObject({ ended: 'finished', samples: { trained: 1280, heldOut: 67 }, frozen: new Map() })
    expect(trained.tensors.map(({ id }) => id)).toEqual(['0.weight', '0.bias', '2.weight', '2.bias', '4.weight', '4.bias'])
    expect(trained.curve[0]).toMatchObject({ step: 0, heldOut: trained.start })
    expect(trained.best.heldOut!.loss).toBeLessThan(trained.start!.loss / 5)
    expect(trained.peakMemoryBytes).toBeGreaterThan(0)
    expect(steps.at(-1)).toMatchObject({ step: trained.recipe.steps, steps: trained.recipe.steps, msPerStep: expect.any(Number) })
  })

  test('aborted, it stops after the step it is at, keeps the best, and goes on later', async () => {
    const abort = new AbortController()
    const state = join(folder, 'stopped.state')
    const options = { data, steps: 20_000, evaluateEvery: 20, state }
    const stopped = await retrain(await mlp, options, {
      signal: abort.signal,
      onProgress: ({ step }) => {
        if (step >= 40) abort.abort(new Error('enough'))
      },
    })
    expect(stopped.ended).toBe('stopped')
    expect(stopped.steps).toBeLessThan(20_000)
    expect(stopped.best.step % 20).toBe(0)
    expect(existsSync(state)).toBe(true)
    const other = new AbortController()
    const more = await retrain(await mlp, options, { signal: other.signal, onProgress: () => other.abort() })
    expect(more).toMatchObject({ ended: 'stopped', resumedAt: stopped.steps })
  })

  test('aborted before it begins, it does not', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(retrain(await mlp, { data, steps: 1 }, { signal })).rejects.toThrow('enough')
  })

  test('block by block, each layer comes near to what it gave before it was pruned', async () => {
    const whole = await mlp
    const noisy = untrained(whole)
    const hidden = ['/1/Relu_output_0', '/3/Relu_output_0', 'logits'].map((name) => [name, name] as const)
    const distill = { teacher: whole, hidden, blocks: true }
    const trained = await retrain(noisy, { data, epochs: 30, learningRate: 3e-3, distill })
    expect(trained.tensors.map(({ id }) => id)).toEqual(['0.weight', '0.bias', '2.weight', '2.bias', '4.weight', '4.bias'])
    expect(trained.steps).toBe(3 * 200)
    expect(trained.best.heldOut!.metric!.name).toBe('mse')
    const path = join(folder, 'blocks.onnx')
    await writeModel(applied(noisy, trained), path)
    const { metrics } = await evaluate({ model: path, data: testModel('data/digits-evaluate.npz'), metrics: ['accuracy'] })
    expect(metrics.accuracy).toBeGreaterThan(0.9)
    await expect(retrain(whole, { data, distill: { ...distill, hidden: [] } })).rejects.toThrow(
      'no hidden values say where blocks end',
    )
    await expect(retrain(whole, { data, distill: { ...distill, hidden: [hidden[1]!, hidden[0]!] } })).rejects.toThrow(
      "'/1/Relu_output_0' depends on no parameter",
    )
  })

  test('what is wrong is told, with what to do', async () => {
    await expect(
      retrain(await mlp, { data, batch: 0, steps: 1.5, epochs: 1, schedule: 'square' as 'linear' }),
    ).rejects.toMatchObject({
      name: 'PareError',
      message:
        "retrain: steps is 1.5, expected a whole number from 1 on; batch is 0, expected a whole number from 1 on; steps (1.5) and epochs (1) both say how long; schedule is 'square', expected cosine, linear or constant.",
      hint: expect.any(String),
    })
    await expect(retrain(await mlp, { data: join(folder, 'none.npz') })).rejects.toThrow('none.npz: no such file')
    await expect(retrain(await mlp, { data, learningRate: 1e30, optimizer: { name: 'sgd' }, clip: 1e30 })).rejects.toMatchObject({
      name: 'PareError',
      message: expect.stringContaining('training was of no use: '),
      hint: expect.stringContaining('1e+29'),
    })
  })
})
