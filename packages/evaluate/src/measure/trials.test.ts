import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { array, npzBytes, put, temporaryFolder, testModel } from '../fixture.test.files.js'
import { evaluate } from './evaluate.js'
import { openTrials } from './open-trials.js'

const folder = temporaryFolder()
const DIGITS = { model: testModel('mlp-digits.onnx'), data: testModel('data/digits-evaluate.npz'), defaults: {} }

// Two classes; the logit of the first is s · x.
const scaled = put(
  folder,
  'scaled.onnx',
  await modelBytes(parseText('g (float[N, 2] x, float[2] s) => (float[N, 2] logits) { logits = Mul(x, s) }')),
)
const data = put(
  folder,
  'data.npz',
  npzBytes({ x: array('float32', [3, 2], [2, 0, 0, 0, -2, 0]), label: array('uint8', [3], [0, 0, 1]) }),
)
const one = { s: array('float32', [2], [1, 1]) }
const SCALED = { model: scaled, data, defaults: one }
const off = { s: array('float32', [2], [0, 1]) }
/** −log p of the first of two classes whose logits are x and 0. */
const nll = (x: number) => Math.log(1 + Math.exp(-x))

describe('trials', () => {
  test('losses are those of the formulas, and the model stays loaded from round to round', async () => {
    await using trials = openTrials(SCALED)
    const [whole, without] = await trials.losses({ settings: [{}, off], against: 'labels' })
    expect(whole).toBeCloseTo((nll(2) + nll(0) + nll(2)) / 3, 6)
    expect(without).toBeCloseTo(Math.log(2), 6)
    // KL(p ‖ ½) = log 2 − H(p), 0 for the second sample.
    const p = 1 / (1 + Math.exp(-2))
    const entropy = -p * Math.log(p) - (1 - p) * Math.log(1 - p)
    const [same, apart] = await trials.losses({ settings: [{}, off], against: 'outputs' })
    expect(same).toBe(0)
    expect(apart).toBeCloseTo((2 * (Math.log(2) - entropy)) / 3, 6)
    expect(await trials.losses({ settings: [off], against: { metric: 'accuracy' } })).toEqual([2 / 3])
  })

  test('only the first so many samples, and progress counts settings too', async () => {
    await using trials = openTrials({ ...SCALED, batch: 1 })
    const reports: object[] = []
    const round = { settings: [{}, off], against: 'labels', samples: 2 } as const
    const [whole] = await trials.losses(round, (progress) => reports.push(progress))
    expect(whole).toBeCloseTo((nll(2) + nll(0)) / 2, 6)
    expect(reports.at(-1)).toEqual({ done: 4, total: 4 })
    await using larger = openTrials({ ...SCALED, batch: 3 })
    expect((await larger.losses(round))[0]).toBeCloseTo(whole!, 9)
  })

  test('agrees with evaluate on a trained model', async () => {
    await using trials = openTrials(DIGITS)
    const { metrics } = await evaluate({ ...DIGITS, metrics: ['cross-entropy', 'accuracy'] })
    expect(await trials.losses({ settings: [{}], against: 'labels' })).toEqual([metrics['cross-entropy']])
    expect(await trials.losses({ settings: [{}], against: { metric: 'accuracy' } })).toEqual([metrics.accuracy])
  })

  test('NaN has no loss', async () => {
    await using trials = openTrials(SCALED)
    const nan = { s: array('float32', [2], [Number.NaN, 1]) }
    expect(await trials.losses({ settings: [nan, {}], against: 'labels' })).toEqual([Number.NaN, expect.any(Number)])
  })

  test('what is wrong is told, in whichever round', async () => {
    await using missing = openTrials({ ...SCALED, defaults: {} })
    await expect(missing.losses({ settings: [{}], against: 'labels' })).rejects.toThrow("no array for input 's'")
    await using trials = openTrials(SCALED)
    await trials.losses({ settings: [{}], against: 'labels' })
    await expect(trials.losses({ settings: [{}], against: { metric: 'perplexity' } })).rejects.toMatchObject({
      name: 'PareError',
      message: expect.stringContaining('no input for token ids'),
    })
    await using nowhere = openTrials({ ...SCALED, data: join(folder, 'none.npz') })
    await expect(nowhere.losses({ settings: [{}], against: 'labels' })).rejects.toThrow('none.npz')
  })

  test('an abort ends it', async () => {
    const abort = new AbortController()
    await using trials = openTrials(SCALED, { signal: abort.signal })
    await trials.losses({ settings: [{}], against: 'labels' })
    abort.abort(new Error('enough'))
    await expect(trials.losses({ settings: [{}], against: 'labels' })).rejects.toThrow('enough')
  })

  test('one that was never asked for anything can be closed', async () => {
    const trials = openTrials(SCALED)
    await expect(trials[Symbol.asyncDispose]()).resolves.toBeUndefined()
  })
})
