import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomStream, uniform } from '../backend/random.js'
import { type Columns, searchOrder } from './search.js'

const never = () => false
const options = (n: number, m: number, tries = 1e6) => ({ n, m, tries, stream: randomStream(1, 'test'), timeUp: never })

function random(units: number, rows: number, seed: number): Columns {
  const stream = randomStream(seed, 'values')
  return { units, rows, values: Float32Array.from({ length: units * rows }, (_, i) => uniform(stream, i) ** 2) }
}

/** The slow way: what n of each m keep, row by row. */
function keptOf({ values, rows }: Columns, order: ArrayLike<number>, { n, m }: { n: number; m: number }): number {
  let kept = 0
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < order.length; at += m) {
      const block = Array.from(order)
        .slice(at, at + m)
        .map((unit) => values[unit * rows + row]!)
        .sort((a, b) => b - a)
      for (const value of block.slice(0, Math.ceil((block.length * n) / m))) kept += value
    }
  }
  return kept
}

const all = ({ values }: Columns) => values.reduce((a, b) => a + b, 0)
const inOrder = (units: number) => Array.from({ length: units }, (_, i) => i)

test('columns of which an order makes 2:4 lossless: it is found', () => {
  // In pairs of units each row has one zero and one number, but the pairs of a block are apart: unit u and unit u + 8 are never both there.
  const [units, rows] = [16, 12]
  const stream = randomStream(3, 'lossless')
  const values = new Float32Array(units * rows)
  for (let u = 0; u < 8; u++) {
    for (let row = 0; row < rows; row++) {
      const first = uniform(stream, u * rows + row) < 0.5
      values[(first ? u : u + 8) * rows + row] = 1 + u
    }
  }
  const columns = { units, rows, values }
  const { kept, order } = searchOrder(columns, options(2, 4))
  expect(keptOf(columns, inOrder(units), { n: 2, m: 4 })).toBeLessThan(0.92 * all(columns))
  expect(kept).toBeGreaterThan(0.999 * all(columns))
  expect(kept).toBeCloseTo(keptOf(columns, order, { n: 2, m: 4 }), 3)
})

test('any columns, any pattern: the order names each unit once, keeps what it says, and never less than before', () => {
  const cases = fc.record({
    units: fc.integer({ min: 2, max: 20 }),
    rows: fc.integer({ min: 1, max: 6 }),
    seed: fc.nat(),
    m: fc.integer({ min: 2, max: 6 }),
    n: fc.integer({ min: 1, max: 5 }),
  })
  fc.assert(
    fc.property(cases, ({ units, rows, seed, m, n }) => {
      fc.pre(n < m)
      const columns = random(units, rows, seed)
      const { order, kept } = searchOrder(columns, options(n, m, 5000))
      expect([...order].sort((a, b) => a - b)).toEqual(inOrder(units))
      expect(kept).toBeCloseTo(keptOf(columns, order, { n, m }), 4)
      expect(kept).toBeGreaterThanOrEqual(keptOf(columns, inOrder(units), { n, m }) - 1e-5)
    }),
  )
})

test('eight units in blocks of four: the best of all 35 orders', () => {
  for (let seed = 0; seed < 20; seed++) {
    const columns = random(8, 5, seed)
    let best = 0
    for (let set = 0; set < 256; set++) {
      const first = inOrder(8).filter((unit) => (set >> unit) & 1)
      if (first.length !== 4) continue
      const rest = inOrder(8).filter((unit) => !first.includes(unit))
      best = Math.max(best, keptOf(columns, [...first, ...rest], { n: 2, m: 4 }))
    }
    expect(searchOrder(columns, options(2, 4)).kept).toBeCloseTo(best, 4)
  }
})

test('the same seed finds the same order, fewer tries end earlier, and so does the time', () => {
  const columns = random(64, 32, 5)
  const first = searchOrder(columns, options(2, 4))
  expect(searchOrder(columns, options(2, 4)).order).toEqual(first.order)
  expect(first.ended).toBe('settled')
  const short = searchOrder(columns, options(2, 4, 500))
  expect(short.ended).toBe('tries')
  expect(short.kept).toBeLessThan(first.kept)
  expect(searchOrder(columns, { ...options(2, 4), timeUp: () => true }).ended).toBe('time')
})
