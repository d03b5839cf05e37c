import { fileURLToPath } from 'node:url'
import { type CutStep, makePlan } from '@pare/core'
import { openModel } from '@pare/onnx'
import { testPreset } from '@pare/testing'
import { expect, test } from 'vitest'
import { cnn } from './index.js'

testPreset('cnn', cnn)

test('is one step: channels over the whole network, kept in multiples of 8', () => {
  expect(cnn()).toMatchObject([
    {
      structure: { name: 'channel' },
      criterion: { name: 'magnitude' },
      target: { ratio: 0.3 },
      scope: 'global',
      norm: 'l1',
      multipleOf: 8,
    },
  ])
  expect(cnn({ ratio: 0.1 })[0]!.target).toEqual({ ratio: 0.1 })
})

test.each(['mnist-resnet20-bn', 'mnist-mobilenet-folded'])('cuts %s by at most a third, in multiples of 8', async (name) => {
  await using file = await openModel(fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url)))
  const [step] = (await makePlan(file.model, cnn(), { seed: 1 })).steps as CutStep[]
  const kept = step!.groups.map(({ units, removed }) => units - removed.length)
  const units = step!.groups.reduce((total, group) => total + group.units, 0)
  expect(kept.every((count) => count % 8 === 0)).toBe(true)
  const left = kept.reduce((a, b) => a + b, 0) / units
  expect(left).toBeGreaterThan(0.69)
  expect(left).toBeLessThan(1)
})
