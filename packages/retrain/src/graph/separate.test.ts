import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { separateVectors } from './separate.js'

test('each reader of a vector gets its own, through Identity too; a matrix stays one', () => {
  const model = parseText(`g (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {5, 6}, float[1] one = {7}> {
    same = Identity(b)
    h = Gemm(x, w, b)
    i = Gemm(h, w, same)
    j = Add(i, one)
    k = Mul(j, one)
    y = Add(k, same)
  }`)
  const { model: separated, added } = separateVectors(model)
  expect(separated.graph.nodes.map(({ op, inputs }) => [op, ...inputs].join(' '))).toEqual([
    'Identity b',
    'Gemm x w b',
    'Gemm h w b/2',
    'Add i one',
    'Mul j one',
    'Add k b/3',
  ])
  expect([...added]).toEqual([
    ['b/2', { of: 'b', reader: ['i', 2] }],
    ['b/3', { of: 'b', reader: ['y', 1] }],
  ])
  expect(separated.graph.initializers.map(({ name, shape }) => `${name}[${shape}]`)).toEqual([
    'w[2,2]',
    'b[2]',
    'one[1]',
    'b/2[2]',
    'b/3[2]',
  ])
})

test('a model without such vectors is left as it is', () => {
  const model = parseText('g (float[N, 2] x) => (float[N, 2] y) <float[2] b = {5, 6}> { y = Add(x, b) }')
  expect(separateVectors(model).model).toBe(model)
})
