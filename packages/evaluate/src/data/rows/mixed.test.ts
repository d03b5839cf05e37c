import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { array, input, npzBytes, temporaryFolder } from '../../fixture.test.files.js'
import { openData } from '../data.js'
import { mixedCounts } from './mixed-counts.js'

const folder = temporaryFolder()
const x = input('x', 'float32', ['N', 'M'])

/** Sample i of file f is 1000 · f + i. */
async function open(counts: readonly number[], weights: readonly number[], widths: readonly number[] = []) {
  const mixture = []
  for (const [f, count] of counts.entries()) {
    const data = join(folder, `${f}-${count}-${widths[f] ?? 1}.npz`)
    const values = Array.from({ length: count * (widths[f] ?? 1) }, (_, i) => 1000 * f + i)
    await writeFile(data, npzBytes({ x: array('float32', [count, widths[f] ?? 1], values) }))
    mixture.push({ data, weight: weights[f]! })
  }
  return await openData(mixture[0]!.data, { inputs: [x], trusted: false, mixture })
}

async function samplesOf(data: Awaited<ReturnType<typeof open>>, size: number) {
  const batches: number[][] = []
  for await (const { inputs, first, size: own } of data.batches(size)) {
    expect(first).toBe(batches.flat().length)
    batches.push(Array.from(inputs.x!.data, Number))
    expect(batches.at(-1)).toHaveLength(own)
  }
  return batches
}

test('one to three: every fourth is of the first file, and the row ends where the second does', async () => {
  const data = await open([5, 7], [1, 3])
  expect(data.samples).toBe(10)
  expect(await samplesOf(data, 4)).toEqual([
    [1000, 0, 1001, 1002],
    [1003, 1, 1004, 1005],
    [1006, 2],
  ])
})

test('any weights and batches: files keep their order, no stretch from the start is off by a sample, nothing comes twice', async () => {
  const file = fc.record({ count: fc.integer({ min: 1, max: 12 }), weight: fc.integer({ min: 1, max: 5 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(file, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 5 }), async (files, size) => {
      const weights = files.map(({ weight }) => weight)
      const data = await open(
        files.map(({ count }) => count),
        weights,
      )
      const batches = await samplesOf(data, size)
      const all = batches.flat()
      expect(data.samples).toBe(all.length)
      expect(batches.slice(0, -1).every(({ length }) => length === size)).toBe(true)
      const total = weights.reduce((a, b) => a + b)
      for (const [f, weight] of weights.entries()) {
        const own = all.filter((value) => Math.floor(value / 1000) === f)
        expect(own).toEqual(own.map((_, i) => 1000 * f + i))
        for (let end = 1; end <= all.length; end++) {
          const there = all.slice(0, end).filter((value) => Math.floor(value / 1000) === f).length
          expect(Math.abs(there - (end * weight) / total)).toBeLessThan(files.length)
        }
        expect(mixedCounts(weights, all.length)[f]).toBe(own.length)
      }
    }),
    { numRuns: 40 },
  )
})

test('samples of other shapes cannot be mixed', async () => {
  const trying = open([2, 2], [1, 1], [1, 2]).then((data) => samplesOf(data, 2))
  await expect(trying).rejects.toThrow("'x' has samples of different shapes")
})
