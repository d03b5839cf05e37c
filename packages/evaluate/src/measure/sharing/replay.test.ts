import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { array, npzBytes, put, temporaryFolder, testModel } from '../../fixture.test.files.js'
import { evaluate } from '../../jobs.test.files.js'
import type { EvaluateRequest, Evaluation } from '../../process/request.js'

const folder = temporaryFolder()
let recordings = 0

/** Runs all shares, and puts them together. */
async function inShares(request: EvaluateRequest, count: number): Promise<Evaluation> {
  const paths = await record(request, count)
  return await evaluate({ ...request, recordings: [...paths].reverse() })
}

async function record(request: EvaluateRequest, count: number): Promise<string[]> {
  const paths: string[] = []
  for (let index = 1; index <= count; index++) {
    const recording = join(folder, `recording-${recordings++}`)
    await evaluate({ ...request, share: { index, count, recording } })
    paths.push(recording)
  }
  return paths
}

/** What depends on the machine, and on which process ran. */
function decisive({ durationMs: _, peakMemoryBytes: __, ...evaluation }: Evaluation) {
  return JSON.parse(JSON.stringify(evaluation))
}

const writeText = async (name: string, text: string) => put(folder, name, await modelBytes(parseText(text)))

/** Ten samples of three numbers, no two alike. */
const numbers = Array.from({ length: 30 }, (_, i) => Math.sin(i * 1.7) * 3)
const x = array('float32', [10, 3], numbers)

describe('shares of an evaluation, put together, are the evaluation of all samples', () => {
  test.each([
    [
      'one class a sample',
      { label: array('int64', [10], [0, 1, 2, 0, 1, 2, 0, 1, 0, 0]) },
      ['accuracy', 'top-2', 'f1', 'auc', 'cross-entropy', 'balanced-accuracy', 'agreement', 'kl', 'brier'],
    ],
    [
      'several labels at once',
      {
        label: array(
          'uint8',
          [10, 3],
          numbers.map((n) => Number(n > 0.2)),
        ),
      },
      ['f1:average=micro', 'average-precision', 'auc'],
    ],
    [
      'values',
      {
        label: array(
          'float32',
          [10, 3],
          numbers.map((n) => n + 0.5 * n * n),
        ),
      },
      ['mse', 'mae', 'r2'],
    ],
  ])('%s', async (_, labels, metrics) => {
    const request = {
      model: await writeText('own.onnx', 'own (float[N, 3] x) => (float[N, 3] y) <float[3] w = {1, -1, 1}> { y = Mul(x, w) }'),
      reference: await writeText('same.onnx', 'same (float[N, 3] x) => (float[N, 3] y) { y = Identity(x) }'),
      data: put(folder, 'data.npz', npzBytes({ x, ...labels, kind: array('int64', [10], [1, 1, 2, 2, 3, 3, 1, 2, 3, 1]) })),
      ...{ metrics, slices: ['kind'], batch: 2 },
    }
    const whole = decisive(await evaluate(request))
    expect(whole.unmeasured).toEqual([])
    // The last has no batch of its own.
    for (const count of metrics.length > 3 ? [1, 3, 6] : [3]) expect(decisive(await inShares(request, count))).toEqual(whole)
  })

  test.each([
    ['kjv-bert.onnx', 'kjv', ['accuracy', 'f1']],
    ['lm-llama.onnx', 'lm', ['perplexity']],
  ])(
    '%s',
    async (model, data, metrics) => {
      const part = { seed: 0, from: 0, to: 0.05 }
      const request = { model: testModel(model), data: testModel(`data/${data}-evaluate.npz`), metrics, part }
      expect(decisive(await inShares(request, 2))).toEqual(decisive(await evaluate(request)))
    },
    120_000,
  )

  test('a value that is missing is missing in the whole, and outputs that are all the same are seen', async () => {
    const nothing = await writeText('log.onnx', 'log (float[N, 3] x) => (float[N, 3] y) { y = Log(x) }')
    const constant = await writeText('zero.onnx', 'zero (float[N, 3] x) => (float[N, 3] y) { z = Sub(x, x) y = Exp(z) }')
    const data = put(folder, 'labels.npz', npzBytes({ x, label: array('int64', [10], [0, 1, 2, 0, 1, 2, 0, 1, 0, 0]) }))
    for (const model of [nothing, constant]) {
      const request = { model, data, metrics: ['accuracy'], batch: 3 }
      expect(decisive(await inShares(request, 3))).toEqual(decisive(await evaluate(request)))
    }
  })
})

describe('what is no whole is refused', async () => {
  const model = await writeText('identity.onnx', 'same (float[N, 3] x) => (float[N, 3] y) { y = Identity(x) }')
  const label = array('int64', [10], [0, 1, 2, 0, 1, 2, 0, 1, 0, 0])
  const data = put(folder, 'ten.npz', npzBytes({ x, label }))
  const request = { model, data, metrics: ['accuracy'], batch: 2 }
  const merged = (paths: readonly string[], other: Partial<EvaluateRequest> = {}) =>
    evaluate({ ...request, ...other, recordings: paths })

  test('a share that is missing, there twice, or of another split', async () => {
    const [one, two, three] = await record(request, 3)
    const [half] = await record(request, 2)
    await expect(merged([one!, three!])).rejects.toThrow('recordings of the shares 1/3, 3/3 are no whole')
    await expect(merged([one!, one!, three!])).rejects.toThrow('are no whole')
    await expect(merged([half!, two!])).rejects.toThrow('are no whole')
  })

  test('a recording that was cut off or changed', async () => {
    const [one, two] = await record(request, 2)
    const bytes = readFileSync(two!)
    for (const [at, content] of [
      bytes.subarray(0, bytes.length - 9),
      bytes.subarray(0, 40),
      Buffer.from('no gzip'),
      Buffer.alloc(0),
    ].entries()) {
      const damaged = join(folder, `damaged-${recordings}-${at}`)
      writeFileSync(damaged, content)
      await expect(merged([one!, damaged])).rejects.toThrow('is damaged or not whole')
    }
  })

  test('other data and another batch', async () => {
    const paths = await record(request, 2)
    const fewer = put(
      folder,
      'eight.npz',
      npzBytes({ x: array('float32', [8, 3], numbers.slice(0, 24)), label: array('int64', [8], [0, 1, 2, 0, 1, 2, 0, 1]) }),
    )
    await expect(merged(paths, { data: fewer })).rejects.toThrow('holds batch 4 of the samples 8 to 9, expected 8 samples')
    await expect(merged(paths, { batch: 5 })).rejects.toThrow('holds batches of 2')
  })

  test('classes that are numbered as they are met', async () => {
    const names = put(folder, 'names.csv', 'x,label\na,a\nb,b\nc,a\nb,b\n')
    const one = await writeText('one.onnx', 'one (string[N, 1] x) => (string[N, 1] y) { y = Identity(x) }')
    const named = { model: one, data: names, metrics: ['accuracy'], batch: 1 }
    await expect(record({ ...named, classes: ['a', 'b'] }, 2)).rejects.toThrow("the class 'c' has no number")
    await expect(record({ ...named, classes: ['a', 'b'] }, 1)).resolves.toHaveLength(1)
    await expect(record({ ...named, classes: ['a', 'b', 'c'] }, 2)).resolves.toHaveLength(2)
  })
})
