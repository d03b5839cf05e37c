import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { compareModels } from './evaluate.js'
import { put, temporaryFolder } from './fixture.test.files.js'

const folder = temporaryFolder()
const model = async (name: string, nodes: string) =>
  put(
    folder,
    `${name}.onnx`,
    await modelBytes(parseText(`g (float[N, 3] x) => (float[N, M] y) <float one = {1}, float zero = {0}> { ${nodes} }`)),
  )

test('a model is no way from itself, and as far from another as their largest outputs differ', async () => {
  const reference = await model('reference', 'y = Identity(x)')
  expect((await compareModels({ reference, other: reference })).relative).toBe(0)
  // x against −x: twice the largest element, relative to it.
  expect((await compareModels({ reference, other: await model('negative', 'y = Neg(x)') })).relative).toBe(2)
})

test('another number of outputs, or a number that is none, is infinitely far', async () => {
  const reference = await model('reference', 'y = Identity(x)')
  const short = await model('short', 'y = ReduceSum<keepdims = 1>(x)')
  expect((await compareModels({ reference, other: short })).relative).toBe(Number.POSITIVE_INFINITY)
  const wrong = await model('wrong', 'n = Div(zero, zero)\n y = Add(x, n)')
  expect((await compareModels({ reference, other: wrong })).relative).toBe(Number.POSITIVE_INFINITY)
})

test('infinite outputs do not hide how far the others are', async () => {
  const reference = await model('infinite', 'i = Div(one, zero)\n k = Mul(x, i)\n y = Concat<axis = 1>(x, k)')
  const other = await model('hidden', 'i = Div(one, zero)\n k = Mul(x, i)\n m = Neg(x)\n y = Concat<axis = 1>(m, k)')
  expect((await compareModels({ reference, other })).relative).toBe(2)
})
