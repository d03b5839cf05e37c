import { analyseUnits } from '@pare/core'
import { testCutStructure, tinyModels } from '@pare/testing'
import { expect, test } from 'vitest'
import { myPlugin } from './index.js'

// The laws that every structure obeys that cuts: among them that a cut model computes what the original does with those units at zero.
testCutStructure(() => myPlugin())

test('finds the six hidden units of the residual model, and leaves them where that is too few', async () => {
  const analysis = await analyseUnits(tinyModels.residual!())
  expect(
    myPlugin()
      .find(analysis)
      .groups.map((group) => group.kind !== 'mask' && group.units),
  ).toEqual([6])
  const { groups, declined } = myPlugin({ least: 7 }).find(analysis)
  expect(groups).toEqual([])
  expect(declined.map(({ reason }) => reason)).toContain('it has 6 units, fewer than 7')
})

test('an option that makes no sense is refused with its value', () => {
  expect(() => myPlugin({ least: 0 })).toThrow('my-plugin: least is 0; a whole number from 1 on was expected.')
})
