import { makeTensor } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { cpu } from '../backend/cpu.js'
import { buffersOf } from '../backend/stream.js'
import { trace } from '../backend/trace.js'
import type { Criterion } from '../contract/contract.js'
import type { Norm } from '../plan/plan.js'
import { type SlicedUnits, scoreUnits } from './unit-scores.js'

const magnitude: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
const signed: Criterion = { name: 'signed', needs: {}, saliency: ({ weight }) => weight }
const random: Criterion = { name: 'random', needs: {}, saliency: (_, ops) => ops.random() }

const scores = async (group: SlicedUnits, norm: Norm, criterion = magnitude) =>
  Array.from(
    await scoreUnits(group, {
      precision: 'f32',
      buffers: buffersOf(),
      progress: () => {},
      kernel: cpu.compile(trace(criterion), 'f32'),
      norm,
      seed: 1,
    }),
  )

function slice(shape: readonly number[], values: readonly number[], axis: number, units: readonly number[], scored = true) {
  const id = `w${shape.join('x')}`
  const tensor = makeTensor({ name: id, type: 'float32', shape, values })
  return { id, tensor, axis, units: Int32Array.from(units), scored }
}

/** Three units: columns of the first weight, rows of the second; of the bias nothing counts. */
const three: SlicedUnits = {
  units: 3,
  slices: [
    slice([2, 3], [1, -2, 0, 3, 4, 0], 1, [0, 1, 2]),
    slice([3, 1], [2, -1, 0], 0, [0, 1, 2]),
    slice([3], [100, 100, 100], 0, [0, 1, 2], false),
  ],
}

describe('the score of a unit', () => {
  // |·| of the units: (1, 3, 2), (2, 4, 1) and (0, 0, 0).
  test.each([
    ['l1', [6, 7, 0]],
    ['l2', [Math.sqrt(14), Math.sqrt(21), 0]],
    ['mean', [2, 7 / 3, 0]],
    ['max', [3, 4, 0]],
  ] as const)('%s over the elements of all scored slices', async (norm, expected) => {
    expect(await scores(three, norm)).toEqual(expected)
  })

  test('max of saliencies below zero is the largest, not 0', async () => {
    const group = { units: 2, slices: [slice([2, 2], [-3, -1, -2, -5], 0, [0, 1])] }
    expect(await scores(group, 'max', signed)).toEqual([-1, -2])
  })

  test('positions of no unit count for none, and a unit may have many', async () => {
    // Positions 0 and 3 are unit 0, position 1 is unit 1, position 2 is nobody's.
    const group = { units: 2, slices: [slice([4], [1, 2, 50, 5], 0, [0, 1, -1, 0])] }
    expect(await scores(group, 'l1')).toEqual([6, 2])
    expect(await scores(group, 'mean')).toEqual([3, 2])
  })

  test('zeros have no part in what is random either', async () => {
    for (const norm of ['l1', 'l2', 'mean', 'max'] as const) {
      const [first, second, zeros] = await scores(three, norm, random)
      expect(zeros).toBe(0)
      expect(first).toBeGreaterThan(0)
      expect(second).toBeGreaterThan(0)
    }
  })
})
