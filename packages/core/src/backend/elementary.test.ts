import { describe, expect, test } from 'vitest'
import type { Expression } from '../contract/contract.js'
import type { Backend, Precision } from './backend.js'
import { cpu } from './cpu.js'
import { javascript } from './javascript.js'
import { randomStream } from './random.js'
import { reference } from './reference.js'
import { trace } from './trace.js'

const WEIGHT: Expression = { op: 'weight' }

/** Numbers of every size and sign, the smallest and largest among them, 0 aside: a weight of 0 has no saliency. */
function numbersOf(precision: Precision): Float32Array | Float64Array {
  const spread = Array.from({ length: 4000 }, (_, i) => (i - 2000.5) / 17)
  const powers = Array.from({ length: 2100 }, (_, i) => 1.37 * 2 ** (i - 1050)).filter((x) => x > 0)
  const near = Array.from({ length: 400 }, (_, i) => 1 + (i - 200) * 1e-4)
  const all = [...spread, ...powers, ...powers.map((x) => -x), ...near]
  const stored = precision === 'f32' ? Float32Array.from(all) : Float64Array.from(all)
  return stored.filter((x) => x !== 0 && Number.isFinite(x))
}

async function values(backend: Backend, expression: Expression, precision: Precision) {
  const weights = numbersOf(precision)
  const target = new (precision === 'f32' ? Float32Array : Float64Array)(weights.length)
  await backend.compile(expression, precision).saliency({ weights, start: 0, stream: randomStream(1, 'w') }, target)
  return { weights, target }
}

/** Distance in units of the last place of what is right. */
function ulps(value: number, right: number, precision: Precision): number {
  if (Object.is(value, right) || value === right) return 0
  const digits = precision === 'f32' ? 23 : 52
  const least = precision === 'f32' ? 2 ** -149 : 2 ** -1074
  const unit = Math.max(2 ** (Math.floor(Math.log2(Math.abs(right))) - digits), least)
  return Math.abs(value - right) / unit
}

describe.each(['exp', 'log', 'tanh'] as const)('%s', (op) => {
  test.each<Precision>([
    'f32',
    'f64',
  ])('of %s is within 3 units in the last place of what the engine computes', async (precision) => {
    const { weights, target } = await values(reference, { op, of: WEIGHT }, precision)
    const far = [...target].flatMap((value, i) => {
      const exact = Math[op](weights[i]!)
      const right = precision === 'f32' ? Math.fround(exact) : exact
      return Number.isNaN(right)
        ? Number.isNaN(value)
          ? []
          : [[weights[i], value]]
        : ulps(value, right, precision) <= 3
          ? []
          : [[weights[i], value, right]]
    })
    expect(far).toEqual([])
  })

  test.each([
    ['javascript', javascript, 'f32'],
    ['javascript', javascript, 'f64'],
    ['cpu', cpu, 'f32'],
  ] as const)('%s has the same bits, nested too', async (_, backend, precision) => {
    for (const of of [WEIGHT, { op, of: WEIGHT }] as const) {
      const expression: Expression = { op: 'subtract', left: { op, of }, right: { op: 'tanh', of } }
      const [{ target: mine }, { target: theirs }] = await Promise.all([
        values(backend, expression, precision),
        values(reference, expression, precision),
      ])
      expect([...mine]).toEqual([...theirs])
    }
  })
})

test('the logarithm of 0 is −∞, e to −∞ is 0, and numbers too large are ∞', async () => {
  const one = async (expression: Expression) => (await values(reference, expression, 'f32')).target[0]
  const constant = (value: number): Expression => ({ op: 'constant', value })
  expect(await one({ op: 'log', of: constant(0) })).toBe(-Infinity)
  expect(await one({ op: 'log', of: constant(Infinity) })).toBe(Infinity)
  expect(await one({ op: 'exp', of: constant(-Infinity) })).toBe(0)
  expect(await one({ op: 'exp', of: constant(89) })).toBe(Infinity)
  expect(await one({ op: 'tanh', of: constant(-Infinity) })).toBe(-1)
})

test('sigmoid and powers are made of them', async () => {
  const traced = (name: 'sigmoid' | 'power') =>
    trace({
      name,
      needs: {},
      saliency: ({ weight }, ops) => (name === 'sigmoid' ? ops.sigmoid(weight) : ops.power(ops.abs(weight), ops.constant(1.5))),
    })
  const { weights, target } = await values(cpu, traced('sigmoid'), 'f32')
  const powers = await values(cpu, traced('power'), 'f32')
  for (const [i, w] of weights.entries()) {
    if (Math.abs(w) > 20 || Math.abs(w) < 1e-3) continue
    expect(target[i]).toBeCloseTo(1 / (1 + Math.exp(-w)), 6)
    expect(powers.target[i]! / Math.abs(w) ** 1.5).toBeCloseTo(1, 5)
  }
})
