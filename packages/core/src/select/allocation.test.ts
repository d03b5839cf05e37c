import { parseText } from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Criterion, Structure } from '../contract/contract.js'
import { makePlan } from '../plan/make-plan.js'
import type { MaskStep, PruneStep } from '../plan/plan.js'
import { type AllocatedLayer, curveCounts, erkCounts, owlCounts, wholeCounts } from './allocation.js'
import { hullOf, type LossCurve } from './loss-curves.js'

const layer = (id: string, ...axes: number[]): AllocatedLayer => ({ id, axes, elements: axes.reduce((a, b) => a * b, 1) })
const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0)

const layers = fc
  .array(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 6 })
  .map((shapes) => shapes.map((axes, i) => layer(`w${i}`, ...axes)))
const problems = fc.record({
  layers,
  sparsity: fc.double({ min: 0, max: 1, noNaN: true }),
  values: fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 6, maxLength: 6 }),
})
const zerosOf = (list: readonly AllocatedLayer[], sparsity: number) =>
  Math.round(sparsity * sum(list.map(({ elements }) => elements)))

describe('every allocation', () => {
  const allocations: Record<string, (list: readonly AllocatedLayer[], zeros: number, values: readonly number[]) => number[]> = {
    erk: (list, zeros) => erkCounts(list, zeros),
    owl: (list, zeros, values) => owlCounts(list, values.slice(0, list.length), { zeros }),
    'owl with a lambda that clips': (list, zeros, values) =>
      owlCounts(list, values.slice(0, list.length), { zeros, lambda: 0.9 }),
    curves: (list, zeros, values) =>
      curveCounts(
        list,
        Object.fromEntries(
          list.map(({ id }, i) => [
            id,
            [
              { sparsity: 0, loss: 0 },
              { sparsity: 0.4, loss: values[i]! },
              { sparsity: 1, loss: 50 },
            ],
          ]),
        ),
        zeros,
      ),
  }
  test.each(Object.keys(allocations))('%s: whole numbers within each weight, and exactly as many in all', (name) => {
    fc.assert(
      fc.property(problems, ({ layers: list, sparsity, values }) => {
        const zeros = zerosOf(list, sparsity)
        const counts = allocations[name]!(list, zeros, values)
        expect(sum(counts)).toBe(zeros)
        for (const [i, count] of counts.entries()) {
          expect(Number.isInteger(count)).toBe(true)
          expect(count).toBeGreaterThanOrEqual(0)
          expect(count).toBeLessThanOrEqual(list[i]!.elements)
        }
      }),
    )
  })
})

describe('ERK', () => {
  test('densities are in proportion to (in + out) / (in · out)', () => {
    // 10 × 10: 20 ÷ 100 = 0.2. 20 × 20: 40 ÷ 400 = 0.1. Kept are 100 of 500: ε (0.2 · 100 + 0.1 · 400) = 100, ε = 5 ÷ 3, densities 1/3 and 1/6.
    expect(erkCounts([layer('a', 10, 10), layer('b', 20, 20)], 400)).toEqual([67, 333])
  })

  test('sizes of a kernel count too', () => {
    // [8, 4, 3, 3]: 18 ÷ 288 = 1/16. [6, 12]: 18 ÷ 72 = 1/4. Kept are 36 of 360: ε (18 + 18) = 36, densities 1/16 and 1/4.
    expect(erkCounts([layer('conv', 8, 4, 3, 3), layer('fc', 6, 12)], 324)).toEqual([270, 54])
  })

  test('what would be denser than 1 stays whole, and the others share the rest', () => {
    // 2 × 2: 1. 10 × 10: 0.2. 20 × 20: 0.1. Kept 252 of 504: ε (4 + 20 + 40) = 252, ε = 3.94 > 1. Without the first: ε · 60 = 248, ε = 4.13, densities 0.827 and 0.413.
    const counts = erkCounts([layer('a', 2, 2), layer('b', 10, 10), layer('c', 20, 20)], 252)
    expect(counts).toEqual([0, 17, 235])
  })
})

describe('OWL', () => {
  test('the layer with most outliers keeps 2λ more than the one with fewest', () => {
    // r = 0, 0.08, 0.16; mean 0.08; at sparsity 0.5 densities are 0.42, 0.5, 0.58.
    const list = [layer('a', 10, 10), layer('b', 10, 10), layer('c', 10, 10)]
    expect(owlCounts(list, [1, 2, 3], { zeros: 150 })).toEqual([58, 50, 42])
    expect(owlCounts(list, [3, 3, 3], { zeros: 150 })).toEqual([50, 50, 50])
  })

  test('sizes that differ: the total is met all the same', () => {
    // Densities c and c + 0.16 of 100 and 300 elements, 200 kept: 400 c + 48 = 200, c = 0.38.
    expect(owlCounts([layer('a', 10, 10), layer('b', 10, 30)], [0, 7], { zeros: 200 })).toEqual([62, 138])
  })
})

describe('curves', () => {
  const curve = (...losses: number[]): LossCurve => losses.map((loss, i) => ({ sparsity: i / (losses.length - 1), loss }))

  test('what loses least for each element goes first', () => {
    // Of 100 elements each, a loses 1 for its first half and 9 more for its second, b 2 and 3: slopes 0.02, 0.18, 0.04, 0.06.
    const list = [layer('a', 10, 10), layer('b', 10, 10)]
    const curves = { a: curve(0, 1, 10), b: curve(0, 2, 5) }
    expect(curveCounts(list, curves, 50)).toEqual([50, 0])
    expect(curveCounts(list, curves, 120)).toEqual([50, 70])
    expect(curveCounts(list, curves, 170)).toEqual([70, 100])
  })

  test('convex curves: no other choice of their points loses less at the same total', () => {
    const convex = fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 4, maxLength: 4 }).map((steps) => {
      const sums = [0]
      for (const step of steps.sort((a, b) => a - b)) sums.push(sums.at(-1)! + step)
      return sums
    })
    fc.assert(
      fc.property(fc.array(convex, { minLength: 3, maxLength: 3 }), fc.integer({ min: 0, max: 12 }), (losses, quarters) => {
        const list = losses.map((_, i) => layer(`w${i}`, 4, 5))
        const counts = curveCounts(list, Object.fromEntries(losses.map((each, i) => [`w${i}`, curve(...each)])), quarters * 5)
        const lossOf = (count: number, i: number) => {
          const at = Math.min(Math.floor(count / 5), 3)
          return losses[i]![at]! + ((count - at * 5) / 5) * (losses[i]![at + 1]! - losses[i]![at]!)
        }
        let best = Infinity
        for (let a = 0; a <= 4; a++) {
          for (let b = 0; b <= 4; b++) {
            const c = quarters - a - b
            if (c >= 0 && c <= 4) best = Math.min(best, losses[0]![a]! + losses[1]![b]! + losses[2]![c]!)
          }
        }
        expect(sum(counts.map(lossOf))).toBeLessThanOrEqual(best + 1e-9)
      }),
    )
  })

  test('the hull leaves out what lies above it', () => {
    expect(hullOf(curve(0, 5, 2, 9, 10), 'w').map(({ sparsity }) => sparsity)).toEqual([0, 0.5, 1])
  })

  test('what is no curve, is missing or ends too early is refused, naming the weight', () => {
    const list = [layer('a', 10, 10)]
    expect(() => curveCounts(list, {}, 10)).toThrow("there is none for 'a'")
    expect(() =>
      curveCounts(
        list,
        {
          a: [
            { sparsity: 0.1, loss: 0 },
            { sparsity: 1, loss: 1 },
          ],
        },
        10,
      ),
    ).toThrow("the loss curve of 'a'")
    expect(() =>
      curveCounts(
        list,
        {
          a: [
            { sparsity: 0, loss: 0 },
            { sparsity: 0.5, loss: Number.NaN },
          ],
        },
        10,
      ),
    ).toThrow('as point 1')
    expect(() =>
      curveCounts(
        list,
        {
          a: [
            { sparsity: 0, loss: 0 },
            { sparsity: 0.5, loss: 1 },
          ],
        },
        60,
      ),
    ).toThrow('60 of 100 elements should go, and the curves end at 50')
  })
})

test('parts of a whole go to the largest fractions, ties in order', () => {
  expect(wholeCounts([layer('a', 2, 5), layer('b', 2, 5), layer('c', 2, 5)], [1.5, 2.25, 3.25], 7)).toEqual([2, 2, 3])
  expect(wholeCounts([layer('a', 2, 5), layer('b', 2, 5)], [2.5, 2.5], 5)).toEqual([3, 2])
})

const magnitude: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
const element: Structure = {
  name: 'element',
  find: ({ weights }) => ({
    groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } })),
    declined: [],
  }),
}

/** Two matrices, the second with a few numbers that are far larger than the others. */
const model = () =>
  parseText('g (float[N, 10] x) => (float[N, 20] y) <float[10, 10] a, float[10, 20] b> { h = MatMul(x, a) y = MatMul(h, b) }', {
    a: Float32Array.from({ length: 100 }, (_, i) => 1 + i / 1000),
    b: Float32Array.from({ length: 200 }, (_, i) => (i % 40 === 0 ? 100 : 1) + i / 1000),
  })

async function maskedOf(step: Partial<PruneStep>): Promise<number[]> {
  const full = { structure: element, criterion: magnitude, target: { sparsity: 0.5 }, ...step }
  const { steps } = await makePlan(model(), [full], { seed: 1 })
  return (steps[0] as MaskStep).weights.map(({ masked }) => masked)
}

describe('in a plan', () => {
  test('each weight loses what the allocation says', async () => {
    expect(await maskedOf({ allocation: 'uniform' })).toEqual([50, 100])
    // 20 ÷ 100 and 30 ÷ 200: kept are 150, ε (20 + 30) = 150, densities 0.6 and 0.45.
    expect(await maskedOf({ allocation: 'erk' })).toEqual([40, 110])
    // Only b has outliers: densities c and c + 0.16, 300 c + 32 = 150, c = 0.3933.
    expect(await maskedOf({ allocation: 'owl' })).toEqual([61, 89])
    expect(await maskedOf({ allocation: { owl: { outlier: 1000 } } })).toEqual([50, 100])
    expect(await maskedOf({ allocation: 'erk', scope: 'row' })).toEqual([40, 110])
  })

  test('what does not go together is refused with the way out', async () => {
    await expect(maskedOf({ allocation: 'erk', scope: 'global' })).rejects.toMatchObject({
      hint: 'say --scope tensor or row, or leave --allocation out',
    })
    await expect(maskedOf({ allocation: 'erk', target: { threshold: 1 } })).rejects.toThrow('a threshold is the same for all')
    await expect(maskedOf({ allocation: 'erk', normalize: 'lamp' })).rejects.toThrow('so does allocation')
    await expect(maskedOf({ normalize: 'lamp', scope: 'row' })).rejects.toMatchObject({
      hint: 'say --scope global, or leave --normalize out',
    })
    await expect(maskedOf({ allocation: { owl: { lambda: -1 } } })).rejects.toThrow('lambda is -1')
  })
})
