import { fileURLToPath } from 'node:url'
import { analyseUnits, type CoupledGroup } from '@pare/core'
import { openModel } from '@pare/onnx'
import { testCutStructure } from '@pare/testing'
import { expect, test } from 'vitest'
import { neuron } from './index.js'

testCutStructure(neuron)

test('lm-llama: 688 neurons in each of 6 layers; kjv-bert: 512 in each of 4, and 128 in the pooler', async () => {
  expect((await groupsIn('lm-llama')).map(({ units }) => units)).toEqual([688, 688, 688, 688, 688, 688])
  expect((await groupsIn('kjv-bert')).map(({ units }) => units)).toEqual([512, 512, 512, 512, 128])
})

/** The groups in a trained model. */
async function groupsIn(name: string): Promise<readonly CoupledGroup[]> {
  await using file = await openModel(fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url)))
  const { groups } = neuron().find(await analyseUnits(file.model))
  return groups as readonly CoupledGroup[]
}
