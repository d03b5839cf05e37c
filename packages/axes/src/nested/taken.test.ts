import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { takenBranches } from './taken.js'

const chosen = (condition: string) =>
  parseText(`<ir_version: 9, opset_import: ["" : 17]>
    m (float[N, 4] x, bool[1] flag) => (float[N, 2] y) <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}>
    { ${condition}
      y = If (c) <then_branch = t () => (float[N, 2] a) { h = MatMul(x, w)
        a = Relu(h) }, else_branch = e () => (float[N, 2] b) <float[4, 2] own = {1, 0, 3, 0, 5, 0, 7, 0}> { g = Add(w, own)
        b = MatMul(x, g) }> }`)

const shown = (flag: boolean, condition: string) => takenBranches(chosen(condition), new Map([['flag', flag]])).graph

test.each([
  ['c = Identity(flag)', true],
  ['n = Not(flag)\n c = Identity(n)', false],
] as const)('%s with %s: the one branch stands in place of the If', (condition, flag) => {
  const { nodes, initializers, inputs, outputs } = shown(flag, condition)
  expect(nodes.map(({ op }) => op)).toEqual(['MatMul', 'Relu', 'Identity'])
  expect(initializers.map(({ name }) => name)).toEqual(['w'])
  expect(inputs.map(({ name }) => name)).toEqual(['x', 'flag'])
  expect(outputs.map(({ name }) => name)).toEqual(['y'])
})

test('constants of the branch that is taken come along under the ids they have', () => {
  const { nodes, initializers } = shown(false, 'c = Identity(flag)')
  expect(nodes.map(({ op }) => op)).toEqual(['Add', 'MatMul', 'Identity'])
  expect(initializers.map(({ name }) => name)).toEqual(['w', 'y.else_branch/own'])
})

test('a choice that depends on more than the input stays, and so does the model', () => {
  const model = chosen('s = ReduceSum(x)\n z = Cast<to = 9>(s)\n c = And(z, flag)')
  expect(takenBranches(model, new Map([['flag', false]]))).toBe(model)
  expect(takenBranches(chosen('c = Identity(flag)'), new Map()).graph.nodes.at(-1)!.op).toBe('If')
})
