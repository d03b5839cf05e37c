import { fileURLToPath } from 'node:url'
import { applyPlan, type Criterion, formatPlan, makePlan, parsePlan, planOf } from '@pare/core'
import { type Model, modelBytes, openModel, readAll } from '@pare/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { nm } from './index.js'

const magnitude: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
const facts = { path: 'm.onnx', bytes: 1, sha256: 'a'.repeat(64) }
const open = (name: string) => openModel(fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url)))
const plan = (model: Model, permute: boolean | { operations: number }) =>
  makePlan(model, [{ structure: nm({ permute }), criterion: magnitude }], { seed: 1 })

async function run(model: Model, input: Float32Array, dims: readonly number[]): Promise<Float32Array> {
  const session = await InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const results = await session.run({ [session.inputNames[0]!]: new Tensor('float32', input, dims) })
  await session.release()
  return results[session.outputNames[0]!]!.data as Float32Array
}

/** Sum of |w| over all weights that are masked by the plan. */
async function magnitudeOf(model: Model, ids: readonly string[]): Promise<number> {
  let total = 0
  for (const { name, data } of model.graph.initializers) {
    if (!ids.includes(name)) continue
    for (const w of new Float32Array((await readAll(data)).buffer)) total += Math.abs(w)
  }
  return total
}

test('the permuted model computes the same, and 2:4 leaves more of it than without', async () => {
  await using file = await open('mlp-digits')
  const [straight, permuted] = [await plan(file.model, false), await plan(file.model, { operations: 2e7 })]
  expect(permuted.steps.map(({ kind }) => kind)).toEqual(['permute', 'mask'])
  const input = Float32Array.from({ length: 5 * 64 }, (_, i) => Math.sin(i))
  const [first, same] = [
    await run(file.model, input, [5, 64]),
    await run(await applyPlan(file.model, { seed: 1, steps: permuted.steps.slice(0, 1) }), input, [5, 64]),
  ]
  const scale = Math.max(...first.map(Math.abs))
  expect(Math.max(...first.map((value, i) => Math.abs(value - same[i]!))) / scale).toBeLessThan(1e-5)

  const ids = straight.steps.flatMap((step) => (step.kind === 'mask' ? step.weights.map(({ id }) => id) : []))
  const kept = async ({ steps }: typeof straight) => magnitudeOf(await applyPlan(file.model, { seed: 1, steps }), ids)
  expect(await kept(permuted)).toBeGreaterThan(1.01 * (await kept(straight)))
})

test('what the plan says is kept is what is kept', async () => {
  await using file = await open('mlp-digits')
  const { steps } = await plan(file.model, { operations: 2e6 })
  const [permute] = steps
  if (permute?.kind !== 'permute') throw new Error('the first step permutes')
  // The first group is made by the first weight and summed over by the second alone.
  const { id, kept } = permute.groups[0]!
  expect(id).toBe('0.weight:0')
  const whole = await magnitudeOf(file.model, ['2.weight'])
  const after = await magnitudeOf(await applyPlan(file.model, { seed: 1, steps }), ['2.weight'])
  expect(after / whole).toBeCloseTo(kept.after, 6)
  expect(kept.after).toBeGreaterThan(kept.before)
})

test('the plan is the same every time, and read back it gives the same bytes', async () => {
  await using file = await open('mlp-digits')
  const [one, two] = [await plan(file.model, { operations: 2e6 }), await plan(file.model, { operations: 2e6 })]
  expect(two.steps).toEqual(one.steps)
  const read = await parsePlan(formatPlan(planOf(facts, 1, one.steps)), 'p.json')
  expect(read.steps).toEqual(one.steps)
  expect(await modelBytes(await applyPlan(file.model, read))).toEqual(
    await modelBytes(await applyPlan(file.model, { seed: 1, steps: one.steps })),
  )
})

test('an order that is none, or of another group, is refused', async () => {
  await using file = await open('mlp-digits')
  const step = { kind: 'permute', structure: 'nm', criterion: 'magnitude' } as const
  const rest = { kept: { before: 0, after: 1 }, ended: 'settled' } as const
  const order = Array.from({ length: 256 }, (_, i) => i)
  const tried = (group: { id: string; units: number; order: number[] }) =>
    applyPlan(file.model, { seed: 1, steps: [{ ...step, groups: [{ ...group, ...rest }] }] })
  await expect(tried({ id: '0.weight:0', units: 256, order: order.map(() => 0) })).rejects.toThrow(
    'does not name each of its 256 units once',
  )
  await expect(tried({ id: '0.weight:0', units: 128, order })).rejects.toThrow('has it with 256')
  await expect(tried({ id: 'none', units: 256, order })).rejects.toThrow('has no such group')
})
