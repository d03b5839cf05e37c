import type { Probe, UnitGroup, UnitReader } from '@pare/core'
import { randomNumbers, testUnitCriterion } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { type OsscarOptions, osscar } from './index.js'
import { plainElimination, plainError, subsets } from './plain.test.support.js'

testUnitCriterion(() => osscar())

const DAMPING = 0.01

const never = () => Promise.reject(new Error('not called for'))

interface Asking extends OsscarOptions {
  readonly units: number
  /** Default: not known */
  readonly removed?: number
}

/** f64[units] */
async function scoresOf(readers: readonly UnitReader[], { units, removed, ...options }: Asking): Promise<Float64Array> {
  const group: UnitGroup = { kind: 'coupled', id: 'g', units, slices: [], roles: new Set() }
  const probe: Probe = {
    ...{ losses: never, likeness: never, gradients: never },
    async *readers() {
      yield readers
    },
    ...(removed !== undefined && { removals: new Map([['g', removed]]) }),
  }
  return (await osscar(options).score([group], probe))[0]!
}

async function removedBy(readers: readonly UnitReader[], asking: Asking & { readonly removed: number }): Promise<number[]> {
  const scores = await scoresOf(readers, asking)
  return [...scores.keys()].filter((unit) => scores[unit] === 0)
}

interface Shape {
  readonly units: number
  /** Columns of each unit. */
  readonly width?: number
  readonly rows?: number
  /** Columns of no unit. */
  readonly others?: number
  readonly felt?: boolean
}

/** Inputs that have much in common, so that units make up for each other. */
function random(seed: number, { units, width = 1, rows = 3, others = 0, felt = false }: Shape): UnitReader {
  const draw = randomNumbers(seed)
  const n = units * width + others
  const common = Array.from({ length: 2 }, () => Array.from({ length: n }, () => draw() - 0.5))
  const inputs = Array.from({ length: 4 * n }, () => {
    const factors = common.map(() => 3 * (draw() - 0.5))
    return Array.from({ length: n }, (_, j) => draw() - 0.5 + common.reduce((sum, way, k) => sum + factors[k]! * way[j]!, 0))
  })
  const gram = Float64Array.from(
    { length: n * n },
    (_, i) => inputs.reduce((sum, x) => sum + x[Math.floor(i / n)]! * x[i % n]!, 0) / inputs.length,
  )
  return {
    ...{ id: `w${seed}`, gram, rows },
    weight: Float32Array.from({ length: rows * n }, () => draw() - 0.5),
    units: Int32Array.from({ length: n }, (_, column) => (column < units * width ? Math.floor(column / width) : -1)),
    ...(felt && { felt: Float64Array.from({ length: rows }, () => draw() ** 2) }),
  }
}

test('by hand: of two inputs that are the same one goes, although both weigh more than the third', async () => {
  // x₀ = x₁: G = [[1, 1, 0], [1, 1, 0], [0, 0, 1]]. Without x₀, w₁ becomes 5 and nothing is lost; without x₂ 1 is lost.
  const reader: UnitReader = {
    ...{ id: 'w', rows: 1, weight: Float32Array.of(2, 3, 1), units: Int32Array.of(0, 1, 2) },
    gram: Float64Array.of(1, 1, 0, 1, 1, 0, 0, 0, 1),
  }
  expect(await removedBy([reader], { units: 3, removed: 1, damping: 1e-6 })).toEqual([0])
  const scores = await scoresOf([reader], { units: 3, damping: 1e-6 })
  // The first costs next to nothing, then the third ½ · 1 of what all give, 5² + 1² = 26, then all that is left.
  expect(scores[0]).toBeLessThan(1e-6)
  expect(scores[2]).toBeCloseTo(0.5 / 26, 5)
  expect(scores[1]).toBeCloseTo((0.5 * 25) / 26, 5)
})

test('by hand: what the loss feels of an output decides', async () => {
  const reader = (felt: Float64Array): UnitReader => ({
    ...{ id: 'w', rows: 2, weight: Float32Array.of(1, 0, 0, 2), units: Int32Array.of(0, 1), felt },
    gram: Float64Array.of(1, 0, 0, 1),
  })
  // ½ · F_r · w²: ½ · 16 · 1 = 8 and ½ · 1 · 4 = 2.
  const scores = await scoresOf([reader(Float64Array.of(16, 1))], { units: 2, damping: 0 })
  expect(scores[0]).toBeCloseTo(8, 9)
  expect(scores[1]).toBeCloseTo(2, 9)
  expect(await removedBy([reader(Float64Array.of(1, 1))], { units: 2, removed: 1 })).toEqual([0])
})

const shapes: readonly (readonly [string, Shape])[] = [
  ['single columns', { units: 7 }],
  ['columns that belong to no unit', { units: 5, others: 3 }],
  ['units of three columns', { units: 5, width: 3 }],
  ['rows that the loss feels', { units: 6, width: 2, felt: true }],
]

describe.each(shapes)('%s', (_, shape) => {
  const { units } = shape

  test.each([1, 2, 3])('are left out as a plain f64 version leaves them out, at its cost, seed %s', async (seed) => {
    const readers = [random(seed, shape)]
    const scores = await scoresOf(readers, { units })
    const order = plainElimination(readers, units, units, DAMPING)
    expect([...scores.keys()].sort((a, b) => scores[a]! - scores[b]!)).toEqual(order)
    // A price is never below the one before.
    let [price, before] = [0, 0]
    for (const [i, unit] of order.entries()) {
      const error = plainError(readers, new Set(order.slice(0, i + 1)), DAMPING)
      price = Math.max(price, error - before)
      before = error
      expect(scores[unit]! / price).toBeCloseTo(1, 7)
    }
  })

  test('of several readers costs are added', async () => {
    const readers = [random(11, shape), random(12, { ...shape, rows: 2 })]
    const scores = await scoresOf(readers, { units })
    expect([...scores.keys()].sort((a, b) => scores[a]! - scores[b]!)).toEqual(plainElimination(readers, units, units, DAMPING))
  })

  test('searched, the error is never above that of elimination alone, and often the least there is', async () => {
    let best = 0
    const count = Math.floor(units / 2)
    for (let seed = 1; seed <= 12; seed++) {
      const readers = [random(100 + seed, shape)]
      const errorOf = (out: readonly number[]) => plainError(readers, new Set(out), DAMPING)
      const plain = errorOf(await removedBy(readers, { units, removed: count, rounds: 0 }))
      const searched = errorOf(await removedBy(readers, { units, removed: count }))
      const least = Math.min(...subsets(units, count).map(errorOf))
      expect(plain).toBeCloseTo(errorOf(plainElimination(readers, units, count, DAMPING)), 10)
      expect(searched).toBeLessThanOrEqual(plain * (1 + 1e-9))
      expect(searched).toBeGreaterThanOrEqual(least * (1 - 1e-9))
      if (searched < least * (1 + 1e-9)) best++
    }
    expect(best).toBeGreaterThanOrEqual(8)
  })
})

test('a plain sum of squares of what goes is never less than what is lost when the others make up for it', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const reader = random(seed, { units: 6, felt: true })
    const out = new Set([1, 4])
    const kept = { ...reader, weight: reader.weight.map((w, i) => (out.has(i % 6) ? 0 : w)) }
    const n = 6
    let unfitted = 0
    for (let r = 0; r < reader.rows; r++)
      for (let a = 0; a < n; a++)
        for (let b = 0; b < n; b++)
          unfitted +=
            0.5 *
            reader.felt![r]! *
            (reader.weight[r * n + a]! - kept.weight[r * n + a]!) *
            reader.gram[a * n + b]! *
            (reader.weight[r * n + b]! - kept.weight[r * n + b]!)
    expect(plainError([reader], out, 0)).toBeLessThanOrEqual(unfitted)
  }
})

test('inputs that are always zero go first, and a layer of nothing is no error', async () => {
  const reader = random(5, { units: 4 })
  const dead = { ...reader, gram: reader.gram.map((value, i) => (i % 4 === 2 || Math.floor(i / 4) === 2 ? 0 : value)) }
  const scores = await scoresOf([dead], { units: 4 })
  expect(Math.min(...scores)).toBe(scores[2])
  const nothing = { ...reader, gram: new Float64Array(16) }
  expect([...(await scoresOf([nothing], { units: 4 }))].every(Number.isFinite)).toBe(true)
})

test('without damping, inputs that follow from each other get as much as they need', async () => {
  const reader: UnitReader = {
    ...{ id: 'w', rows: 1, weight: Float32Array.of(1, 1), units: Int32Array.of(0, 1) },
    gram: Float64Array.of(1, 1, 1, 1),
  }
  expect(await removedBy([reader], { units: 2, removed: 1, damping: 0 })).toEqual([0])
})

test('what is not a number is refused by name, and so are options that make no sense', async () => {
  const reader = random(1, { units: 3 })
  reader.gram[4] = Number.NaN
  await expect(scoresOf([reader], { units: 3 })).rejects.toThrow("osscar: the Gram matrix of 'w1' holds NaN.")
  expect(() => osscar({ damping: -1 })).toThrow('osscar: damping is -1; a number from 0 to 1 was expected.')
  expect(() => osscar({ rounds: 1.5 })).toThrow('osscar: rounds is 1.5; a whole number from 0 on was expected.')
})
