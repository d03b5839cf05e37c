import { describe, expect, test } from 'vitest'
import { drop } from './compare.js'
import { clusteredF1Bounds, f1Bounds, macroF1 } from './f1.js'
import { groupingOf } from './groups.js'

describe('macroF1', () => {
  test('is the mean over the classes that occur', () => {
    // class 0: TP 1, FP 0, FN 1 → 2/3; class 1: TP 1, FP 1, FN 0 → 2/3; class 5: TP 1 → 1
    expect(macroF1([0, 0, 1, 5], [0, 1, 1, 5])).toBeCloseTo((2 / 3 + 2 / 3 + 1) / 3, 12)
  })

  test('counts a class that is only ever predicted as 0', () => {
    // class 0: TP 1, FN 1 → 2/3; class 9: FP 1 → 0
    expect(macroF1([0, 0], [0, 9])).toBeCloseTo(1 / 3, 12)
  })
})

describe('f1Bounds', () => {
  const label = Array.from({ length: 300 }, (_, i) => i % 3)

  test('has a width where the models agree on every sample', () => {
    const { drop, bounds } = f1Bounds(label, label, label)
    const [low, high] = bounds(0.95)
    expect(drop).toBe(0)
    // About ±3 ÷ n samples, as for a proportion, and half as much again because a wrong answer spoils two classes.
    expect(high).toBeGreaterThan(2 / 300)
    expect(high).toBeLessThan(6 / 300)
    expect(low).toBeLessThan(-2 / 300)
  })

  test('contains the drop and not 0 where the pruned model is clearly worse', () => {
    const worse = label.map((one, i) => (i % 8 === 0 ? (one + 1) % 3 : one))
    const { drop, bounds } = f1Bounds(label, label, worse)
    const [low, high] = bounds(0.95)
    expect(drop).toBeCloseTo(38 / 300, 2)
    expect(low).toBeGreaterThan(0.05)
    expect(low).toBeLessThan(drop)
    expect(high).toBeGreaterThan(drop)
  })

  test('is repeatable', () => {
    const other = label.map((one, i) => (i % 50 === 0 ? 0 : one))
    expect(f1Bounds(label, label, other).bounds(0.95)).toEqual(f1Bounds(label, label, other).bounds(0.95))
  })

  test('works on a single class', () => {
    expect(f1Bounds([4, 4, 4], [4, 4, 4], [4, 4, 4]).drop).toBe(0)
  })
})

describe('clusteredF1Bounds', () => {
  // Two classes as often as each other: macro F1 is nearly accuracy, of which the limits are exact.
  const of = Array.from({ length: 2000 }, (_, i) => Math.floor(i / 50))
  const label = of.map((_, i) => i % 2)
  const wrong = (isWrong: (i: number) => boolean) => label.map((one, i) => (isWrong(i) ? 1 - one : one))

  test('reaches as far as the interval of right answers where a few groups gained much', () => {
    const isGained = (i: number) => of[i]! < 2 && i % 10 > 0
    const reference = wrong((i) => i % 10 === 0 || isGained(i))
    const pruned = wrong((i) => i % 10 === 0 || (of[i]! > 1 && i % 20 === 3))
    const { drop: value, bounds } = clusteredF1Bounds(label, reference, pruned, groupingOf({ by: 'g', names: [], of })!)
    const side = (answers: readonly number[]) => {
      const correct = answers.map((one, i) => Number(one === label[i]))
      return {
        ...({ metric: 'accuracy', better: 'higher', bounded: true } as const),
        value: correct.reduce((a, b) => a + b, 0) / correct.length,
        samples: { kind: 'proportion' as const, correct },
      }
    }
    const accuracy = drop(side(reference), side(pruned), { facts: { group: { by: 'g', names: [], of } } })
    expect(value).toBeCloseTo(accuracy.value, 2)
    expect(bounds(0.95)[1] - value).toBeGreaterThan(0.97 * (accuracy.interval[1] - accuracy.value))
    expect(value - bounds(0.95)[0]).toBeGreaterThan(0.97 * (accuracy.value - accuracy.interval[0]))
  })
})
