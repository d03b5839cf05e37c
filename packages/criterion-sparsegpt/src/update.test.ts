import type { WeightProblem } from '@pare/core'
import { expect, test } from 'vitest'
import { factorOfInverse, openRoom } from './inverse.js'
import { update } from './update.js'

const settings = { damping: 0.01, block: 8, threads: 1, fallback: { zero: '', indefinite: '' } }

test('a weight of more rows than fit into memory loses as many elements in all, and with scope row the same ones', async () => {
  for (const scope of ['row', 'tensor'] as const) {
    const whole = await solve({ ...problem(), scope }, 13 * 20)
    const striped = await solve({ ...problem(), scope }, 4 * 20)
    expect(zerosOf(striped)).toBe(104)
    if (scope === 'row') expect(striped).toEqual(whole)
    else expect([0, 4, 8, 12].map((row) => zerosOf(striped.subarray(row * 20, (row + 4) * 20)))).toEqual([32, 32, 32, 8])
  }
})

async function solve(of: WeightProblem, elements: number): Promise<Float32Array> {
  const complete = { ...settings, elements }
  await using workspace = await openRoom(of, complete)
  const { factor } = await factorOfInverse(of, complete, workspace)
  return (await update(of, complete, factor!))!
}

function problem(): WeightProblem {
  const [rows, columns] = [13, 20]
  const weight = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * i + 1))
  // Neighbours are correlated by one half.
  const gram = Float64Array.from({ length: columns ** 2 }, (_, at) => 2 ** -Math.abs(Math.floor(at / columns) - (at % columns)))
  return { id: 'w', weight, rows, columns, stats: { gram }, pattern: { kind: 'free' }, zeros: 8 * rows, scope: 'tensor' }
}

const zerosOf = (weight: Float32Array) => weight.filter((w) => w === 0).length
