import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findBorder, type ScoredStream, type ScoreRun } from './border.js'

interface Weight {
  readonly scores: readonly number[]
  readonly added: readonly number[]
}

/** A weight in pieces of three. */
const streamOf = ({ scores, added }: Weight): ScoredStream =>
  async function* () {
    for (let first = 0; first < scores.length; first += 3) {
      const piece = (values: readonly number[]) => Float64Array.from(values.slice(first, first + 3))
      yield { first, scores: piece(scores), added: piece(added) } satisfies ScoreRun
    }
  }

/** The slow way: all of them sorted, the first that does not fit any more. */
function oracle(weights: readonly Weight[], budget: number) {
  const all = weights.flatMap(({ scores, added }, weight) =>
    scores.map((score, tile) => ({ score, weight, tile, added: added[tile]! })),
  )
  let left = budget
  return all
    .sort((a, b) => a.score - b.score || a.weight - b.weight || a.tile - b.tile)
    .find(({ added }) => {
      left -= added
      return left < 0
    })
}

test('any scores, ties and zeros among them: the first that stays is that of sorting', async () => {
  const score = fc.oneof(
    fc.constantFrom(-Infinity, 0, 1, 1 + 2 ** -40, 1e300),
    fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  )
  const weight = fc.array(fc.tuple(score, fc.integer({ min: 0, max: 4 })), { maxLength: 9 }).map((pairs) => ({
    scores: pairs.map(([score]) => score),
    added: pairs.map(([score, added]) => (score === -Infinity ? 0 : added)),
  }))
  await fc.assert(
    fc.asyncProperty(
      fc.array(weight, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 0, max: 40 }),
      async (weights, budget) => {
        expect(await findBorder(weights.map(streamOf), budget)).toEqual(oracle(weights, budget))
      },
    ),
  )
})

/** `count` scores in one piece, whose memory is used again. */
function large(count: number, score: (i: number) => number): ScoredStream {
  const piece = {
    first: 0,
    scores: Float64Array.from({ length: count }, (_, i) => score(i)),
    added: new Float64Array(count).fill(1),
  }
  return async function* () {
    yield piece
  }
}

test('more equal scores than are held in memory are counted off in order', async () => {
  const million = 1 << 20
  const streams = [large(million, () => 2), large(million, (i) => (i % 2 === 0 ? 2 : 1))]
  // Half a million ones go first, then all of the first weight, then 100 of the second.
  expect(await findBorder(streams, 1.5 * million + 100)).toEqual({ score: 2, weight: 1, tile: 200 })
  expect(await findBorder(streams, 2 * million)).toBeUndefined()
})

test('more scores alike in their first digits than are held are narrowed down by the next', async () => {
  const million = 1 << 20
  const stream = large(million + 10, (i) => 1 + ((i * 7919) % (million + 10)) * 2 ** -40)
  // The scores are 1 + k · 2⁻⁴⁰, each k once: after 12345 of them comes k = 12345.
  const border = await findBorder([stream], 12345)
  expect(border!.score).toBe(1 + 12345 * 2 ** -40)
  expect((border!.tile * 7919) % (million + 10)).toBe(12345)
})
