import type { BlockGroup, Gates, Likeness, Probe, UnitGroup } from '@pare/core'
import { expect, test } from 'vitest'
import { blockInfluence } from './index.js'

/** Blocks v0 → v1 → … */
const chain = (units: number): BlockGroup => ({
  ...{ kind: 'block', id: 'blocks:v0', units, slices: [] },
  blocks: Array.from({ length: units }, (_, i) => ({ from: `v${i}`, to: `v${i + 1}`, nodes: [], inputs: [], outputs: [] })),
})

const never = () => Promise.reject(new Error('not calls for'))
const none = () => {
  throw new Error('not called for')
}

function comparing(values: Record<string, number>, removals?: number) {
  const calls: Likeness[] = []
  const probe: Probe = {
    losses: never,
    gradients: never,
    readers: none,
    likeness: async (pairs, likeness) => {
      calls.push(likeness)
      return pairs.map((pair) => values[pair.join()]!)
    },
    ...(removals !== undefined && { removals: new Map([['blocks:v0', removals]]) }),
  }
  return { probe, calls }
}

test('BI is 1 − the mean cosine of beginning and end', async () => {
  const { probe, calls } = comparing({ 'v0,v1': 0.25, 'v1,v2': 0.75, 'v2,v3': -0.5 })
  const [scores] = await blockInfluence().score([chain(3)], probe)
  expect([...scores!]).toEqual([0.75, 0.25, 1.5])
  expect(calls).toEqual([{ of: 'cosine', rows: 'all' }])
})

test('angular takes the stretch whose ends are nearest, not the blocks that turn least alone', async () => {
  const { probe, calls } = comparing({ 'v0,v2': 0.3, 'v1,v3': 0.2, 'v2,v4': 0.4 }, 2)
  const [scores] = await blockInfluence({ by: 'angular' }).score([chain(4)], probe)
  expect([...scores!]).toEqual([1, 0, 0, 1])
  expect(calls).toEqual([{ of: 'angle', rows: 'last' }])
})

test('angular must know how many go', async () => {
  const score = blockInfluence({ by: 'angular' }).score([chain(4)], comparing({}).probe)
  await expect(score).rejects.toThrow("block-influence: by 'angular' must know beforehand how many blocks go.")
})

/** Blocks 0 and 1 do the same: without one of them nothing is lost, without both very much. */
function twins() {
  const rounds: number[] = []
  const lossOf = (gates: Gates) => {
    const [first, second, third, fourth] = gates.get('blocks:v0')!
    return (first === 0 && second === 0 ? 10 : 0) + (third === 0 ? 1 : 0) + (fourth === 0 ? 3 : 0)
  }
  const probe: Probe = {
    likeness: never,
    gradients: never,
    readers: none,
    losses: async (_, settings) => {
      rounds.push(settings.length)
      return settings.map(lossOf)
    },
  }
  return { probe, rounds }
}

test('perplexity tries again after each block that goes', async () => {
  const { probe, rounds } = twins()
  const [scores] = await blockInfluence({ by: 'perplexity' }).score([chain(4)], probe)
  // 0 goes for nothing, then 2 for 1, then 3 for 3 more: 1 is all that is left of the twins.
  const order = [...scores!.keys()].sort((a, b) => scores![a]! - scores![b]!)
  expect(order).toEqual([0, 2, 3, 1])
  expect(rounds).toEqual([4, 3, 2])
})

test('perplexity stops where as many went as are to go', async () => {
  const { probe, rounds } = twins()
  const removals = new Map([['blocks:v0', 1]])
  const [scores] = await blockInfluence({ by: 'perplexity' }).score([chain(4)], { ...probe, removals })
  expect(rounds).toEqual([4])
  expect(scores!.indexOf(Math.min(...scores!))).toBe(0)
})

test('units that are no blocks are refused', async () => {
  const heads: UnitGroup = { kind: 'coupled', id: 'q:1', units: 4, slices: [], roles: new Set() }
  await expect(blockInfluence().score([heads], comparing({}).probe)).rejects.toThrow(
    "judges whole blocks, and 'q:1' is a group of positions",
  )
})

test.each([
  [{ by: 'sine' as 'cosine' }, 'by is "sine"; cosine, angular or perplexity was expected'],
  [{ samples: 1.5 }, 'samples is 1.5; a whole number from 1 on was expected'],
  [{ against: 'x' as 'labels' }, 'against is "x"; labels or outputs was expected'],
])('%j is refused', (options, message) => {
  expect(() => blockInfluence(options)).toThrow(message)
})
