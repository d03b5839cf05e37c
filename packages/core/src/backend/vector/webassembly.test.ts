import { describe, expect, test } from 'vitest'
import type { Expression } from '../../contract/contract.js'
import type { Chunk, Kernel } from '../backend.js'
import { cpu } from '../cpu.js'
import { randomStream } from '../random.js'
import { reference } from '../reference.js'
import { tracksWeight } from './loop-code.js'

const WEIGHT: Expression = { op: 'weight' }
const MAGNITUDE: Expression = { op: 'abs', of: WEIGHT }
const constant = (value: number): Expression => ({ op: 'constant', value })
const EXPRESSIONS: Record<string, Expression> = {
  '|w|': MAGNITUDE,
  'w²': { op: 'square', of: WEIGHT },
  '|w| × 3': { op: 'multiply', left: MAGNITUDE, right: constant(3) },
  // Of both signs.
  'w + w': { op: 'add', left: WEIGHT, right: WEIGHT },
  '1 − |w|, not 0 where w is': { op: 'subtract', left: constant(1), right: MAGNITUDE },
  '−|w|, −0 where w is 0': { op: 'negate', of: MAGNITUDE },
}

// Between 0.5 and 1 there are 128 upper halves: ranges of less than one, of several, of one number, from a subnormal one, of all, and below 0.
const RANGES = {
  less: [0.5, 0.5001],
  several: [0.49, 0.6],
  one: [0.5, 0.5],
  least: [1e-44, 0.1],
  all: [1e-45, 3e38],
  lower: [-0.5, 0.25],
}

describe.each(Object.entries(EXPRESSIONS))('%s', (_, expression) => {
  test.each(Object.entries(RANGES))('what is collected of %s is the reference’s, copied and in place, of any length', async (_, [
    low,
    high,
  ]) => {
    for (const length of [1, 15, 16, 1023, 1024, 1025, 4999]) {
      for (const zeros of [false, true]) {
        const weights = Float32Array.from({ length }, (_, i) =>
          zeros && i % 7 === 0 ? 0 : Math.sin(i * i + 1) + (i % 5 === 0 ? 0 : 2 ** -9),
        )
        const expected = await collected(reference.compile(expression, 'f32'), weights, { low: low!, high: high! })
        const kernel = cpu.compile(expression, 'f32')
        expect(await collected(kernel, weights, { low: low!, high: high! })).toEqual(expected)
        expect(await collected(kernel, placed(kernel, weights), { low: low!, high: high! })).toEqual(expected)
      }
    }
  })

  test('histograms are the reference’s, copied and in place', async () => {
    const weights = Float32Array.from({ length: 3000 }, (_, i) => (i % 3 === 0 ? -0 : Math.sin(i)))
    const [kernel, oracle] = [cpu.compile(expression, 'f32'), reference.compile(expression, 'f32')]
    for (const one of [kernel, oracle]) one.clear()
    await kernel.histogram(chunkOf(weights))
    await kernel.histogram(chunkOf(placed(kernel, weights)))
    for (const _ of [1, 2]) await oracle.histogram(chunkOf(weights))
    expect(await kernel.counts()).toEqual(await oracle.counts())
  })
})

test.each([
  NaN,
  Infinity,
  -Infinity,
  3e38,
])('a weight of %s among many is told of, and what lies below it is right', async (value) => {
  const weights = Float32Array.from({ length: 4000 }, (_, i) => (i === 3333 ? value : (i % 100) / 100))
  for (const expression of [MAGNITUDE, EXPRESSIONS['w²']!]) {
    const kernel = cpu.compile(expression, 'f32')
    const range = { low: 0.25, high: 0.5 }
    const mine = await collected(kernel, weights, range)
    expect(mine).toEqual(await collected(reference.compile(expression, 'f32'), weights, range))
    // 3e38 squared is not finite either.
    expect(mine.tally.finite).toBe(value === 3e38 && expression === MAGNITUDE)
  }
})

test('more than fit into the kernel’s memory are found, in order', async () => {
  const weights = Float32Array.from({ length: 600_000 }, (_, i) => 1 + (i % 3))
  const { tally, saliency, index } = await collected(cpu.compile(MAGNITUDE, 'f32'), weights, { low: 2, high: 3 })
  expect({ below: tally.below, matches: index.length }).toEqual({ below: 200_000, matches: 400_000 })
  expect([...index.subarray(0, 4), ...index.subarray(-2)]).toEqual([1, 2, 4, 5, 599_998, 599_999])
  expect(saliency.every((s, i) => s === 2 + (i % 2))).toBe(true)
})

test.each<[boolean, Expression]>([
  [true, MAGNITUDE],
  [true, { op: 'multiply', left: MAGNITUDE, right: WEIGHT }],
  [true, { op: 'divide', left: WEIGHT, right: constant(4) }],
  // 0 ÷ 0 is not 0, 0 × ∞ neither, and a statistic may be anything.
  [false, { op: 'divide', left: WEIGHT, right: WEIGHT }],
  [false, { op: 'divide', left: WEIGHT, right: constant(0) }],
  [false, { op: 'multiply', left: WEIGHT, right: constant(1e39) }],
  [false, { op: 'multiply', left: WEIGHT, right: { op: 'statistic', key: 'a' } }],
  // ∞ is kept from being seen.
  [false, { op: 'min', left: WEIGHT, right: constant(1) }],
  [false, { op: 'less', left: WEIGHT, right: constant(1) }],
])('%s: an expression is 0 exactly where the weight is, and not finite where it is not', (expected, expression) => {
  expect(tracksWeight(expression)).toBe(expected)
})

async function collected(kernel: Kernel, weights: Float32Array, range: { low: number; high: number }) {
  const into = { saliency: new Float32Array(weights.length), index: new Float64Array(weights.length), length: 0 }
  const tally = await kernel.collect(chunkOf(weights), range, into)
  return { tally, saliency: into.saliency.subarray(0, into.length), index: into.index.subarray(0, into.length) }
}

const chunkOf = (weights: Float32Array): Chunk => ({ weights, start: 0, stream: randomStream(1, 'w') })

/** The weights in a buffer of the kernel. */
function placed({ buffers }: Kernel, weights: Float32Array): Float32Array {
  const { buffer, byteOffset } = buffers![1]!
  const there = new Float32Array(buffer, byteOffset, weights.length)
  there.set(weights)
  return there
}
