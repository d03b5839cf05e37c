import { describe, expect, test } from 'vitest'
import { openArena } from './arena.js'
import { areasOf, checkOptimizer, type OptimizerOptions, openOptimizer } from './optimizer.js'

const plain = { accumulates: false }
const f32 = Math.fround

/** One tensor of these weights, and its optimiser. */
function opened(options: OptimizerOptions, weights: readonly number[], more: { mask?: number[]; decays?: boolean } = {}) {
  const { mask, decays = false } = more
  const bits = mask && Uint8Array.of(mask.reduce((byte, kept, i) => byte | (kept << i), 0))
  const tensor = { name: 'w', shape: [weights.length], decays, ...(bits && { mask: bits }) }
  const arena = openArena([tensor], areasOf(options, { accumulates: true }))
  const [placed] = arena.tensors
  const of = (area: 'weights' | 'gradients' | 'first' | 'second') => arena.view(placed!, area)
  of('weights').set(weights)
  return { of, optimizer: openOptimizer(options, arena) }
}

describe('SGD', () => {
  test('follows the gradient, and momentum carries on: two steps worked out by hand', () => {
    const { of, optimizer } = opened({ name: 'sgd', momentum: 0.5, nesterov: false, weightDecay: 0 }, [1, -2])
    of('gradients').set([2, 4])
    optimizer.update({ count: 1, learningRate: 0.25, scale: 1 })
    // first = 0 + (2, 4); w = (1, −2) − 0.25 · (2, 4)
    expect([...of('weights')]).toEqual([0.5, -3])
    of('gradients').set([0, -2])
    optimizer.update({ count: 2, learningRate: 0.25, scale: 1 })
    // first = 0.5 · (2, 4) + (0, −2) = (1, 0); w = (0.5, −3) − 0.25 · (1, 0)
    expect([...of('first')]).toEqual([1, 0])
    expect([...of('weights')]).toEqual([0.25, -3])
  })

  test('Nesterov looks ahead: w −= rate · (g + momentum · first)', () => {
    const { of, optimizer } = opened({ name: 'sgd', momentum: 0.5, nesterov: true, weightDecay: 0 }, [1])
    of('gradients').set([2])
    optimizer.update({ count: 1, learningRate: 0.25, scale: 1 })
    // first = 2; w = 1 − 0.25 · (2 + 0.5 · 2)
    expect([...of('weights')]).toEqual([0.25])
  })

  test('weight decay is part of the gradient, and of tensors that decay only', () => {
    const options = { name: 'sgd', momentum: 0, weightDecay: 0.5 } as const
    const results = [true, false].map((decays) => {
      const { of, optimizer } = opened(options, [4], { decays })
      of('gradients').set([1])
      optimizer.update({ count: 1, learningRate: 0.5, scale: 2 })
      return of('weights')[0]
    })
    // g' = 2 · 1 + 0.5 · 4 = 4, w = 4 − 0.5 · 4; without decay g' = 2, w = 4 − 0.5 · 2
    expect(results).toEqual([2, 3])
  })
})

describe('AdamW', () => {
  test('the first step goes by the learning rate, whatever the size of the gradient', () => {
    const { of, optimizer } = opened({ name: 'adamw', weightDecay: 0 }, [1, 1, 1])
    of('gradients').set([100, -0.01, 0])
    optimizer.update({ count: 1, learningRate: 0.1, scale: 1 })
    // m̂ = g and v̂ = g², so that each moves by 0.1 · g / (|g| + 1e-8)
    expect(of('weights')[0]).toBeCloseTo(0.9, 6)
    expect(of('weights')[1]).toBeCloseTo(1.1, 5)
    expect(of('weights')[2]).toBe(1)
  })

  test('two steps with decay, worked out by hand', () => {
    const { of, optimizer } = opened({ name: 'adamw', beta1: 0.5, beta2: 0.75, epsilon: 1, weightDecay: 0.5 }, [2], {
      decays: true,
    })
    of('gradients').set([4])
    optimizer.update({ count: 1, learningRate: 0.5, scale: 0.5 })
    // g' = 2; first = 1, second = 1; m̂ = 1 / 0.5 = 2, v̂ = 1 / 0.25 = 4
    // w = 2 · (1 − 0.25) − 0.5 · 2 / (2 + 1) = 1.5 − 1/3
    expect(of('weights')[0]).toBeCloseTo(1.5 - 1 / 3, 6)
    of('gradients').set([0])
    optimizer.update({ count: 2, learningRate: 0.5, scale: 0.5 })
    // first = 0.5, second = 0.75; m̂ = 0.5 / 0.75, v̂ = 0.75 / (1 − 0.5625)
    const expected = (1.5 - 1 / 3) * 0.75 - (0.5 * (0.5 / 0.75)) / (Math.sqrt(0.75 / 0.4375) + 1)
    expect(of('weights')[0]).toBeCloseTo(expected, 6)
  })

  test('agrees with the formulas in f64 over many steps and elements', () => {
    const random = (i: number) => Math.sin(i * 12.9898) * 2
    const start = Array.from({ length: 37 }, (_, i) => f32(random(i)))
    const { of, optimizer } = opened({ name: 'adamw' }, start, { decays: true })
    const oracle = { w: [...start], m: start.map(() => 0), v: start.map(() => 0) }
    for (let count = 1; count <= 20; count++) {
      const gradients = start.map((_, i) => f32(random(i + 100 * count)))
      of('gradients').set(gradients)
      optimizer.update({ count, learningRate: 0.01, scale: 0.7 })
      for (const [i, gradient] of gradients.entries()) {
        const g = 0.7 * gradient
        oracle.m[i] = 0.9 * oracle.m[i]! + 0.1 * g
        oracle.v[i] = 0.999 * oracle.v[i]! + 0.001 * g * g
        const step = oracle.m[i]! / (1 - 0.9 ** count) / (Math.sqrt(oracle.v[i]! / (1 - 0.999 ** count)) + 1e-8)
        oracle.w[i] = oracle.w[i]! * (1 - 0.01 * 0.01) - 0.01 * step
      }
    }
    for (const [i, w] of oracle.w.entries()) expect(of('weights')[i]).toBeCloseTo(w, 5)
  })
})

describe.each<OptimizerOptions>([{ name: 'adamw' }, { name: 'sgd' }])('with $name', (options) => {
  test('what is masked stays exactly zero, bit for bit, and so does what is kept of it', () => {
    const mask = [1, 0, 1, 1, 0, 0, 1]
    const weights = mask.map((kept, i) => kept * (i + 1))
    const { of, optimizer } = opened(options, weights, { mask, decays: true })
    for (let count = 1; count <= 5; count++) {
      of('gradients').set([1, Number.NaN, 3, 4, 5, Number.POSITIVE_INFINITY, 7].map((g, i) => (mask[i] === 1 ? i + 1 : g)))
      optimizer.update({ count, learningRate: 0.1, scale: 1 })
    }
    const areas = ['weights', 'first', ...(options.name === 'adamw' ? (['second'] as const) : [])] as const
    for (const area of areas) {
      const bits = new Uint32Array(of(area).slice().buffer)
      expect([...bits].map((each) => each !== 0)).toEqual(mask.map((kept) => kept === 1))
    }
  })

  test('the norm is that of the gradients of what is kept, and shows what is not finite', () => {
    const { of, optimizer } = opened(options, [1, 0, 1, 1], { mask: [1, 0, 1, 1] })
    of('gradients').set([3, 1e20, 0, 4])
    expect(optimizer.gradientNorm()).toBe(5)
    expect(optimizer.gradientNorm()).toBe(5)
    of('gradients').set([3, 1, Number.NaN, 4])
    expect(optimizer.gradientNorm()).toBeNaN()
  })

  test('gradients that were put aside are added to the next ones', () => {
    const { of, optimizer } = opened(options, [0, 0])
    of('gradients').set([1, 2])
    optimizer.accumulate()
    of('gradients').set([10, 20])
    optimizer.accumulate()
    of('gradients').set([100, 200])
    optimizer.collect()
    expect([...of('gradients')]).toEqual([111, 222])
    optimizer.collect()
    expect([...of('gradients')]).toEqual([111, 222])
  })
})

test('several tensors share the memory, each with its own shape, mask and decay', () => {
  const arena = openArena(
    [
      { name: 'a', shape: [3, 3], decays: true },
      { name: 'none', shape: [0, 4], decays: true },
      { name: 'b', shape: [10], decays: false, mask: Uint8Array.of(0b01010101, 0b10) },
    ],
    areasOf({ name: 'sgd' }, plain),
  )
  expect(arena.tensors.map(({ first, elements }) => [first, elements])).toEqual([
    [0, 9],
    [16, 0],
    [16, 10],
  ])
  const [a, , b] = arena.tensors
  for (const tensor of [a!, b!]) {
    arena.view(tensor, 'weights').fill(1)
    arena.view(tensor, 'gradients').fill(1)
  }
  openOptimizer({ name: 'sgd', momentum: 0, weightDecay: 1 }, arena).update({ count: 1, learningRate: 0.25, scale: 1 })
  expect([...arena.view(a!, 'weights')]).toEqual(Array(9).fill(0.5))
  expect([...arena.view(b!, 'weights')]).toEqual([0.75, 0, 0.75, 0, 0.75, 0, 0.75, 0, 0, 0.75])
})

test('what is no number for an optimiser is refused, all of it at once', () => {
  expect(() => checkOptimizer({ name: 'adamw', beta1: 1, weightDecay: -1 })).toThrow(
    'retrain: weightDecay is -1, expected a number from 0 on; beta1 is 1, expected a number from 0 up to 1.',
  )
  expect(() => checkOptimizer({ name: 'adam' as 'adamw' })).toThrow("there is no optimizer 'adam'")
})

test('more weights than WebAssembly can address are refused with what helps', () => {
  expect(() => openArena([{ name: 'w', shape: [400e6], decays: true }], areasOf({ name: 'adamw' }, plain))).toThrow(
    '400 million weights with 4 numbers for each',
  )
})
