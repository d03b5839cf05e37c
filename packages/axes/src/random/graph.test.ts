import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Kind, tryRandomGraph } from './graph.test.support.js'

// More of them: PARE_GRAPHS=5000, or `node bench/laws.mjs 5000`.
const graphs = Number(process.env.PARE_GRAPHS ?? 150)

describe('on random graphs cutting nothing changes nothing, and what is cut computes what it computes with those units at zero', () => {
  test.each<[Kind]>([['cnn'], ['transformer']])(
    '%s',
    async (kind) => {
      const total = { cut: 0, held: 0, refused: 0 }
      const graph = fc.record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 7 }) })
      const property = fc.asyncProperty(graph, async ({ seed, steps }) => {
        const { cut, held, isRefused, broken } = await tryRandomGraph(kind, seed, steps)
        total.cut += cut
        total.held += held
        total.refused += isRefused ? 1 : 0
        expect(broken).toEqual([])
      })
      await fc.assert(property, { numRuns: graphs / 2, seed: 1 })
      // A law that holds because nothing is found is no law.
      expect(total.cut).toBeGreaterThan(graphs)
      expect(total.cut).toBeGreaterThan(total.held / 3)
      expect(total.refused).toBeLessThanOrEqual(graphs / 50)
    },
    graphs * 1000,
  )
})
