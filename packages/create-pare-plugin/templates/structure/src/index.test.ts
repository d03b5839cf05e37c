import { analyse } from '@pare/core'
import { testStructure, tinyModels } from '@pare/testing'
import { expect, test } from 'vitest'
import { myPlugin } from './index.js'

// The laws that every structure obeys that masks.
testStructure(() => myPlugin())
testStructure(() => myPlugin({ least: 1 }))

test('a small weight is left alone, with the reason', () => {
  // The weight of this model is f32[4, 3].
  const found = myPlugin({ least: 13 }).find(analyse(tinyModels.linear!()))
  expect(found).toEqual({
    groups: [],
    declined: [{ id: 'w', structure: 'my-plugin', reason: 'it has 12 elements, fewer than 13' }],
  })
})

test('an option that makes no sense is refused with its value', () => {
  expect(() => myPlugin({ least: 0 })).toThrow('my-plugin: least is 0; a whole number from 1 on was expected.')
})
