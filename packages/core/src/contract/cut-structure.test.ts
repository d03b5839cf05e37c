import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { analyseUnits } from '../analyse/analyse-units.js'
import { cutStructure } from './cut-structure.js'

const model = parseText(
  'g (float[N, 2] x) => (float[N, 2] z) <float[2, 3] a = {1, 2, 3, 4, 5, 6}, float[3, 4] b = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, float[4, 2] c = {1, 2, 3, 4, 5, 6, 7, 8}> { p = MatMul(x, a) q = MatMul(p, b) z = MatMul(q, c) }',
)

test('what nothing holds is found, and the rest declined with the reason: the graph’s before the structure’s own', async () => {
  const structure = cutStructure({
    name: 'wide',
    candidates: ({ coupled }) => coupled,
    refuse: ({ units }) => (units < 4 ? `it has ${units} units, fewer than 4` : undefined),
  })
  const { groups, declined } = structure.find(await analyseUnits(model))
  expect({ ...structure, find: undefined }).toEqual({ name: 'wide', kind: 'cut', find: undefined })
  expect(groups.map(({ id }) => id)).toEqual(['b:1'])
  expect(declined).toEqual([
    { id: 'a:0', structure: 'wide', reason: "it is an axis of the input 'x'" },
    { id: 'a:1', structure: 'wide', reason: 'it has 3 units, fewer than 4' },
    { id: 'c:1', structure: 'wide', reason: "it is an axis of the output 'z'" },
  ])
})

test('by itself it refuses nothing', async () => {
  const structure = cutStructure({ name: 'any', candidates: ({ coupled }) => coupled })
  expect(structure.find(await analyseUnits(model)).groups.map(({ id }) => id)).toEqual(['a:1', 'b:1'])
})
