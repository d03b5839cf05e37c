import { parseText, readAll } from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MaskStep } from '../plan/plan.js'
import { formatPlan, parsePlan, planOf } from '../plan/plan-file.js'
import { applyPlan } from './apply.js'
import { hasBit, noBits, packBits, setBit, unpackBits } from './mask-bits.js'

const facts = { path: 'm.onnx', bytes: 1, sha256: 'a'.repeat(64) }
const model = () =>
  parseText('g (float[N, 3] x) => (float[N, 4] y) <float[3, 4] w> { y = MatMul(x, w) }', {
    w: Float32Array.from({ length: 12 }, (_, i) => i + 1),
  })

function stepWith(bits: string, masked: number): MaskStep {
  return {
    kind: 'mask',
    structure: 'element',
    criterion: 'measured',
    scope: 'global',
    target: { sparsity: 0.25 },
    saliency: { op: 'statistic', key: 'norm' },
    precision: 'f32',
    weights: [{ id: 'w', elements: 12, zeros: 0, masked, rule: { bits } }],
  }
}

describe('bits', () => {
  test('are what was set, after packing and unpacking', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 200 }), (mask) => {
        const bits = noBits(mask.length)
        for (const [i, masked] of mask.entries()) if (masked) setBit(bits, i)
        const unpacked = unpackBits(packBits(bits), { id: 'w', elements: mask.length })
        expect(mask.map((_, i) => hasBit(unpacked, i))).toEqual(mask)
      }),
    )
  })

  test('element 9 is bit 1 of byte 1', () => {
    const bits = noBits(12)
    setBit(bits, 9)
    expect([...bits]).toEqual([0, 2])
  })

  test('of too few, too many or no elements are refused, naming the weight', () => {
    const packed = packBits(noBits(100))
    for (const elements of [12, 1000]) expect(() => unpackBits(packed, { id: 'w', elements })).toThrow("the plan's mask of 'w'")
    expect(() => unpackBits({ bits: '!?' }, { id: 'w', elements: 12 })).toThrow('should hold 2 bytes of bits for 12 elements')
  })
})

test('a plan with bits masks those elements, read in whatever stretches, without the statistics', async () => {
  const bits = noBits(12)
  for (const element of [0, 5, 11]) setBit(bits, element)
  const made = planOf(facts, 1, [stepWith(packBits(bits).bits, 3)])
  const read = await parsePlan(formatPlan(made), 'p.json')
  expect(read).toEqual(made)
  const { data } = (await applyPlan(model(), read)).graph.initializers[0]!
  expect([...new Float32Array((await readAll(data)).buffer)]).toEqual([0, 2, 3, 4, 5, 0, 7, 8, 9, 10, 11, 0])
  const part = new Uint8Array(12)
  await data.read(part, 16)
  expect([...new Float32Array(part.buffer)]).toEqual([5, 0, 7])
})

test('a damaged mask fails when the weight is read', async () => {
  const { data } = (await applyPlan(model(), { seed: 1, steps: [stepWith('AAAA', 3)] })).graph.initializers[0]!
  await expect(readAll(data)).rejects.toThrow("the plan's mask of 'w'")
})
