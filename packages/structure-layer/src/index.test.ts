import { fileURLToPath } from 'node:url'
import { analyseUnits } from '@pare/core'
import { openModel } from '@pare/onnx'
import { testCutStructure } from '@pare/testing'
import { expect, test } from 'vitest'
import { layer } from './index.js'

testCutStructure(layer)

test.each([
  ['lm-llama', [6]],
  ['kjv-bert', [4]],
  ['mnist-resnet20-bn', [3, 2, 2]],
  ['untrained/vit', [3]],
])('%s: stretches of %j blocks', async (name, units) => {
  await using file = await openModel(fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url)))
  const { groups, declined } = layer().find(await analyseUnits(file.model))
  expect(groups.map((group) => group.kind === 'block' && group.units)).toEqual(units)
  expect(declined).toEqual([])
})
