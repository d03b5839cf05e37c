import { type Model, parseText, readAll, type Tensor } from '@pare/onnx'
import { expect, test } from 'vitest'
import { analyseUnits } from '../analyse/analyse-units.js'
import type { PlanStep } from '../plan/plan.js'
import { applyPlan } from './apply.js'
import { tracePlan } from './trace-plan.js'

/** Every second unit of all groups of an axis that may be cut. */
async function halved(model: Model): Promise<PlanStep> {
  const { coupled } = await analyseUnits(model)
  const groups = coupled
    .filter(({ held, units, id }) => held === undefined && units > 1 && !id.includes('#'))
    .slice(0, 1)
    .map(({ id, units }) => ({ id, units, removed: Array.from({ length: units >> 1 }, (_, i) => 2 * i) }))
  return { kind: 'cut', structure: 's', criterion: 'c', scope: 'group', target: { ratio: 0.5 }, groups }
}

const floats = async ({ data }: Pick<Tensor, 'data'>) => Array.from(new Float32Array((await readAll(data)).buffer))

/** Two layers that share a bias which is stored once, and a matrix that is cut along both axes. */
const TEXT = `g (float[N, 6] x) => (float[N, 8] y) <float[6, 8] q, float[8] bias = {1, 2, 3, 4, 5, 6, 7, 8}, float[8, 12] k, float[12, 8] down>
  { a = MatMul(x, q) b = Add(a, bias) c = Relu(b) m = MatMul(c, k) d = Relu(m) e = MatMul(d, down) y = Add(e, bias) }`

test('two cuts in a row leave of each tensor what is said to stay, in its order', async () => {
  const numbers = (size: number) => Float32Array.from({ length: size }, (_, i) => i + 1)
  const model = parseText(TEXT, { q: numbers(48), k: numbers(96), down: numbers(96) })
  const first = await halved(model)
  const second = await halved(await applyPlan(model, { seed: 1, steps: [first] }))
  const { tensors, added } = await tracePlan(model, { seed: 1, steps: [first, second] })
  expect(added).toEqual([])
  expect(tensors.filter(({ isCut }) => isCut).length).toBeGreaterThan(1)
  for (const { before, after, kept, isRewritten } of tensors) {
    expect(isRewritten).toBe(false)
    const all = await floats(before)
    const strides = before.shape.map((_, axis) => before.shape.slice(axis + 1).reduce((product, size) => product * size, 1))
    const places = kept.reduce<number[]>(
      (outer, own, axis) => outer.flatMap((at) => Array.from(own, (position) => at + position * strides[axis]!)),
      [0],
    )
    expect(await floats(after!)).toEqual(places.map((at) => all[at]))
  }
})
