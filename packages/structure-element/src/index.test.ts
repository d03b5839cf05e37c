import { analyse } from '@pare/core'
import { testStructure, tinyModels } from '@pare/testing'
import { expect, test } from 'vitest'
import { element } from './index.js'

testStructure(element)

test('each eligible weight is one group of free elements', () => {
  const { groups, declined } = element().find(analyse(tinyModels.residual!()))
  expect(groups.map((group) => [group.kind, group.kind === 'mask' && group.pattern.kind])).toEqual(
    groups.map(() => ['mask', 'free']),
  )
  expect(groups.length).toBeGreaterThan(0)
  expect(declined).toEqual([])
})
