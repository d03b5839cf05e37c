import { parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { weightsOf } from '../analyse/analyse.js'
import type { Statistic } from '../contract/contract.js'
import type { Forward } from './forward.js'
import { forwardOver, wave } from './forward.test.support.js'
import { measure, measureSites, requestsFor } from './measure.js'
import { passesOf, sized } from './passes.js'

const gram: Statistic = { at: 'input', reduce: 'gram' }
const WIDE = 1100

const model = (opset: number) =>
  parseText(
    `<ir_version: 8, opset_import: ["" : ${opset}]> g (float[N, 2] x) => (float[N, 3] y) <float[2, ${WIDE}] up, float[${WIDE}, 3] w> { h = MatMul(x, up) y = MatMul(h, w) }`,
    { up: wave(2 * WIDE, 1), w: wave(3 * WIDE, 2) },
  )
const data = { x: { data: wave(20, 3), shape: [10, 2] } }

describe('a Gram matrix that is larger than the budget', () => {
  const weight = weightsOf(model(17))[1]!
  const request = sized(weight, requestsFor(weight, { gram })[0]!)

  test('takes 16 bytes a number, and comes in panels of its columns, a pass for each', () => {
    expect(request.bytes).toBe(16 * WIDE * WIDE)
    // A third of the bytes, and then as few columns as are worth it.
    const passes = passesOf([request, { ...request, bytes: 16 }], request.bytes / 2)
    expect(passes.map((pass) => pass.map(({ panel, bytes }) => [panel, bytes]))).toEqual([
      [[{ from: 0, to: 550 }, 16 * WIDE * 550]],
      [[{ from: 550, to: 1100 }, 16 * WIDE * 550]],
      [[undefined, 16]],
    ])
    expect(
      passesOf([request], 1)
        .flat()
        .map(({ panel }) => panel),
    ).toEqual([
      { from: 0, to: 512 },
      { from: 512, to: 1024 },
      { from: 1024, to: 1100 },
    ])
    expect(passesOf([request], request.bytes)).toEqual([[request]])
  })

  test.each([17, 9])('is the same as in one piece, in operator set %i', async (opset) => {
    const of = model(opset)
    const weights = weightsOf(of).slice(1)
    const forward = forwardOver(data)
    const whole = await measure(of, weights, { gram }, { forward })
    const split = await measure(of, weights, { gram }, { forward, budgetBytes: 1 })
    expect([...split.reductions]).toEqual([...whole.reductions])
    const [a, b] = [whole, split].map(({ blocks }) => [...blocks[0]!.totals.values()][0]!)
    expect([b!.rows, b!.values.length]).toEqual([10, WIDE * WIDE])
    expect(largestDifference(a!.values, b!.values)).toBeLessThan(1e-4)
  })

  test('what was stopped between two panels is gone on with', async () => {
    const weights = weightsOf(model(17)).slice(1)
    const options = { forward: inBatches(forwardOver({ x: { data: wave(600, 3), shape: [300, 2] } })), budgetBytes: 1 }
    const states: Parameters<NonNullable<Parameters<typeof measure>[3]['onChunk']>>[0][] = []
    const whole = await measure(model(17), weights, { gram }, { ...options, onChunk: (state) => void states.push(state) })
    expect(states).toHaveLength(3)
    const again = await measure(model(17), weights, { gram }, { ...options, before: states[1]! })
    expect(again.blocks.map(({ level, index }) => [level, index])).toEqual([[1, 0]])
    const [a, b] = [whole, again].map(({ blocks }) => [...blocks[0]!.totals.values()][0]!.values)
    expect(largestDifference(a!, b!)).toBe(0)
  })
})

test('products of two sites are split along the second', async () => {
  const of = model(17)
  const [up, down] = weightsOf(of)
  const [site, other] = [requestsFor(down!, { gram })[0]!.site, requestsFor(up!, { gram })[0]!.site]
  // x · hᵀ, as a refit of `up` to h would ask for it.
  const request = sized(up!, { site: other, other: site, statistic: gram })
  expect(request).toMatchObject({ bytes: 16 * 2 * WIDE, columns: WIDE })
  const forward = forwardOver(data)
  const [whole] = (await measureSites(of, [request], { forward })).values()
  const [split] = (await measureSites(of, [request], { forward, budgetBytes: 1 })).values()
  expect(split!.values).toHaveLength(2 * WIDE)
  expect(largestDifference(whole!.values, split!.values)).toBeLessThan(1e-4)
})

/** The same in few, large batches. */
function inBatches(forward: Forward): Forward {
  return (model, options) => forward(model, { ...options, batch: 256 })
}

function largestDifference(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
}
