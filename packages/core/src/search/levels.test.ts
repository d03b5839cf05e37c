import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exchanged, leastSummed } from './exchange.js'
import { type Choice, costOf, ladderOf } from './ladder.js'
import { type LevelSearch, searchLevels } from './search.js'

const layers = [
  { id: 'small', elements: 100 },
  { id: 'large', elements: 290 },
]

test('levels lie around the start, those of a large weight a power of two further apart', () => {
  const { weights, start } = ladderOf(layers, [50, 200], { levels: 5, step: 0.1 })
  // A tenth of 100 is the unit; 29 is between 2 and 4 units, nearer to 2 on a logarithmic scale (√8 = 2.83).
  expect(weights.map(({ zeros }) => zeros)).toEqual([
    [70, 60, 50, 40, 30],
    [280, 240, 200, 160, 120],
  ])
  expect(weights[0]!.costs).toEqual([30, 40, 50, 60, 70])
  expect(start).toEqual([2, 2])
  expect(costOf(weights, start)).toBe(50 + 90)
})

test('a level that a weight has no room for is left out', () => {
  const { weights, start } = ladderOf(layers, [95, 5], { levels: 5, step: 0.1 })
  expect(weights[0]!.zeros).toEqual([95, 85, 75])
  expect(weights[1]!.zeros).toEqual([85, 45, 5])
  expect(start).toEqual([0, 2])
})

/** Ladders of weights of any size around any counts. */
const ladders = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 1, noNaN: true })), { minLength: 2, maxLength: 8 })
  .map((sizes) => {
    const own = sizes.map(([elements], i) => ({ id: String(i), elements }))
    return ladderOf(
      own,
      sizes.map(([elements, share]) => Math.round(share * elements)),
      { levels: 7, step: 0.05 },
    )
  })

/** A generator for tests: the fractional parts of multiples of the golden ratio, from a seed. */
function numbers(seed: number): () => number {
  let n = seed
  return () => (n++ * 0.6180339887498949) % 1
}

test('an exchange costs what was there before, to the element', () => {
  fc.assert(
    fc.property(
      ladders,
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 3 }),
      ({ weights, start }, seed, exchanges) => {
        const choice = exchanged(weights, start, { exchanges, random: numbers(seed) })
        if (choice === undefined) return
        expect(costOf(weights, choice)).toBe(costOf(weights, start))
        for (const [w, level] of choice.entries()) expect(weights[w]!.costs[level]).toBeDefined()
      },
    ),
  )
})

test('the least sum of single losses is that of all choices of the same cost', () => {
  const some = fc.array(
    fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.option(fc.integer({ min: -9, max: 9 }))), {
      minLength: 2,
      maxLength: 4,
    }),
    {
      minLength: 2,
      maxLength: 4,
    },
  )
  fc.assert(
    fc.property(some, (levels) => {
      const weights = levels.map((own, i) => ({ id: String(i), costs: own.map(([cost]) => 3 * cost) }))
      const losses = levels.map((own) => own.map(([, loss], level) => (level === 0 ? 0 : (loss ?? undefined))))
      const start = levels.map(() => 0)
      const sum = (choice: Choice) => choice.reduce((all, level, w) => all + (losses[w]![level] ?? Number.POSITIVE_INFINITY), 0)
      const all = levels.reduce<Choice[]>(
        (choices, own) => choices.flatMap((choice) => own.map((_, level) => [...choice, level])),
        [[]],
      )
      const least = Math.min(...all.filter((choice) => costOf(weights, choice) === costOf(weights, start)).map(sum))
      const found = leastSummed(weights, losses, start)!
      expect(costOf(weights, found)).toBe(costOf(weights, start))
      expect(sum(found)).toBe(least)
    }),
  )
})

/** What is searched has its best at the levels `best`; a square for each level off. */
function bowl(best: Choice, { trials, seed = 1 }: { trials: number; seed?: number }) {
  const { weights, start } = ladderOf(
    best.map((_, i) => ({ id: String(i), elements: 1000 })),
    best.map(() => 500),
    { levels: 9 },
  )
  const asked: { readonly choices: readonly Choice[]; readonly share: number }[] = []
  let made = 0
  const scoreOf = (choice: Choice) => choice.reduce((sum, level, w) => sum + (level - best[w]!) ** 2 + (level - 4) * w * 0.01, 0)
  const search: LevelSearch = {
    ...{ weights, start, random: numbers(seed) },
    left: () => trials - made,
    score: async (choices, share) => {
      asked.push({ choices, share })
      made += choices.length
      return choices.map(scoreOf)
    },
  }
  return { search, asked, scoreOf, start, made: () => made }
}

test('a search finds the best levels where losses add up, and costs what the start does', async () => {
  const { search, scoreOf } = bowl([6, 2, 4, 5, 3], { trials: 400 })
  const { choice, score } = await searchLevels(search)
  expect(choice).toEqual([6, 2, 4, 5, 3])
  expect(score).toBe(scoreOf(choice))
})

test('a search is never worse than its start, makes no more trials than it may, and the same again', async () => {
  for (const trials of [1, 20, 22, 50, 120]) {
    const [one, two] = [bowl([8, 0, 4, 4], { trials }), bowl([8, 0, 4, 4], { trials })]
    const found = await searchLevels(one.search)
    expect(found.score).toBeLessThanOrEqual(one.scoreOf(one.start))
    expect(one.made()).toBeLessThanOrEqual(trials)
    expect(await searchLevels(two.search)).toEqual(found)
    expect(two.asked).toEqual(one.asked)
  }
})

test('a choice that cannot be scored is passed over', async () => {
  const { search, start } = bowl([6, 2, 4], { trials: 200 })
  const blind = {
    ...search,
    score: async (choices: readonly Choice[], share: number) => {
      await search.score(choices, share)
      return choices.map((choice) => (String(choice) === String(start) ? 5 : Number.NaN))
    },
  }
  expect(await searchLevels(blind)).toEqual({ choice: start, score: 5 })
})
