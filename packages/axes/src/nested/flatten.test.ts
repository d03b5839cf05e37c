import { editGraph, editModel, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { findCoupling } from '../dependency/groups.js'
import { flattened } from './flatten.js'

const withBranches = (attributes: string) =>
  parseText(`<ir_version: 9, opset_import: ["" : 17]>
    m (float[N, 4] x, bool c) => (float[N, 2] y) <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}>
    { h = MatMul(x, w)
      y = If (c) <${attributes}> }`)

const branch = (name: string) => `${name} = ${name} () => (float[N, 2] a) { a = Relu(h) }`

test.each([
  ['without one of its branches', branch('then_branch')],
  ['with branches of other names', `${branch('then_branch')}, ${branch('other_branch')}`],
  ['with a third graph', [branch('then_branch'), branch('else_branch'), branch('third')].join(', ')],
])('an If %s stays as it is, and what it may mean is not guessed', async (_, attributes) => {
  const model = withBranches(attributes)
  expect(flattened(model).model).toBe(model)
  await expect(findCoupling(model)).resolves.toBeDefined()
})

test('an If with its two branches is written out', () => {
  const { model } = flattened(withBranches([branch('then_branch'), branch('else_branch')].join(', ')))
  expect(model.graph.nodes.map(({ op }) => op)).toEqual(['MatMul', 'Relu', 'Relu', 'If'])
})

test('models that share nodes of a branch share them when they are written out', () => {
  const model = withBranches([branch('then_branch'), branch('else_branch')].join(', '))
  const other = editModel(model, { graph: editGraph(model.graph, { values: [] }) })
  const [one, two] = [model, other].map((each) => flattened(each).model.graph.nodes)
  expect([one![1] === two![1], one![2] === two![2], one![1] === one![2]]).toEqual([true, true, false])
})
