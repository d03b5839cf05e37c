import { fileURLToPath } from 'node:url'
import { type CutStep, makePlan } from '@pare/core'
import { openModel } from '@pare/onnx'
import { testPreset } from '@pare/testing'
import { expect, test } from 'vitest'
import { transformer } from './index.js'

testPreset('transformer', transformer)

test('is two steps: heads, then neurons in multiples of 8', () => {
  expect(transformer({ ratio: 0.2 })).toMatchObject([
    { structure: { name: 'head' }, criterion: { name: 'magnitude' }, target: { ratio: 0.2 }, norm: 'l2' },
    { structure: { name: 'neuron' }, criterion: { name: 'magnitude' }, target: { ratio: 0.2 }, norm: 'l2', multipleOf: 8 },
  ])
  expect(transformer().map(({ target }) => target)).toEqual([{ ratio: 0.3 }, { ratio: 0.3 }])
})

test('leaves 11 of 16 heads of kjv-bert, 360 of 512 neurons in each layer, and 96 of 128 before its output', async () => {
  await using file = await openModel(fileURLToPath(new URL('../../../test-models/kjv-bert.onnx', import.meta.url)))
  const steps = (await makePlan(file.model, transformer(), { seed: 1 })).steps as CutStep[]
  const kept = steps.map(({ groups }) => groups.map(({ units, removed }) => units - removed.length))
  // 16 − round(0.3 · 16) = 11 heads. 512 − round(0.3 · 512) = 358, and the next multiple of 8 is 360; 128 − round(0.3 · 128) = 90, and then 96.
  expect(kept).toEqual([
    [2, 3, 3, 3],
    [360, 360, 360, 360, 96],
  ])
})
