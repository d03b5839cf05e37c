import type { Probe, UnitCriterion, UnitGroup, UnitReader } from '@pare/core'
import { describe, expect, test } from 'vitest'
import { criterionLaw } from './contract-law.js'
import { randomNumbers } from './metric-samples.js'

/** The laws every criterion that judges whole units by numbers obeys. `make` is called for each test, so that hidden state would show. */
export function testUnitCriterion(make: () => UnitCriterion): void {
  const { name } = make()
  describe(`unit criterion ${name}`, () => {
    test('has a name that can be typed', () => {
      expect(name).toMatch(/^[a-z][a-z0-9-]*$/)
    })

    criterionLaw(make)

    test.each(SEEDS)('gives every unit a number, the same every time, seed %s', async (seed) => {
      for (const removed of [undefined, 2]) {
        const [scores] = await make().score([GROUP], probeOf([readerOf(seed)], removed))
        expect(scores).toHaveLength(UNITS)
        expect([...scores!].every(Number.isFinite)).toBe(true)
        const [again] = await make().score([GROUP], probeOf([readerOf(seed)], removed))
        expect(again).toEqual(scores)
      }
    })

    test.each(SEEDS)('permuting units permutes the ones that go, seed %s', async (seed) => {
      const last = (unit: number) => UNITS - 1 - unit
      for (const removed of [undefined, 1, 3]) {
        const [scores] = await make().score([GROUP], probeOf([readerOf(seed)], removed))
        const [turned] = await make().score([GROUP], probeOf([turnedReader(readerOf(seed))], removed))
        const going = lowest(scores!, removed ?? 2)
        expect(
          lowest(turned!, removed ?? 2)
            .map(last)
            .sort(),
        ).toEqual(going)
      }
    })
  })
}

const SEEDS = [1, 2, 3, 4]
const UNITS = 6
const ROWS = 4
const SAMPLES = 24
const GROUP: UnitGroup = { kind: 'coupled', id: 'group', units: UNITS, slices: [], roles: new Set() }

/** Units of one column each, whose inputs have something in common. */
function readerOf(seed: number): UnitReader {
  const draw = randomNumbers(seed)
  const numbers = Array.from({ length: 6000 }, () => draw() - 0.5)
  const at = (i: number) => numbers[i]!
  const inputs = Array.from({ length: SAMPLES }, (_, s) => {
    const common = at(s)
    return Array.from({ length: UNITS }, (_, u) => (u + 1) * (common + at(1000 + s * UNITS + u)))
  })
  const gram = Float64Array.from({ length: UNITS ** 2 }, (_, i) => {
    const [a, b] = [Math.floor(i / UNITS), i % UNITS]
    return inputs.reduce((sum, x) => sum + x[a]! * x[b]!, 0) / SAMPLES
  })
  const weight = Float32Array.from({ length: ROWS * UNITS }, (_, i) => at(5000 + i))
  return { id: 'weight', gram, weight, rows: ROWS, units: Int32Array.from({ length: UNITS }, (_, u) => u) }
}

/** The same with units in the opposite order. */
function turnedReader({ gram, weight, ...rest }: UnitReader): UnitReader {
  return {
    ...rest,
    gram: Float64Array.from(gram).reverse(),
    weight: Float32Array.from(weight, (_, i) => weight[i - (i % UNITS) + UNITS - 1 - (i % UNITS)]!),
  }
}

/** A loss that is the squared error of what the weights put out, with units gated. */
function probeOf(readers: readonly UnitReader[], removed: number | undefined): Probe {
  const errorOf = (gate: ArrayLike<number>) => readers.reduce((sum, reader) => sum + squaredError(reader, gate), 0)
  return {
    losses: async (_, settings) => settings.map((gates) => errorOf(gates.get(GROUP.id) ?? Array(UNITS).fill(1))),
    likeness: () => Promise.reject(new Error('not called for')),
    // Of the loss without a unit, in place of a derivative: it tells units apart.
    gradients: async () => [
      Float64Array.from({ length: UNITS }, (_, u) =>
        errorOf(
          Array(UNITS)
            .fill(1)
            .fill(0, u, u + 1),
        ),
      ),
    ],
    async *readers() {
      yield readers
    },
    ...(removed !== undefined && { removals: new Map([[GROUP.id, removed]]) }),
  }
}

function squaredError({ gram, weight }: UnitReader, gate: ArrayLike<number>): number {
  let error = 0
  for (let r = 0; r < ROWS; r++) {
    const lost = (u: number) => weight[r * UNITS + u]! * (1 - gate[u]!)
    for (let a = 0; a < UNITS; a++) for (let b = 0; b < UNITS; b++) error += lost(a) * gram[a * UNITS + b]! * lost(b)
  }
  return error
}

/** The units that go first, in order of position. */
function lowest(scores: Float64Array, count: number): number[] {
  return [...scores.keys()]
    .sort((a, b) => scores[a]! - scores[b]! || a - b)
    .slice(0, count)
    .sort((a, b) => a - b)
}
