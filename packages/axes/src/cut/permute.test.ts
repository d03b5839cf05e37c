import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Model, modelBytes, openModel } from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Axis } from '../dependency/axis.js'
import { atom, productOf, sumOf } from '../dependency/axis.js'
import { findCoupling } from '../dependency/groups.js'
import { type Kind, randomGraph } from '../random/graph.test.support.js'
import { choicesFrom } from '../random/graph-text.test.support.js'
import { difference } from '../random/laws.test.support.js'
import { heldInPlace, orderAlong, permute } from './permute.js'

const graphs = Number(process.env.PARE_GRAPHS ?? 60)
const SIZES = [
  { N: 1, S: 3, H: 8, W: 16 },
  { N: 3, S: 5, H: 16, W: 8 },
]

/** The model with the units of every group that may change places in a random order, and how many groups those are. */
async function shuffled(model: Model, seed: number): Promise<{ model: Model; groups: number }> {
  const { dependencies, atoms } = await findCoupling(model)
  const held = heldInPlace(model, dependencies)
  const orders = new Map<Axis, Int32Array>()
  const { int } = choicesFrom(seed)
  for (const axis of atoms.values()) {
    if (held(axis) !== undefined) continue
    const order = Int32Array.from({ length: axis.size }, (_, i) => i)
    for (let i = order.length - 1; i > 0; i--) {
      const j = int(0, i)
      ;[order[i], order[j]] = [order[j]!, order[i]!]
    }
    orders.set(axis, order)
  }
  return { model: permute(model, dependencies, orders), groups: orders.size }
}

describe('units in another order', () => {
  test('a sum of axes keeps its parts in place, a product orders each factor', () => {
    const [a, b] = [atom(2), atom(3)]
    const orders = new Map([
      [a, Int32Array.of(1, 0)],
      [b, Int32Array.of(2, 0, 1)],
    ])
    expect([...orderAlong(sumOf([a, b]), orders)]).toEqual([1, 0, 4, 2, 3])
    expect([...orderAlong(productOf([a, b]), orders)]).toEqual([5, 3, 4, 2, 0, 1])
  })

  test.each<[Kind]>([['cnn'], ['transformer']])(
    'any order of any groups of a random %s computes the same',
    async (kind) => {
      let groups = 0
      const graph = fc.record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 7 }) })
      const property = fc.asyncProperty(graph, async ({ seed, steps }) => {
        const model = randomGraph(kind, seed, steps)
        const other = await shuffled(model, seed)
        if (other.groups === 0) return
        groups += other.groups
        expect(await difference(model, other.model, SIZES)).toBeLessThan(1e-4)
      })
      await fc.assert(property, { numRuns: graphs / 2, seed: 2 })
      expect(groups).toBeGreaterThan(graphs)
    },
    graphs * 1000,
  )
})

const folder = fileURLToPath(new URL('../../../../test-models/', import.meta.url))
const names = [
  ...(await readdir(folder)).filter((name) => name.endsWith('.onnx')),
  ...(await readdir(`${folder}untrained`)).filter((name) => name.endsWith('.onnx')).map((name) => `untrained/${name}`),
]

test.each(names)('%s computes the same in any order, and in the first order holds the same bytes', async (name) => {
  await using file = await openModel(`${folder}${name}`)
  const other = await shuffled(file.model, 7)
  expect(other.groups).toBeGreaterThan(0)
  const symbols = [
    ...new Set(file.model.graph.inputs.flatMap(({ shape = [] }) => shape.filter((size) => typeof size === 'string'))),
  ]
  const sizes = [Object.fromEntries(symbols.map((symbol, i) => [symbol, 2 + 3 * i]))]
  expect(await difference(file.model, other.model, sizes)).toBeLessThan(1e-5)
  const { dependencies } = await findCoupling(file.model)
  const same = permute(file.model, dependencies, new Map())
  expect(Buffer.compare(await modelBytes(same), await modelBytes(file.model))).toBe(0)
}, 300_000)
