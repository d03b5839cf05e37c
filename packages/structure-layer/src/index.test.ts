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

test.each([
  ['lm-llama', 'attention', 6],
  ['lm-llama', 'feed-forward', 6],
  ['kjv-bert', 'attention', 4],
  ['kjv-bert', 'feed-forward', 4],
] as const)('%s: %s alone in %i blocks', async (name, part, units) => {
  await using file = await openModel(fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url)))
  const { groups, declined } = layer({ part }).find(await analyseUnits(file.model))
  expect(groups.map((group) => group.kind === 'block' && [group.units, group.id.startsWith(`${part}:`)])).toEqual([[units, true]])
  expect(declined).toEqual([])
})

test('a network without attention has no parts, and another part is refused', async () => {
  await using file = await openModel(fileURLToPath(new URL('../../../test-models/mnist-resnet20-bn.onnx', import.meta.url)))
  const { groups, declined } = layer({ part: 'attention' }).find(await analyseUnits(file.model))
  expect([groups, declined.map(({ reason }) => reason)]).toEqual([
    [],
    ['it has no residual block with attention in which attention stands alone'],
  ])
  expect(() => layer({ part: 'ffn' as never })).toThrow('layer: part is "ffn"; block, attention or feed-forward was expected.')
})
