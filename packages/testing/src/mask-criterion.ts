import { analyse, type MaskCriterion } from '@pare/core'
import { elementCount } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { criterionLaw } from './contract-law.js'
import { tinyModels } from './tiny-models.js'

/** The laws every mask that is decided already obeys, on every tiny model. `make` is called for each test, so that hidden state would show. */
export function testMaskCriterion(make: () => MaskCriterion): void {
  describe(`mask ${make().name}`, () => criterionLaw(make))
  describe.each(Object.entries(tinyModels))(`${make().name} on %s`, (_, load) => {
    const { weights } = analyse(load())

    test('gives each weight nothing, or one bit for each element, the same every time', async () => {
      for (const weight of weights) {
        const bits = await make().zeros(weight)
        expect(await make().zeros(weight)).toEqual(bits)
        if (bits === undefined) continue
        expect(bits).toBeInstanceOf(Uint8Array)
        expect(bits).toHaveLength(Math.ceil(elementCount(weight.tensor.shape) / 8))
      }
    })
  })
}
