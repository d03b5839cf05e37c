import { applyPlan, type Criterion, makePlan } from '@pare/core'
import { randomStream, reference, trace } from '@pare/core/backends'
import { parseText, readAll } from '@pare/onnx'
import { element } from '@pare/structure-element'
import { arrayForward, testCriterion } from '@pare/testing'
import { expect, test } from 'vitest'
import { wanda } from './index.js'

testCriterion(wanda)

test('is |w| · √(mean of x²), by hand', () => {
  const target = new Float32Array(4)
  const chunk = { weights: Float32Array.of(1, -2, 3, 0), start: 0, stream: randomStream(1, 'w') }
  reference.compile(trace(wanda()), 'f32').saliency({ ...chunk, stats: { squares: Float32Array.of(4, 9, 0.25, 1) } }, target)
  expect([...target]).toEqual([2, 6, 1.5, -Infinity])
})

// Inputs of very uneven size: column 0 is a hundred times column 3.
const SCALES = [100, 10, 3, 1]
const x = { data: Float32Array.from({ length: 400 }, (_, i) => SCALES[i % 4]! * Math.sin(i * 1.7)), shape: [100, 4] }
const W = Float32Array.from({ length: 24 }, (_, i) => Math.cos(i * 2.3) / SCALES[Math.floor(i / 6)]!)
const model = () => parseText('g (float[N, 4] x) => (float[N, 6] y) <float[4, 6] w> { y = MatMul(x, w) }', { w: W })

test.each([false, true])('masks what the formula says, of each output half; block by block: %s', async (sequential) => {
  const { zeros } = await pruned(wanda(), { scope: 'row', sequential })
  const norms = SCALES.map((_, c) =>
    Math.sqrt(Array.from({ length: 100 }, (_, r) => x.data[4 * r + c]! ** 2).reduce((a, b) => a + b)),
  )
  const expected = Array.from({ length: 6 }, (_, out) => {
    const order = [0, 1, 2, 3].sort((a, b) => Math.abs(W[6 * a + out]!) * norms[a]! - Math.abs(W[6 * b + out]!) * norms[b]!)
    return order.slice(0, 2).map((column) => 6 * column + out)
  })
  expect(zeros).toEqual(expected.flat().sort((a, b) => a - b))
})

test('where inputs are uneven it keeps more of the output than magnitude does', async () => {
  const [by, byMagnitude] = await Promise.all([pruned(wanda(), { scope: 'row' }), pruned(magnitude(), { scope: 'row' })])
  expect(by.error).toBeLessThan(byMagnitude.error)
})

test('without data it says what it needs and how to give it', async () => {
  const step = { structure: element(), criterion: wanda(), target: { sparsity: 0.5 } }
  await expect(makePlan(model(), [step], { seed: 1 })).rejects.toThrow(
    "criterion 'wanda' needs squares of calibration data, and there are none.",
  )
})

function magnitude(): Criterion {
  return { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
}

/** Half of the weights gone: which, and the squared error of the output. */
async function pruned(criterion: Criterion, options: { scope: 'row'; sequential?: boolean }) {
  const step = { structure: element(), criterion, target: { sparsity: 0.5 }, ...options }
  const { steps } = await makePlan(model(), [step], { seed: 1, forward: arrayForward({ x }, 7) })
  const { graph } = await applyPlan(model(), { seed: 1, steps })
  const weights = new Float32Array((await readAll(graph.initializers[0]!.data)).buffer)
  let error = 0
  for (let r = 0; r < 100; r++) {
    for (let out = 0; out < 6; out++) {
      let lost = 0
      for (let c = 0; c < 4; c++) lost += x.data[4 * r + c]! * (W[6 * c + out]! - weights[6 * c + out]!)
      error += lost ** 2
    }
  }
  return { error, zeros: [...weights.keys()].filter((i) => weights[i] === 0) }
}
