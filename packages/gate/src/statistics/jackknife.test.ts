import { describe, expect, test } from 'vitest'
import { blocksOf, jackknife } from './jackknife.js'
import { studentQuantile } from './student.js'

describe('jackknife', () => {
  test('of a mean is Student’s interval', () => {
    const values = [1, 2, 3, 4, 5, 6]
    const without = Float64Array.from(values, (one) => (21 - one) / 5)
    // Deviations 2.5, 1.5, 0.5 on both sides: squares sum to 17.5, and 17.5 ÷ 5 ÷ 6 = 0.58333.
    const error = Math.sqrt(17.5 / 30)
    const { error: own, bounds } = jackknife(3.5, without, 6)
    expect(own).toBeCloseTo(error, 12)
    // t(0.975; 5) = 2.5706
    expect(bounds(0.95)[1]).toBeCloseTo(3.5 + 2.5706 * error, 4)
    expect(bounds(0.95)[0]).toBeCloseTo(3.5 - 2.5706 * error, 4)
  })

  test('is wider where the blocks tell as much as fewer', () => {
    const without = Float64Array.of(1, 2, 3, 4, 5, 6)
    const wide = jackknife(3.5, without, 4).bounds(0.95)[1] - 3.5
    expect(wide / (jackknife(3.5, without, 6).bounds(0.95)[1] - 3.5)).toBeCloseTo(
      studentQuantile(0.025, 3) / studentQuantile(0.025, 5),
      9,
    )
  })

  test('of what never moves has no width, and leaves out what has no value', () => {
    expect(jackknife(2, Float64Array.of(2, 2, 2), 3).bounds(0.95)).toEqual([2, 2])
    const [some, all] = [
      [1, Number.NaN, 3, 5],
      [1, 3, 5],
    ].map((without) => jackknife(3, Float64Array.from(without), 3).bounds(0.95))
    expect(some).toEqual(all)
  })
})

test('blocks hold all samples of a group, and each sample once', () => {
  const members = Array.from({ length: 7 }, (_, g) => Int32Array.of(2 * g, 2 * g + 1))
  expect(blocksOf(members, 7)).toBe(members)
  const blocks = blocksOf(members, 3)
  expect(blocks.map((block) => [...block])).toEqual([
    [0, 1, 6, 7, 12, 13],
    [2, 3, 8, 9],
    [4, 5, 10, 11],
  ])
})
