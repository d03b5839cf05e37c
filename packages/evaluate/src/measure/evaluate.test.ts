import { linkSync } from 'node:fs'
import { join } from 'node:path'
import { editGraph, editModel, editTensor, modelBytes, parseText, writeModel } from '@pare/onnx'
import { beforeAll, describe, expect, test } from 'vitest'
import { array, npzBytes, put, temporaryFolder, testModel } from '../fixture.test.files.js'
import { evaluate as evaluateHere } from '../jobs.test.files.js'
import type { EvaluateRequest } from '../process/request.js'
import { describeModel, evaluate } from './evaluate.js'

const folder = temporaryFolder()
const writeText = async (name: string, text: string) => put(folder, name, await modelBytes(parseText(text)))

describe('trained models reproduce the metrics they were published with', () => {
  test.each([
    ['mnist-resnet20-bn', 'mnist', 'accuracy', 0.984],
    ['mnist-resnet20-folded', 'mnist', 'accuracy', 0.984],
    ['mnist-mobilenet-bn', 'mnist', 'accuracy', 0.9875],
    ['mnist-mobilenet-folded', 'mnist', 'accuracy', 0.9875],
    ['kjv-bert', 'kjv', 'accuracy', 0.8325],
    ['mlp-digits', 'digits', 'accuracy', 0.9778],
    ['lm-llama', 'lm', 'perplexity', 25.6521],
  ])(
    '%s',
    async (model, data, metric, value) => {
      const evaluation = await evaluate({
        model: testModel(`${model}.onnx`),
        data: testModel(`data/${data}-evaluate.npz`),
        metrics: [metric],
      })
      expect(evaluation.metrics[metric]?.toFixed(4)).toBe(value.toFixed(4))
      expect(evaluation.ignored).toEqual([])
      expect(evaluation.onnxruntime).toMatch(/^\d+\.\d+\.\d+/)
    },
    300_000,
  )
})

// y = x: scores and labels are worked out by hand.
const identity = (batch: string) => `<ir_version: 8, opset_import: ["" : 17]>
  identity (float[${batch}, 3] x) => (float[${batch}, 3] y) { y = Identity(x) }`
const scores = [1, 2, 3, 5, 4, 0, 0, 9, 1, 3, 1, 2]
const four = { x: array('float32', [4, 3], scores), label: array('uint8', [4], [2, 1, 1, 2]) }

describe('a model that puts out its input', () => {
  let request: EvaluateRequest
  beforeAll(async () => {
    request = {
      model: await writeText('identity.onnx', identity('N')),
      data: put(folder, 'four.npz', npzBytes(four)),
      metrics: ['accuracy'],
    }
  })

  test('several metrics in one run, with their samples', async () => {
    const { metrics, measurements, samples } = await evaluateHere({ ...request, metrics: ['accuracy', 'top-2', 'f1'] })
    expect(samples).toBe(4)
    expect(metrics).toEqual({ accuracy: 0.5, 'top-2': 1, f1: expect.closeTo(4 / 9, 12) })
    expect(measurements[0]?.samples).toEqual({ kind: 'proportion', correct: [1, 0, 1, 0] })
  })

  test('results do not depend on the batch, fixed or free', async () => {
    const evaluation = await evaluateHere({ ...request, metrics: ['cross-entropy', 'f1'], batch: 4 })
    for (const batch of [1, 3, 100]) {
      expect((await evaluateHere({ ...request, metrics: ['cross-entropy', 'f1'], batch })).measurements).toEqual(
        evaluation.measurements,
      )
    }
    const model = await writeText('fixed.onnx', identity('3'))
    const fixed = await evaluateHere({ ...request, model, metrics: ['cross-entropy', 'f1'] })
    expect(fixed).toMatchObject({ batch: 3, samples: 4, measurements: evaluation.measurements })
    await expect(evaluateHere({ ...request, model, batch: 4 })).rejects.toThrow("a batch of 4, but the model's is fixed to 3.")
  })

  test('labels may be values', async () => {
    const target = array(
      'float32',
      [4, 3],
      scores.map((score) => score + 2),
    )
    const data = put(folder, 'values.npz', npzBytes({ x: four.x, label: target }))
    expect((await evaluateHere({ ...request, data, metrics: ['mse', 'mae'] })).metrics).toEqual({ mse: 4, mae: 2 })
  })

  test('without labels a reference over the same samples is the measure, and is measured itself', async () => {
    const model = await writeText(
      'turned.onnx',
      'turned (float[N, 3] x) => (float[N, 3] y) <float[3] w = {1, -1, 1}> { y = Mul(x, w) }',
    )
    const data = put(folder, 'unlabelled.npz', npzBytes({ x: four.x }))
    const { metrics, reference } = await evaluateHere({
      ...request,
      model,
      reference: request.model,
      data,
      metrics: ['agreement', 'kl'],
    })
    // The best classes 2, 0, 1, 0 become 2, 0, 2, 0.
    expect(metrics.agreement).toBe(0.75)
    expect(metrics.kl).toBeGreaterThan(0)
    expect(reference?.metrics).toEqual({ agreement: 1, kl: 0 })
  })

  test('NaN leaves a metric without a value and names the sample', async () => {
    // Log of a negative number.
    const model = await writeText('nan.onnx', 'nan (float[N, 3] x) => (float[N, 3] y) { y = Log(x) }')
    const data = put(
      folder,
      'negative.npz',
      npzBytes({
        ...four,
        x: array(
          'float32',
          [4, 3],
          scores.map((score, i) => (i === 7 ? -1 : score + 1)),
        ),
      }),
    )
    const { metrics, measurements, unmeasured } = await evaluateHere({ ...request, model, data, batch: 1 })
    expect(metrics).toEqual({})
    expect(measurements).toEqual([])
    expect(unmeasured).toEqual([{ metric: 'accuracy', reason: expect.stringContaining("output 'y' of sample 2 holds NaN") }])
  })

  test('everything that a metric lacks is said at once', async () => {
    const data = put(folder, 'range.npz', npzBytes({ ...four, label: array('uint8', [4], [0, 3, 1, 1]) }))
    const failure = await evaluateHere({ ...request, data, metrics: ['accuracy', 'kl', 'perplexity'] }).catch(
      (error: Error) => error,
    )
    expect(failure).toMatchObject({ name: 'PareError', hint: expect.any(String) })
    expect((failure as Error).message).toMatch(
      /label 3 of sample 1 is not one of the model's 3 classes, 0 to 2.*\n.*compares with a reference.*\n.*no input for token ids/,
    )
    const unlabelled = put(folder, 'bare.npz', npzBytes({ x: four.x }))
    await expect(evaluateHere({ ...request, data: unlabelled })).rejects.toThrow(
      "metric 'accuracy': the data have no labels: name their column, or array, with --label",
    )
    await expect(evaluateHere({ ...request, metrics: [] })).rejects.toThrow('no metric is named')
    await expect(evaluateHere({ ...request, output: 'z' })).rejects.toMatchObject({
      message: "identity.onnx: no output 'z'.",
      hint: 'outputs that can be measured: y.',
    })
  })

  test('a hundred thousand samples come back whole', async () => {
    const count = 100_000
    const x = array(
      'float32',
      [count, 3],
      Array.from({ length: 3 * count }, (_, i) => Number(i % 3 === Math.floor(i / 3) % 2)),
    )
    const data = put(folder, 'many.npz', npzBytes({ x, label: array('uint8', [count], new Array(count).fill(0)) }))
    const seen: number[] = []
    const evaluation = await evaluate(
      { ...request, data, batch: 1000, metrics: ['accuracy', 'cross-entropy'] },
      { onProgress: ({ done }) => seen.push(done) },
    )
    expect(evaluation.metrics.accuracy).toBe(0.5)
    expect(
      evaluation.measurements.map(
        ({ samples }) => ('values' in samples ? samples.values : 'correct' in samples ? samples.correct : []).length,
      ),
    ).toEqual([count, count])
    expect(seen.at(-1)).toBe(count)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  }, 300_000)
})

test('a file that is no model, and one that is a Git LFS pointer, are refused', async () => {
  const request = { data: put(folder, 'x.npz', npzBytes(four)), metrics: ['accuracy'] }
  const pointer = put(folder, 'lfs.onnx', 'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n')
  await expect(evaluate({ ...request, model: pointer })).rejects.toThrow('a Git LFS pointer')
  await expect(evaluate({ ...request, model: put(folder, 'bad.onnx', 'hello') })).rejects.toThrow(/bad\.onnx: .* at byte 2/)
  const unknown = await writeText('unknown.onnx', 'g (float[N, 3] x) => (float[N, 3] y) { y = Nonsense(x) }')
  await expect(evaluate({ ...request, model: unknown })).rejects.toThrow(
    /unknown\.onnx: ONNX Runtime cannot load the model: .*Nonsense/,
  )
  await expect(evaluate({ ...request, model: `${folder}/none.onnx` })).rejects.toThrow('none.onnx does not exist')
})

test('external data beside the model are read; hard links only with trust', async () => {
  const model = parseText(`scaled (float[N, 3] x) => (float[N, 3] y) <float[3] w = {1, -1, 1}> { y = Mul(x, w) }`)
  const initializers = model.graph.initializers.map((tensor) => editTensor(tensor, { storage: 'external' }))
  const path = join(folder, 'external.onnx')
  await writeModel(editModel(model, { graph: editGraph(model.graph, { initializers }) }), path)
  const request = { model: path, data: put(folder, 'external.npz', npzBytes(four)), metrics: ['accuracy'] }
  // The best classes 2, 0, 1, 0 become 2, 0, 2, 0: of the labels 2, 1, 1, 2 only the first is right.
  expect((await evaluate(request)).metrics).toEqual({ accuracy: 0.25 })
  linkSync(`${path}.data`, join(folder, 'second.data'))
  await expect(evaluate(request)).rejects.toThrow(/external\.onnx: external data .* hard link/)
  expect((await evaluate({ ...request, trusted: true })).metrics).toEqual({ accuracy: 0.25 })
})

test('a tiny model that unfolds to gigabytes is stopped at the memory limit', async () => {
  // 30,000 × 30,000 f32 are 3.6 GB.
  const model = await writeText(
    'bomb.onnx',
    `bomb (float[N, 3] x) => (float[N, 3] y) <int64[2] size = {30000, 30000}> {
      many = ConstantOfShape<value: tensor = float[1] {1}>(size)
      sum = ReduceSum<keepdims: int = 0>(many)
      y = Add(x, sum)
    }`,
  )
  const request = { model, data: put(folder, 'bomb.npz', npzBytes(four)), metrics: ['accuracy'] }
  await expect(evaluate(request, { memoryLimitBytes: 500 * 2 ** 20 })).rejects.toThrow(
    /bomb\.onnx: stopped at \d+ MiB of resident memory/,
  )
})

test('a data module runs only with trust, and says so in a way the exit code can follow', async () => {
  const model = await writeText('module.onnx', identity('N'))
  const data = put(folder, 'data.mjs', 'export default [{ x: [1, 2, 3], label: 2 }]')
  await expect(evaluate({ model, data, metrics: ['accuracy'] })).rejects.toMatchObject({ name: 'PareError', kind: 'untrusted' })
  expect((await evaluate({ model, data, metrics: ['accuracy'], trusted: true })).metrics).toEqual({ accuracy: 1 })
})

test('a loader lets a data module be TypeScript', async () => {
  const model = await writeText('typescript.onnx', identity('N'))
  const data = put(folder, 'data.ts', 'export default [{ x: [1, 2, 3] as number[], label: 2 as number }]')
  const hooks = `export async function load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context)
    const { readFileSync } = await import('node:fs')
    return { format: 'module', shortCircuit: true, source: readFileSync(new URL(url), 'utf8').replace(/ as [a-z\\[\\]]+/g, '') }
  }`
  const register = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)})`
  const loader = `data:text/javascript,${encodeURIComponent(register)}`
  expect((await evaluate({ model, data, metrics: ['accuracy'], trusted: true }, { loader })).metrics).toEqual({ accuracy: 1 })
})

test('a model describes its inputs and outputs', async () => {
  expect(await describeModel(await writeText('described.onnx', identity('batch')))).toEqual({
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', 3] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['batch', 3] }],
  })
})
