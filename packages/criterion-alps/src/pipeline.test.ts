import { applyPlan, formatPlan, makePlan, parsePlan, planOf, planPayloads, type Solver, type Structure } from '@pare/core'
import { type Model, makePayload, modelBytes, parseText, readAll } from '@pare/onnx'
import { element } from '@pare/structure-element'
import { arrayForward } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { alps } from './index.js'

const wave = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed) + Math.cos(i * i * 0.31))

const models: Record<string, () => { model: Model; x: { data: Float32Array; shape: number[] } }> = {
  'MatMul and Gemm': () => ({
    model: parseText(
      'g (float[N, 12] x) => (float[N, 5] y) <float[12, 16] a, float[5, 16] b> { h = MatMul(x, a) r = Relu(h) y = Gemm<transB = 1>(r, b) }',
      { a: wave(192, 1), b: wave(80, 2) },
    ),
    x: { data: wave(12 * 300, 3), shape: [300, 12] },
  }),
  'Conv with groups': () => ({
    model: parseText(
      'g (float[N, 4, 6, 6] x) => (float[N, 6, 6, 6] y) <float[6, 2, 3, 3] w, float[6] b = {1, 2, 3, 4, 5, 6}> { y = Conv<group = 2, pads = [1, 1, 1, 1]>(x, w, b) }',
      { w: wave(108, 1) },
    ),
    x: { data: wave(40 * 144, 3), shape: [40, 4, 6, 6] },
  }),
}

describe.each(Object.entries(models))('%s', (_, make) => {
  test('has as many zeros as asked for, and an output nearer than that of its mask alone', async () => {
    const { model, x } = make()
    const solved = await pruned(model, x, alps())
    const masked = await applyPlan(model, { seed: 1, steps: solved.steps.slice(0, 1) })
    for (const entry of solved.masked) expect(entry.masked).toBe(Math.round(entry.elements / 2))
    for (const { name, data } of solved.model.graph.initializers) {
      const entry = solved.masked.find(({ id }) => id === name)
      if (entry === undefined) continue
      const floats = new Float32Array((await readAll(data)).buffer)
      expect(floats.filter((value) => value === 0).length).toBe(entry.masked)
    }
    const error = (other: Model) => squaredError(model, other, x)
    expect(await error(solved.model)).toBeLessThan(await error(masked))
  })

  test('a stored plan gives the same model, and one whose numbers are gone or others is refused', async () => {
    const { model, x } = make()
    const { steps, model: after } = await pruned(model, x, alps())
    const plan = planOf({ path: 'm.onnx', bytes: 1, sha256: '0'.repeat(64) }, 1, steps)
    const text = formatPlan(plan)
    const bytes = Buffer.concat(await Promise.all(planPayloads(plan).map(readAll)))
    const replayed = await applyPlan(model, await parsePlan(text, 'p', makePayload(bytes)))
    expect(await modelBytes(replayed)).toEqual(await modelBytes(after))
    await expect(parsePlan(text, 'p')).rejects.toThrow('and the file beside it is not there')
    bytes[7]! ^= 1
    await expect(parsePlan(text, 'p', makePayload(bytes))).rejects.toThrow('and the file beside it holds others')
  })
})

test('tiles go as a whole, as many as fit', async () => {
  const { model, x } = models['MatMul and Gemm']!()
  const tiles: Structure = {
    name: 'tiles',
    find: ({ weights }) => ({
      groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'tile', rows: 2, columns: 4 } })),
      declined: [],
    }),
  }
  const step = { structure: tiles, criterion: alps(), target: { sparsity: 0.5 } }
  const { steps } = await makePlan(model, [step], { seed: 1, forward: arrayForward({ x }, 16) })
  const masked = steps.flatMap((each) => (each.kind === 'mask' ? each.weights : []))
  // f32[12, 16] is 24 tiles of 8; f32[5, 16] with its odd last row 8 tiles of 8 and 4 of 4.
  expect(masked.map(({ masked }) => masked)).toEqual([96, 40])
})

async function pruned(model: Model, x: { data: Float32Array; shape: number[] }, criterion: Solver) {
  const step = { structure: element(), criterion, target: { sparsity: 0.5 } }
  const { steps } = await makePlan(model, [step], { seed: 1, forward: arrayForward({ x }, 16) })
  const masked = steps.flatMap((each) => (each.kind === 'mask' ? each.weights : []))
  return { steps, masked, model: await applyPlan(model, { seed: 1, steps }) }
}

async function squaredError(a: Model, b: Model, x: { data: Float32Array; shape: number[] }): Promise<number> {
  const runtime = await import('onnxruntime-node')
  const [one, two] = await Promise.all(
    [a, b].map(async (each) => {
      const session = await runtime.InferenceSession.create(await modelBytes(each), { logSeverityLevel: 3 })
      return (await session.run({ x: new runtime.Tensor('float32', x.data, x.shape) })).y!.data as Float32Array
    }),
  )
  return one!.reduce((sum, value, i) => sum + (value - two![i]!) ** 2, 0)
}
