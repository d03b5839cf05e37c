import { fileURLToPath } from 'node:url'
import { analyseUnits, type CoupledGroup } from '@pare/core'
import { openModel } from '@pare/onnx'
import { testCutStructure } from '@pare/testing'
import { expect, test } from 'vitest'
import { head } from './index.js'

testCutStructure(head)

test('lm-llama: 4 key-value heads in each of 6 layers; kjv-bert: 4 heads in each of 4; vit: 4 in each of 3', async () => {
  expect((await found('lm-llama')).map(({ units }) => units)).toEqual([4, 4, 4, 4, 4, 4])
  expect((await found('kjv-bert')).map(({ units }) => units)).toEqual([4, 4, 4, 4])
  expect((await found('untrained/vit')).map(({ units }) => units)).toEqual([4, 4, 4])
})

/** The groups in a trained model. */
async function found(name: string): Promise<readonly CoupledGroup[]> {
  await using file = await openModel(fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url)))
  const { groups } = head().find(await analyseUnits(file.model))
  return groups as readonly CoupledGroup[]
}
