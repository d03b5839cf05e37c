import { parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { weightsOf } from '../analyse/analyse.js'
import type { Statistic } from '../contract/contract.js'
import { makePlan } from '../plan/make-plan.js'
import { masking, wanda } from '../plan/plugins.test.data.js'
import { forwardOver, wave } from './forward.test.support.js'
import { measure, statisticsOf } from './measure.js'
import { totalOf } from './statistics/totals.js'

describe('inputs whose squares leave f32', () => {
  test.each([
    ['tiny', 2 ** -80],
    ['huge', 2 ** 80],
  ])('%s ones give the statistics of ordinary ones, times the square of their scale', async (_, scale) => {
    const needs: Record<string, Statistic> = {
      squares: { at: 'input', of: (x, ops) => ops.square(x), reduce: 'mean' },
      spread: { at: 'input', reduce: 'variance' },
      largest: { at: 'input', of: (x, ops) => ops.square(x), reduce: 'max' },
      gram: { at: 'input', reduce: 'gram' },
    }
    const model = parseText('g (float[N, 6] x) => (float[N, 2] y) <float[6, 2] w> { y = MatMul(x, w) }', { w: wave(12) })
    const measured = async (by: number) => {
      const data = { x: { data: wave(60, 3).map((value) => value * by), shape: [10, 6] } }
      const { blocks, reductions } = await measure(model, weightsOf(model), needs, { forward: forwardOver(data) })
      return statisticsOf(weightsOf(model)[0]!, needs, totalOf(blocks, reductions))
    }
    const [ordinary, scaled] = [await measured(1), await measured(scale)]
    for (const key of Object.keys(needs)) {
      for (const [i, value] of ordinary[key]!.values.entries())
        expect(scaled[key]!.values[i]! / scale ** 2, key).toBeCloseTo(value, 4)
    }
  })

  test('the mask of tiny inputs is that of ordinary ones', async () => {
    const model = parseText('g (float[N, 8] x) => (float[N, 4] y) <float[8, 4] w> { y = MatMul(x, w) }', { w: wave(32) })
    const masked = async (by: number) => {
      const data = { x: { data: wave(80, 3).map((value) => value * by), shape: [10, 8] } }
      const step = { structure: masking({ kind: 'free' }), criterion: wanda, target: { sparsity: 0.5 } }
      const { steps } = await makePlan(model, [step], { seed: 1, forward: forwardOver(data) })
      return steps.flatMap((each) => (each.kind === 'mask' ? each.weights.map(({ rule }) => rule) : []))
    }
    expect(await masked(2 ** -83)).toEqual(await masked(1))
    expect(await masked(2 ** 90)).toEqual(await masked(1))
  })
})
