import { fileURLToPath } from 'node:url'
import { analyseUnits, type CoupledGroup } from '@pare/core'
import { openModel } from '@pare/onnx'
import { testCutStructure } from '@pare/testing'
import { expect, test } from 'vitest'
import { channel } from './index.js'

testCutStructure(channel)

test.each(['mnist-resnet20-bn', 'mnist-resnet20-folded'])('%s: 12 groups with 448 channels', async (name) => {
  const sizes = (await groupsIn(name)).map(({ units }) => units)
  expect(sizes.length).toBe(12)
  expect(sizes.reduce((a, b) => a + b, 0)).toBe(448)
})

/** The groups in a trained model. */
async function groupsIn(name: string): Promise<readonly CoupledGroup[]> {
  await using file = await openModel(fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url)))
  const { groups } = channel().find(await analyseUnits(file.model))
  return groups as readonly CoupledGroup[]
}
