import { fileURLToPath } from 'node:url'
import { analyseUnits } from '@pare/core'
import { openModel } from '@pare/onnx'
import { testCutStructure } from '@pare/testing'
import { expect, test } from 'vitest'
import { hidden } from './index.js'

testCutStructure(hidden)

test.each([
  ['lm-llama', 256],
  ['kjv-bert', 128],
  ['untrained/vit', 64],
])('%s: one group of %i', async (name, width) => {
  await using file = await openModel(fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url)))
  const { groups, declined } = hidden().find(await analyseUnits(file.model))
  expect(groups.map((group) => group.kind === 'coupled' && group.units)).toEqual([width])
  expect(declined).toEqual([])
})
