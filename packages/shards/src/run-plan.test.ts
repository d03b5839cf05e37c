import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { planRun, type SpreadModel } from './run-plan.js'

const model = (name: string, prune: number, measure: number, more: Partial<SpreadModel> = {}): SpreadModel => ({
  ...{ model: name, sha256: `hash of ${name}`, cost: { prune, measure }, mostParts: 100 },
  ...more,
})

/** Who does what: ['a', 'b 1/2'] for each shard. */
function shared(models: readonly SpreadModel[], shards: number): readonly string[][] {
  const { pieces } = planRun(models, shards)
  return Array.from({ length: shards }, (_, i) => pieces.filter(({ shard }) => shard === i + 1).map(({ id }) => id))
}

describe('a run is spread so that all shards take about as long', () => {
  test('what takes longest comes first, each to who has least to do', () => {
    const whole = { mostParts: 1 }
    const models = [model('a', 1, 1, whole), model('b', 3, 2, whole), model('c', 1, 2, whole), model('d', 2, 2, whole)]
    // b 5, d 4; c 3 to the second, a 2 to the first.
    expect(shared(models, 2)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
  })

  test('an evaluation that takes longer than a fair share is cut into parts', () => {
    // 2 + 18 seconds on 4 machines: fair are 5, of which 3 are left to measure: 6 parts, but there are 4 machines.
    expect(shared([model('a', 2, 18)], 4)).toEqual([['a 1/4'], ['a 2/4'], ['a 3/4'], ['a 4/4']])
    expect(shared([model('a', 2, 18, { mostParts: 1 })], 4)).toEqual([['a'], [], [], []])
  })

  test('pruning that takes longer than all else is done once', () => {
    expect(shared([model('a', 100, 1), model('b', 1, 1)], 2)).toEqual([['a'], ['b']])
  })

  test('models of one set stay together', () => {
    const models = [model('s/a', 5, 5, { set: 's' }), model('b', 1, 8, { mostParts: 1 }), model('s/c', 5, 5, { set: 's' })]
    expect(shared(models, 2)).toEqual([['s/a', 's/c'], ['b']])
  })

  test('everything is done exactly once, and no model twice on one shard', () => {
    const cost = fc.double({ min: 0, max: 1000, noNaN: true })
    const models = fc.array(fc.record({ prune: cost, measure: cost, mostParts: fc.integer({ min: 1, max: 20 }) }), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(models, fc.integer({ min: 1, max: 20 }), (all, shards) => {
        const { pieces } = planRun(
          all.map(({ prune, measure, mostParts }, i) => model(`m${i}`, prune, measure, { mostParts })),
          shards,
        )
        for (const i of all.keys()) {
          const own = pieces.filter((piece) => piece.model === `m${i}`)
          const { count } = own[0]!.part
          expect(own.map(({ part }) => part)).toEqual(Array.from({ length: count }, (_, at) => ({ index: at + 1, count })))
          expect(new Set(own.map(({ shard }) => shard)).size).toBe(count)
        }
        expect(pieces.every(({ shard }) => shard >= 1 && shard <= shards)).toBe(true)
      }),
    )
  })

  test('the hash of a plan follows from all that it says', () => {
    const models = [model('a', 2, 18), model('b', 1, 1)]
    const { sha256 } = planRun(models, 3)
    expect(planRun(models, 3).sha256).toBe(sha256)
    expect(planRun(models, 4).sha256).not.toBe(sha256)
    expect(planRun([models[0]!, { ...models[1]!, sha256: 'other' }], 3).sha256).not.toBe(sha256)
  })
})
