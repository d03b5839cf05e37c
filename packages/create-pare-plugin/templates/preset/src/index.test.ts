import { testPreset } from '@pare/testing'
import { expect, test } from 'vitest'
import { myPlugin } from './index.js'

// The laws that every preset obeys.
testPreset('my-plugin', () => myPlugin())
testPreset('my-plugin', () => myPlugin({ sparsity: 0.9 }))

test('is one step, with the sparsity that is asked for', () => {
  expect(myPlugin({ sparsity: 0.3 })).toMatchObject([
    { structure: { name: 'element' }, criterion: { name: 'magnitude' }, target: { sparsity: 0.3 }, scope: 'tensor' },
  ])
})
