import { createRequire } from 'node:module'
import { type Model, modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import type { Forward } from '../calibrate/measure.js'
import { meanLikeness } from './likeness.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

/** Runs each batch as a chunk of its own. */
const over = (batches: readonly { readonly data: readonly number[]; readonly shape: readonly number[] }[]): Forward =>
  async function* (model: Model) {
    const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
    for (const [chunk, { data, shape }] of batches.entries()) {
      const results = await session.run({ x: new runtime.Tensor('float32', [...data], shape) })
      yield {
        chunk,
        outputs: Object.fromEntries(Object.entries(results).map(([name, each]) => [name, each.data as Float32Array])),
      }
    }
  }

// Turns by a right angle: (1, 0) → (0, 1).
const turning = (opset: number) =>
  parseText(
    `<ir_version: 7, opset_import: ["" : ${opset}]> g (float[N, S, 2] x) => (float[N, S, 2] z) <float[2, 2] w = {0, 1, -1, 0}> { y = MatMul(x, w) z = Add(x, y) }`,
  )

test.each([12, 13, 18])('cosines and angles by hand, opset %i', async (opset) => {
  const forward = over([
    { data: [1, 0, 0, 2], shape: [1, 2, 2] },
    { data: [3, 4], shape: [1, 1, 2] },
  ])
  const of = (likeness: Parameters<typeof meanLikeness>[1]['likeness']) =>
    meanLikeness(
      turning(opset),
      {
        pairs: [
          ['x', 'y'],
          ['x', 'z'],
          ['x', 'x'],
        ],
        likeness,
      },
      forward,
    )
  const [right, half, same] = await of({ of: 'cosine', rows: 'all' })
  // x + y is x turned by 45°.
  expect(right).toBeCloseTo(0, 6)
  expect(half).toBeCloseTo(Math.SQRT1_2, 6)
  expect(same).toBeCloseTo(1, 6)
  const angles = await of({ of: 'angle', rows: 'last' })
  for (const [i, expected] of [0.5, 0.25, 0].entries()) expect(angles[i]).toBeCloseTo(expected, 3)
})

test('the last position only', async () => {
  // y = |x|: at the first position the opposite, at the last the same.
  const model = parseText('g (float[N, S, 2] x) => (float[N, S, 2] y) { y = Abs(x) }')
  const forward = over([{ data: [-1, -1, 2, 3], shape: [1, 2, 2] }])
  const pairs = [['x', 'y']] as const
  expect((await meanLikeness(model, { pairs, likeness: { of: 'cosine', rows: 'all' } }, forward))[0]).toBeCloseTo(0, 6)
  expect((await meanLikeness(model, { pairs, likeness: { of: 'cosine', rows: 'last' } }, forward))[0]).toBeCloseTo(1, 6)
})

test('images are compared along the channels', async () => {
  // Two channels change places. At one pixel they hold 1 and 0, at the other 1 and 1.
  const model = parseText(
    'g (float[N, 2, 1, 2] x) => (float[N, 2, 1, 2] y) <float[2, 2, 1, 1] w = {0, 1, 1, 0}> { y = Conv(x, w) }',
  )
  const forward = over([{ data: [1, 1, 0, 1], shape: [1, 2, 1, 2] }])
  const [cosine] = await meanLikeness(model, { pairs: [['x', 'y']], likeness: { of: 'cosine', rows: 'all' } }, forward)
  expect(cosine).toBeCloseTo(0.5, 6)
  const last = meanLikeness(model, { pairs: [['x', 'y']], likeness: { of: 'angle', rows: 'last' } }, forward)
  await expect(last).rejects.toThrow("'x' has no last position: it has 4 axes")
})

test('NaN is told', async () => {
  const forward = over([{ data: [Number.NaN, 0], shape: [1, 1, 2] }])
  const likeness = { of: 'cosine', rows: 'all' } as const
  await expect(meanLikeness(turning(18), { pairs: [['x', 'y']], likeness }, forward)).rejects.toThrow('they hold NaN')
})
