import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { WEIGHT_OPERATORS } from './index.js'

/** Where the output units of an input of a node lie, as [batch, before, out, after]. */
function rowsOf(node: string, input: number, shape: readonly number[]) {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]> g (float[N] x, float[N] w) => (float[N] y) { y = ${node}(x, w) }`,
  )
  const operator = node.replace(/<.*/, '')
  const { batch, before, out, after } = WEIGHT_OPERATORS.get(operator)!.rows(model.graph.nodes[0]!, input, shape)
  return [batch, before, out, after]
}

// Axes of sizes that tell them apart: 2 batches, 3 inputs, 5 outputs, kernels of 7.
test.each<[string, number, number[], number[]]>([
  ['MatMul', 1, [3, 5], [1, 3, 5, 1]],
  ['MatMul', 0, [5, 3], [1, 1, 5, 3]],
  ['MatMul', 1, [2, 3, 5], [2, 3, 5, 1]],
  ['MatMul', 0, [2, 5, 3], [2, 1, 5, 3]],
  ['Gemm', 1, [3, 5], [1, 3, 5, 1]],
  ['Gemm<transB = 1>', 1, [5, 3], [1, 1, 5, 3]],
  ['Gemm', 0, [5, 3], [1, 1, 5, 3]],
  ['Gemm<transA = 1>', 0, [3, 5], [1, 3, 5, 1]],
  ['com.microsoft.FusedGemm<transB = 1>', 1, [5, 3], [1, 1, 5, 3]],
  ['com.microsoft.FusedMatMul<transB = 1>', 1, [5, 3], [1, 1, 5, 3]],
  ['Conv', 1, [5, 3, 7], [1, 1, 5, 21]],
  ['com.microsoft.FusedConv', 1, [5, 3, 7], [1, 1, 5, 21]],
  ['ConvTranspose', 1, [3, 5, 7], [1, 3, 5, 7]],
  ['ConvTranspose<group = 2>', 1, [6, 5, 7], [2, 3, 5, 7]],
  ['com.microsoft.Attention', 1, [3, 15], [1, 3, 15, 1]],
  ['Einsum<equation = "td,de->te">', 1, [3, 5], [1, 3, 5, 1]],
  ['Einsum<equation = "td,edf->tef">', 1, [2, 3, 5], [2, 3, 5, 1]],
  ['Einsum<equation = "td,efd->tef">', 1, [2, 5, 3], [2, 1, 5, 3]],
  ['Einsum<equation = "tab,acb->tc">', 1, [2, 5, 3], [1, 6, 5, 1]],
  ['LSTM', 1, [1, 20, 3], [1, 1, 20, 3]],
  ['GRU', 2, [2, 15, 5], [2, 1, 15, 5]],
  ['RNN', 1, [1, 5, 3], [1, 1, 5, 3]],
  ['com.microsoft.MoE', 2, [4, 5, 3], [4, 1, 5, 3]],
])('%s, input %i of %j', (node, input, shape, expected) => {
  expect(rowsOf(node, input, shape)).toEqual(expected)
  expect(expected.reduce((a, b) => a * b)).toBe(shape.reduce((a, b) => a * b))
})

test('weights of recurrent layers, of experts and of Einsum without a product are not pruned unless they are named, all others are', () => {
  const reasons = [...WEIGHT_OPERATORS].filter(([, { reason }]) => reason !== undefined).map(([name]) => name)
  expect(reasons).toEqual(['Einsum', 'LSTM', 'GRU', 'RNN', 'com.microsoft.MoE'])
  expect([...WEIGHT_OPERATORS].filter(([, { isPruned }]) => isPruned !== undefined).map(([name]) => name)).toEqual(['Einsum'])
})
