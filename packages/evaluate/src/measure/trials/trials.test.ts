import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { array, npzBytes, put, temporaryFolder, testModel } from '../../fixture.test.files.js'
import { evaluate } from '../evaluate.js'
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

  test('a share of the samples is rounded, and of data that do not say how many they are it is counted', async () => {
    await using trials = openTrials(SCALED)
    // Half of three: two.
    expect(await trials.losses({ settings: [off], against: { metric: 'accuracy' }, share: 0.5 })).toEqual([1])
    expect(await trials.losses({ settings: [off], against: { metric: 'accuracy' }, share: 0.01 })).toEqual([1])
    const lines = put(
      folder,
      'rows.jsonl',
      [2, 0, -2].map((x, i) => JSON.stringify({ x: [x, 0], label: Number(i === 2) })).join('\n'),
    )
    await using counted = openTrials({ ...SCALED, data: lines })
    expect(await counted.losses({ settings: [off], against: { metric: 'accuracy' }, share: 0.5 })).toEqual([1])
  })

  test('values that lie in a file are read there, and kept', async () => {
    const path = put(folder, 'scale.bin', new Uint8Array(Float32Array.of(0, 1).buffer))
    await using trials = openTrials(SCALED)
    const stored = { s: { type: 'float32', shape: [2], path } } as const
    const [kept] = await trials.losses({ settings: [stored], against: 'outputs' })
    expect([kept]).toEqual(await trials.losses({ settings: [off], against: 'outputs' }))
    await rm(path)
    expect(await trials.losses({ settings: [stored], against: 'outputs' })).toEqual([kept])
    await expect(
      trials.losses({
        settings: [{ s: { ...stored.s, path: put(folder, 'short.bin', new Uint8Array(4)) } }],
        against: 'outputs',
      }),
    ).rejects.toThrow('short.bin holds 4 bytes, and float32[2] takes 8')
  })

  test('the divergence of logits is that of the metric, place by place, padding left out', async () => {
    const random = (n: number, by: number) => Array.from({ length: n }, (_, i) => 3 * Math.sin(by * i * i + i))
    const text = `g (int64[N, S] input_ids, int64[N, S] attention_mask, float[5] s) => (float[N, S, 5] logits) <float[6, 5] e = {${random(30, 1).map((v) => v.toFixed(4))}}>
      { h = Gather(e, input_ids) logits = Mul(h, s) }`
    const model = put(folder, 'tokens.onnx', await modelBytes(parseText(text)))
    const ids = put(
      folder,
      'tokens.npz',
      npzBytes({
        input_ids: array('int64', [2, 4], [1, 2, 3, 4, 5, 0, 1, 1]),
        attention_mask: array('int64', [2, 4], [1, 1, 1, 1, 1, 1, 1, 0]),
      }),
    )
    await using trials = openTrials({ model, data: ids, defaults: { s: array('float32', [5], [1, 1, 1, 1, 1]) } })
    const changed = { s: array('float32', [5], [1, 0.5, -1, 2, 1.5]) }
    const [own] = await trials.losses({ settings: [changed], against: 'outputs' })
    const [metric] = await trials.losses({ settings: [changed], against: { metric: 'kl' } })
    expect(own).toBeCloseTo(metric!, 6)
    expect(own).toBeGreaterThan(0.1)
    const nan = { s: array('float32', [5], [1, Number.NaN, 1, 1, 1]) }
    expect(await trials.losses({ settings: [nan, {}], against: 'outputs' })).toEqual([Number.NaN, 0])
  })

  test('of values of which nothing says where classes are, the mean squared difference', async () => {
    const model = put(
      folder,
      'values.onnx',
      await modelBytes(parseText('g (float[N, 2, 3] x, float[3] s) => (float[N, 2, 3] y) { y = Mul(x, s) }')),
    )
    const x = put(folder, 'values.npz', npzBytes({ x: array('float32', [2, 2, 3], [1, 0, 0, 2, 0, 0, 0, 0, 0, 3, 5, 7]) }))
    await using trials = openTrials({ model, data: x, defaults: { s: array('float32', [3], [1, 1, 1]) } })
    const settings = [{ s: array('float32', [3], [0, 1, 1]) }, {}]
    // (1 + 4) ÷ 6 and 9 ÷ 6, their mean.
    expect((await trials.losses({ settings, against: 'outputs' }))[0]).toBeCloseTo((5 / 6 + 9 / 6) / 2, 12)
    expect((await trials.losses({ settings, against: 'outputs' }))[1]).toBe(0)
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
