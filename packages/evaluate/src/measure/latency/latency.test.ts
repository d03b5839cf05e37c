import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { put, temporaryFolder } from '../../fixture.test.files.js'
import type { EvaluationProgress } from '../../process/request.js'
import { benchModels } from '../evaluate.js'

const folder = temporaryFolder()
const text = async (name: string, source: string) => put(folder, `${name}.onnx`, await modelBytes(parseText(source)))
const model = (name: string, inputs: string) => text(name, `g (${inputs}) => (float[N, M] y) { y = Relu(x) }`)

describe('benchModels', () => {
  it('times both models once for each number of threads and each batch', async () => {
    const path = await model('open', 'float[N, 4] x')
    const reports: EvaluationProgress[] = []
    const request = { reference: path, pruned: path, threads: [1, 2, 1], batches: [1, 3], runs: 8 }
    const { cases, executionProvider, onnxruntime } = await benchModels(request, { onProgress: (each) => reports.push(each) })
    expect(cases.map(({ threads, batch, runs, sizes }) => ({ threads, batch, runs, sizes }))).toEqual([
      { threads: 1, batch: 1, runs: 8, sizes: { N: 1 } },
      { threads: 1, batch: 3, runs: 8, sizes: { N: 3 } },
      { threads: 2, batch: 1, runs: 8, sizes: { N: 1 } },
      { threads: 2, batch: 3, runs: 8, sizes: { N: 3 } },
    ])
    for (const { referenceMs, prunedMs, speedup } of cases) {
      expect(Math.min(referenceMs, prunedMs)).toBeGreaterThan(0)
      expect(speedup.interval[0]).toBeLessThanOrEqual(speedup.value)
      expect(speedup.interval[1]).toBeGreaterThanOrEqual(speedup.value)
    }
    expect(executionProvider).toBe('cpu')
    expect(onnxruntime).toMatch(/^\d+\.\d+/)
    expect(reports.length).toBeGreaterThan(0)
    for (const { done, total } of reports) expect([done >= 0 && done <= 4, total]).toEqual([true, 4])
  })

  it('takes the batch of a model that has one for good, and refuses another', async () => {
    const path = await model('fixed', 'float[2, 4] x')
    const bench = (batches?: number[]) =>
      benchModels({ reference: path, pruned: path, threads: [1], runs: 6, ...(batches && { batches }) })
    expect((await bench()).cases).toMatchObject([{ batch: 2, sizes: {} }])
    await expect(bench([1])).rejects.toThrow('a batch of 1, but fixed.onnx takes batches of 2 only')
  })

  it('gives open axes a usual size, or the one that is asked for', async () => {
    const path = await model('axes', 'float[N, 3, H, W] x, int64[N, seq] ids')
    const bench = async (dims: Record<string, number>) =>
      (await benchModels({ reference: path, pruned: path, threads: [1], batches: [2], runs: 6, dims })).cases[0]?.sizes
    expect(await bench({ W: 32, seq: 5 })).toEqual({ N: 2, H: 224, W: 32, seq: 5 })
    await expect(bench({ width: 32 })).rejects.toMatchObject({
      message: "axes.onnx leaves no size 'width' open.",
      hint: 'sizes that can be given: N, H, W, seq.',
    })
  })

  it('names everything in which the inputs of two models differ', async () => {
    const reference = await model('one', 'float[N, 4] x, float[N] only')
    const pruned = await model('two', 'float[N, 5] x, int64[N] more')
    await expect(benchModels({ reference, pruned, runs: 6 })).rejects.toThrow(
      /input 'x' is float32\[N, 4\] in one.onnx and float32\[N, 5\] in two.onnx[\s\S]*two.onnx has no input 'only'[\s\S]*one.onnx has no input 'more'/,
    )
  })

  it('says which sizes a model does not run with', async () => {
    const path = await text('half', 'g (float[N, K] x) => (float[A, B] y) <int64[2] s = {-1, 7}> { y = Reshape(x, s) }')
    await expect(benchModels({ reference: path, pruned: path, threads: [1], batches: [1], runs: 6 })).rejects.toThrow(
      'half.onnx does not run with N=1, K=16',
    )
  })

  it('times the pruned model on sparse kernels too, where it has sparse weights', async () => {
    const size = 512
    const source = `g (float[N, ${size}] x) => (float[N, ${size}] y) <float[${size}, ${size}] w> { h = MatMul(x, w) r = Relu(h) y = MatMul(r, w) }`
    // One of fifty is not zero.
    const values = Float32Array.from({ length: size * size }, (_, i) => ((i * 7919) % 50 === 0 ? Math.sin(i) : 0))
    const path = await put(folder, 'sparse.onnx', await modelBytes(parseText(source, { w: values })))
    const request = { reference: path, pruned: path, threads: [1], batches: [64], runs: 8 } as const
    const [timed] = (await benchModels(request)).cases
    const { plan, timed: times } = timed!.sparse!
    expect(plan.layers.map(({ in: inputs, out, samples, format }) => [inputs, out, samples, format])).toEqual([
      [size, size, 64, 'rows'],
      [size, size, 64, 'rows'],
    ])
    expect(plan.layers[0]!.sparsity).toBeCloseTo(0.98, 3)
    // Which is faster is up to the machine; what was chosen was timed.
    expect(times !== null).toBe(plan.kind === 'sparse')
    if (times !== null) expect(times.overPruned.speedup.value).toBeGreaterThan(0)
    expect((await benchModels({ ...request, sparse: 'never' })).cases[0]!.sparse).toBeNull()
  })

  it('says why a model without sparse weights has no sparse run', async () => {
    const path = await model('plain', 'float[N, 4] x')
    const { cases } = await benchModels({ reference: path, pruned: path, threads: [1], batches: [1], runs: 6 })
    expect(cases[0]!.sparse).toMatchObject({
      timed: null,
      plan: { kind: 'dense', layers: [], reason: expect.stringContaining('50 % zeros') },
    })
  })
})
