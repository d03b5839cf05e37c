import { applyPlan, type Criterion, type CutStep, makePlan, repair, type Structure } from '@pare/core'
import { type Model, parseText } from '@pare/onnx'
import { channel } from '@pare/structure-channel'
import { neuron } from '@pare/structure-neuron'
import { arrayForward, randomNumbers } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { osscar } from './index.js'

const wave = (length: number, seed: number) => {
  const draw = randomNumbers(seed)
  return Float32Array.from({ length }, () => draw() - 0.5)
}

interface Case {
  readonly model: Model
  readonly structure: Structure
  readonly x: { readonly data: Float32Array; readonly shape: readonly number[] }
}

const cases: Record<string, () => Case> = {
  'neurons between MatMul and Gemm': () => ({
    model: parseText(
      'g (float[N, 6] x) => (float[N, 5] y) <float[6, 16] a, float[5, 16] b, float[5] c = {1, 2, 3, 4, 5}> { h = MatMul(x, a) r = Relu(h) y = Gemm<transB = 1>(r, b, c) }',
      { a: wave(96, 1), b: wave(80, 2) },
    ),
    structure: neuron(),
    x: { data: wave(6 * 300, 3), shape: [300, 6] },
  }),
  'channels between two Conv': () => ({
    model: parseText(
      'g (float[N, 2, 6, 6] x) => (float[N, 4, 4, 4] y) <float[8, 2, 3, 3] a, float[8] b, float[4, 8, 3, 3] c, float[4] d> { h = Conv<pads = [1, 1, 1, 1]>(x, a, b) r = Relu(h) y = Conv(r, c, d) }',
      { a: wave(144, 1), b: wave(8, 2), c: wave(288, 3), d: wave(4, 4) },
    ),
    structure: channel(),
    x: { data: wave(60 * 72, 5), shape: [60, 2, 6, 6] },
  }),
}

describe.each(Object.entries(cases))('%s', (_, make) => {
  test('half go, less is lost after repair than with any draw, and asked twice it says the same', async () => {
    const { model, structure, x } = make()
    const forward = arrayForward({ x })
    const step = { structure, criterion: osscar(), target: { ratio: 0.5 } }
    const errorOf = async (cut: CutStep) => {
      const steps = [cut]
      const pruned = await applyPlan(model, { seed: 1, steps })
      const { step: update } = await repair(model, pruned, { steps, seed: 1, forward })
      return squaredError(model, await applyPlan(pruned, { seed: 1, steps: [update] }), x)
    }
    const { steps } = await makePlan(model, [step], { seed: 1, forward })
    const [cut] = steps as [CutStep]
    const [{ units, removed }] = cut.groups as [CutStep['groups'][number]]
    expect(removed).toHaveLength(units / 2)
    const error = await errorOf(cut)
    const draw = randomNumbers(7)
    for (let i = 0; i < 6; i++) {
      const other = [...Array(units).keys()].sort(() => draw() - 0.5).slice(0, units / 2)
      expect(error).toBeLessThan(await errorOf({ ...cut, groups: [{ ...cut.groups[0]!, removed: other.sort((a, b) => a - b) }] }))
    }
    // Not known beforehand how many go: asked once more.
    const global = await makePlan(model, [{ ...step, scope: 'global' }], { seed: 1, forward })
    expect((global.steps[0] as CutStep).groups).toEqual(cut.groups)
    expect((await makePlan(model, [step], { seed: 1, forward })).steps).toEqual(steps)
  })
})

test('a group whose readers nobody measures is refused by name', async () => {
  const { model, x } = cases['neurons between MatMul and Gemm']!()
  const blind: Structure = {
    name: 'blind',
    kind: 'cut',
    find: ({ coupled }) => ({
      groups: coupled.filter(({ held }) => held === undefined).map((group) => ({ ...group, slices: group.slices.slice(0, 1) })),
      declined: [],
    }),
  }
  const step = { structure: blind, criterion: osscar(), target: { ratio: 0.5 } }
  const options = { seed: 1, forward: arrayForward({ x }) }
  await expect(makePlan(model, [step], options)).rejects.toThrow(
    "criterion 'osscar' cannot judge 'a:1': of no weight that sums over its units",
  )
  // Unless the step says what judges then.
  const otherwise: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
  const { steps } = await makePlan(model, [{ ...step, otherwise }], options)
  expect((steps[0] as CutStep).criterion).toBe('magnitude')
})

async function squaredError(model: Model, other: Model, x: Case['x']): Promise<number> {
  const [a = [], b = []] = await Promise.all([model, other].map((each) => outputsOf(each, x)))
  return a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0)
}

async function outputsOf(model: Model, x: Case['x']): Promise<number[]> {
  const all: number[] = []
  for await (const { outputs } of arrayForward({ x })(model, { sums: new Set() })) all.push(...Array.from(outputs.y!, Number))
  return all
}
