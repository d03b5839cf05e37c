import type { Gates, Probe, UnitGroup } from '@pare/core'
import { expect, test } from 'vitest'
import { sensitivity } from './index.js'

const group = (id: string, units: number): UnitGroup => ({ kind: 'coupled', id, units, slices: [], roles: new Set() })

/** A model whose loss is 1, and for each unit that is off what it costs. */
function probeOf(
  costs: Record<string, readonly number[]>,
): Probe & { readonly rounds: (readonly Gates[])[]; readonly calls: object[] } {
  const rounds: (readonly Gates[])[] = []
  const calls: object[] = []
  const costOf = (gates: Gates) =>
    [...gates].flatMap(([id, gate]) => costs[id]!.filter((_, unit) => gate[unit] === 0)).reduce((a, b) => a + b, 1)
  return {
    rounds,
    calls,
    losses: async (_, settings, loss) => {
      rounds.push(settings)
      calls.push(loss)
      return settings.map(costOf)
    },
    likeness: () => Promise.reject(new Error('not calls for')),
    gradients: () => Promise.reject(new Error('not calls for')),
    readers: () => {
      throw new Error('not called for')
    },
  }
}

test('a score is what the loss rises by without the unit', async () => {
  const probe = probeOf({ a: [0.5, 0, 2], b: [-0.25, 4] })
  const scores = await sensitivity().score([group('a', 3), group('b', 2)], probe)
  expect(scores.map((of) => [...of])).toEqual([
    [0.5, 0, 2],
    [-0.25, 4],
  ])
  expect(probe.calls[0]).toEqual({ against: 'outputs', samples: 64 })
})

test('wide groups are tried in chunks, every unit once and alone', async () => {
  const costs = Array.from({ length: 600 }, (_, i) => i / 64)
  const probe = probeOf({ a: costs })
  const [scores] = await sensitivity({ against: 'labels', samples: 8 }).score([group('a', 600)], probe)
  expect([...scores!]).toEqual(costs)
  expect(probe.rounds.map(({ length }) => length)).toEqual([1, 256, 256, 88])
  expect(probe.calls[1]).toEqual({ against: 'labels', samples: 8 })
  const off = probe.rounds
    .slice(1)
    .flat()
    .map((gates) => gates.get('a')!.reduce((count, gate) => count + (1 - gate), 0))
  expect(new Set(off)).toEqual(new Set([1]))
})

test.each([
  [{ against: 'both' as 'labels' }, 'against is "both"; outputs or labels was expected'],
  [{ samples: 0 }, 'samples is 0; a whole number from 1 on was expected'],
])('%j is refused', (options, message) => {
  expect(() => sensitivity(options)).toThrow(message)
})
