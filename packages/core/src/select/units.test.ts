import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PruneStep } from '../plan/plan.js'
import { limitsOf, refuseUnitOptions, type UnitLimits } from './unit-options.js'
import { rankUnits, type UnitRanking, unitsOf } from './units.js'

const group = (...scores: number[]): UnitRanking => ({ units: scores.length, scores: Float64Array.from(scores) })
const limits: UnitLimits = { scope: 'group', minUnits: 1, multipleOf: 1, uniform: false }
const removed = (groups: readonly UnitRanking[], share: number, more: Partial<UnitLimits> = {}) =>
  rankUnits(groups, { ...limits, ...more })(share)

describe('within a group', () => {
  test('the lowest scores go, ties in order of position', () => {
    expect(removed([group(3, 1, 2, 1)], 0.25)).toEqual([[1]])
    expect(removed([group(3, 1, 2, 1)], 0.5)).toEqual([[1, 3]])
  })

  test('of each group the same share goes', () => {
    expect(removed([group(9, 8, 7, 6), group(1, 2)], 0.5)).toEqual([[2, 3], [0]])
  })

  test('one unit always remains, or as many as are asked for', () => {
    expect(removed([group(1, 2, 3)], 1)).toEqual([[0, 1]])
    expect(removed([group(1, 2, 3), group(1, 2)], 1, { minUnits: 2 })).toEqual([[0], []])
    expect(removed([group(1, 2)], 1, { minUnits: 5 })).toEqual([[]])
  })

  test('what is kept is rounded up to a multiple', () => {
    const twelve = group(...Array.from({ length: 12 }, (_, i) => i))
    // 12 − 5 = 7 kept become 8; 12 − 3 = 9 kept become 12; at least one kept becomes 4.
    expect(removed([twelve], 5 / 12, { multipleOf: 4 })).toEqual([[0, 1, 2, 3]])
    expect(removed([twelve], 3 / 12, { multipleOf: 4 })).toEqual([[]])
    expect(removed([twelve], 1, { multipleOf: 4 })[0]!.length).toBe(8)
    // 5 at least become 8.
    expect(removed([twelve], 1, { multipleOf: 4, minUnits: 5 })[0]!.length).toBe(4)
  })

  test('all of a group is kept where the next multiple is beyond it; groups below it are not bound', () => {
    const six = group(1, 2, 3, 4, 5, 6)
    expect(removed([six], 1 / 6, { multipleOf: 4 })).toEqual([[]])
    expect(removed([six], 1 / 3, { multipleOf: 4 })).toEqual([[0, 1]])
    expect(removed([six], 1 / 3, { multipleOf: 8 })).toEqual([[0, 1]])
  })
})

describe('over all groups', () => {
  // Divided by their means 2 and 20: 0.5, 1, 1.5 and 0.1, 1.9.
  const two = [group(1, 2, 3), group(2, 38)]

  test('scores are compared after division by the mean of their group', () => {
    expect(removed(two, 0.2, { scope: 'global' })).toEqual([[], [0]])
    expect(removed(two, 0.4, { scope: 'global' })).toEqual([[0], [0]])
    expect(removed(two, 0.6, { scope: 'global' })).toEqual([[0, 1], [0]])
    expect(removed(two, 1, { scope: 'global' })).toEqual([[0, 1], [0]])
  })

  test('units that must stay leave their place to others', () => {
    expect(removed(two, 0.4, { scope: 'global', minUnits: 2 })).toEqual([[0], []])
  })

  test('uniform: groups with as many units lose as many, the mean of what they would', () => {
    // Scores ÷ mean: 0.1 … for the first, all 1 for the second: alone, the first would lose 3 and the second none.
    const alike = [group(1, 1, 1, 97), group(5, 5, 5, 5), group(1, 9)]
    expect(removed(alike, 0.3, { scope: 'global' })).toEqual([[0, 1, 2], [], []])
    // (3 + 0) ÷ 2 = 1.5, rounded 2.
    expect(removed(alike, 0.3, { scope: 'global', uniform: true })).toEqual([[0, 1], [0, 1], []])
  })
})

const scores = fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 1, maxLength: 24 })
const anyLimits = fc.record<UnitLimits>({
  scope: fc.constantFrom('group', 'global'),
  minUnits: fc.integer({ min: 1, max: 5 }),
  multipleOf: fc.integer({ min: 1, max: 8 }),
  uniform: fc.boolean(),
})

test('laws: what goes for one share goes for every larger one, the limits hold, and lower scores go first', () => {
  fc.assert(
    fc.property(fc.array(scores, { minLength: 1, maxLength: 5 }), anyLimits, (lists, limits) => {
      const groups = lists.map((list) => group(...list))
      const at = rankUnits(groups, limits)
      const total = unitsOf(groups)
      let before = at(0)
      expect(before.flat()).toEqual([])
      for (let n = 1; n <= total; n++) {
        const now = at(n / total)
        for (const [i, { units, scores }] of groups.entries()) {
          const gone = new Set(now[i])
          expect(before[i]!.every((unit) => gone.has(unit))).toBe(true)
          const kept = units - gone.size
          expect(kept).toBeGreaterThanOrEqual(Math.min(units, limits.minUnits))
          expect(kept === units || units < limits.multipleOf || kept % limits.multipleOf === 0).toBe(true)
          const lowestKept = Math.min(...scores.filter((_, unit) => !gone.has(unit)))
          for (const unit of gone) expect(scores[unit]).toBeLessThanOrEqual(lowestKept)
          if (!limits.uniform) continue
          const alike = groups.findIndex((other) => other.units === units)
          expect(now[alike]!.length).toBe(gone.size)
        }
        before = now
      }
    }),
  )
})

describe('options that make no sense are refused', () => {
  const step = (options: Partial<PruneStep>): PruneStep => ({
    structure: { name: 'thing', find: () => ({ groups: [], declined: [] }) },
    criterion: { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) },
    target: { ratio: 0.5 },
    ...options,
  })

  test('limits that are no whole numbers from 1 on', () => {
    expect(() => limitsOf(step({ minUnits: 0 }))).toThrow('minUnits is 0; a whole number from 1 on was expected.')
    expect(() => limitsOf(step({ multipleOf: 1.5 }))).toThrow('multipleOf is 1.5')
    expect(limitsOf(step({}))).toEqual(limits)
  })

  test('scopes of elements for units, and of units for elements', () => {
    expect(() => limitsOf(step({ scope: 'tensor' }))).toThrow("scope 'tensor' ranks elements")
    expect(() => refuseUnitOptions(step({ scope: 'group' }))).toThrow(
      "scope 'group' ranks units, and structure 'thing' masks elements",
    )
  })

  test('options of units for elements, all at once', () => {
    expect(() => refuseUnitOptions(step({ norm: 'l2', multipleOf: 8 }))).toThrow(
      "norm l2, multipleOf 8: that is for structures that cut units, and 'thing' masks elements.",
    )
    expect(refuseUnitOptions(step({}))).toBe(undefined)
  })
})
