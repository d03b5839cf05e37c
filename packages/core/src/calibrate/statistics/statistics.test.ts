import { parseText, readAll } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { weightsOf } from '../../analyse/analyse.js'
import { applyPlan } from '../../apply/apply.js'
import { makePlan } from '../../plan/make-plan.js'
import type { MaskStep, PlanOptions } from '../../plan/plan.js'
import { magnitude, masking, wanda } from '../../plan/plugins.test.data.js'
import { forwardOver } from '../forward.test.support.js'
import { measureAll } from '../measure-all.js'
import { spread } from '../spread.js'
import { statisticsFor } from './statistics.js'

const model = () =>
  parseText(
    'g (float[N, 2] x) => (float[N, 2] z) <float[2, 2] a = {1, 2, 3, 4}, float[2, 2] b = {5, 6, 7, 8}> { y = MatMul(x, a) z = MatMul(y, b) }',
  )
const forward = forwardOver({ x: { data: Float32Array.of(1, 2, 3, -2), shape: [2, 2] } })

test('a criterion that looks at weights only has none', async () => {
  const weights = weightsOf(model())
  expect(await statisticsFor(magnitude, { model: model(), weights }, { seed: 1 })).toBeUndefined()
})

test('measured now, or before: the same numbers, by hand', async () => {
  const weights = weightsOf(model())
  const now = (await statisticsFor(wanda, { model: model(), weights }, { seed: 1, forward }))!
  const { measured, left } = await measureAll(model(), [wanda, { ...wanda, name: 'again' }], { forward })
  const before = (await statisticsFor(wanda, { model: model(), weights }, { seed: 1, measured }))!
  // x² is 1, 4 and 9, 4; y = x · a is (7, 10) and (−3, −2), so 49, 100 and 9, 4.
  for (const statistics of [now, before]) {
    expect(weights.map((weight) => [...statistics.of(weight).squares!.values])).toEqual([
      [5, 4],
      [29, 52],
    ])
  }
  expect(left).toEqual([])
})

test('data that are not there are asked for, with what is needed of them', async () => {
  const planned = statisticsFor(wanda, { model: model(), weights: [] }, { seed: 1 })
  await expect(planned).rejects.toThrow("criterion 'wanda' needs squares of calibration data, and there are none.")
})

test('weights whose inputs are not measured are left, with the reason, and the others measured', async () => {
  const stack = parseText(
    'g (float[2, N, 2] x) => (float[2, N, 2] z) <float[2, 2, 2] a = {1, 2, 3, 4, 5, 6, 7, 8}, float[2, 2] b = {5, 6, 7, 8}> { y = Einsum<equation = "sni,tij->snj">(x, a) z = MatMul(y, b) }',
  )
  const { left, measured } = await measureAll(stack, [wanda], {
    forward: forwardOver({ x: { data: Float32Array.of(1, 2, 3, -2), shape: [2, 1, 2] } }),
  })
  expect(left).toEqual([{ id: 'a', reason: expect.stringContaining('what Einsum multiplies it with is not measured') }])
  const [a, b] = weightsOf(stack)
  const before = (await statisticsFor(wanda, { model: stack, weights: [b!] }, { seed: 1, measured }))!
  expect(before.of(b!).squares!.values).toHaveLength(2)
  expect(() => before.of(a!)).toThrow('what Einsum multiplies it with')
})

describe('a mask by statistics', () => {
  const masks = async (options: Partial<PlanOptions>, more = {}) => {
    const step = {
      structure: masking({ kind: 'free' }),
      criterion: wanda,
      scope: 'tensor' as const,
      target: { sparsity: 0.5 },
      ...more,
    }
    const { steps } = await makePlan(model(), [step], { seed: 1, ...options })
    return (steps[0] as MaskStep).weights
  }

  test('is written down as bits, the same for statistics that were measured before', async () => {
    const { measured } = await measureAll(model(), [wanda], { forward })
    const entries = await masks({ forward })
    // a: 1, 2 times √5 and 3, 4 times √4: the first two go. b: 5, 6 times √29 and 7, 8 times √52: again.
    expect(entries.map(({ masked }) => masked)).toEqual([2, 2])
    expect(entries.every(({ rule }) => 'bits' in rule)).toBe(true)
    expect(await masks({ measured })).toEqual(entries)
  })

  test('sequential: the second weight is judged by what the first lets through once it is masked', async () => {
    // Of a the first row goes in either case: √5 and 2√5 against 6 and 8. Whole, y is (8, 12) and (0, −4): mean squares 32 and 80, and of b
    // 1.7 · √32 > √80, so the second row goes. Masked, y is (7, 10) and (−3, −10): 29 and 100, and 1.7 · √29 < √100, so the first goes.
    const blocks = parseText(
      `g (float[N, 2] x) => (float[N, 2] z) <float[2, 2] a = {1, 2, 3, 4}, float[2, 2] b = {1.7, 1.7, 1, 1}>
       { p = MatMul(x, a) y = Add(x, p) q = MatMul(y, b) z = Add(y, q) }`,
    )
    const step = { structure: masking({ kind: 'free' }), criterion: wanda, scope: 'tensor' as const, target: { sparsity: 0.5 } }
    const weightsOfB = async (sequential: boolean) => {
      const { steps } = await makePlan(blocks, [{ ...step, sequential }], { seed: 1, forward })
      const { graph } = await applyPlan(blocks, { seed: 1, steps })
      return [...new Float32Array((await readAll(graph.initializers[1]!.data)).slice().buffer)]
    }
    expect(await weightsOfB(false)).toEqual([1.7, 1.7, 0, 0].map(Math.fround))
    expect(await weightsOfB(true)).toEqual([0, 0, 1, 1])
  })
})

describe('what an element of a weight meets', () => {
  const rows = { batch: 2, before: 1, out: 4, after: 3 }
  const spreadOf = (
    at: 'input' | 'output' | 'gradient',
    values: readonly number[],
    start: number,
    length: number,
    shape = rows,
  ) => {
    const target = new Float64Array(length)
    spread(shape, { at, values: Float64Array.from(values) }, start, target)
    return [...target]
  }

  test('inputs by column, in any stretch', () => {
    expect(spreadOf('input', [10, 20, 30], 2, 5)).toEqual([30, 10, 20, 30, 10])
    // Of two groups of two rows each.
    expect(spreadOf('input', [1, 2, 3, 4, 5, 6], 3, 6, { ...rows, batch: 1 })).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('outputs by row, of each batch apart or of all alike', () => {
    expect(spreadOf('output', [1, 2, 3, 4], 10, 4)).toEqual([4, 4, 1, 1])
    expect(spreadOf('output', [1, 2, 3, 4, 5, 6, 7, 8], 10, 4)).toEqual([4, 4, 5, 5])
  })

  test('inputs of a ConvTranspose by channel, of each group apart', () => {
    // [groups 2, in 2, out 1, kernel 2], one number for each input channel.
    expect(spreadOf('input', [1, 2, 3, 4], 0, 8, { batch: 2, before: 2, out: 1, after: 2 })).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
  })

  test('gradients element by element', () => {
    expect(
      spreadOf(
        'gradient',
        Array.from({ length: 24 }, (_, i) => i),
        5,
        3,
      ),
    ).toEqual([5, 6, 7])
  })

  test.each([
    ['input', 5],
    ['output', 3],
    ['gradient', 23],
  ] as const)('%s: %i numbers do not fit', (at, length) => {
    expect(() => spreadOf(at, new Array<number>(length).fill(1), 0, 1)).toThrow(`meets ${length} numbers, which does not fit`)
  })
})
