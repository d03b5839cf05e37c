import { fileURLToPath } from 'node:url'
import { openModel, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { trainableTensors } from './trainable.js'

const testModel = (name: string) => fileURLToPath(new URL(`../../../../test-models/${name}`, import.meta.url))
const trained = async (name: string) => {
  await using file = await openModel(testModel(name))
  const tensors = await trainableTensors(file.model)
  const elements = tensors.reduce((sum, { tensor }) => sum + tensor.shape.reduce((a, b) => a * b, 1), 0)
  return { ids: tensors.map(({ id }) => id), elements }
}

test.each([
  // All initializers but the tables of rotary angles and the causal mask.
  ['lm-llama.onnx', 5_401_856, ['cos', 'sin', 'mask']],
  ['kjv-bert.onnx', 1_085_062, []],
  ['mlp-digits.onnx', 50_826, []],
])('%s has %i parameters, and what is none is left alone', async (name, elements, others) => {
  const tensors = await trained(name)
  expect(tensors.elements).toBe(elements)
  for (const id of others) expect(tensors.ids).not.toContain(id)
})

test('statistics of normalisations are measured, not trained', async () => {
  const { ids, elements } = await trained('mnist-resnet20-bn.onnx')
  // 272,186 with biases that are equal to others counted again: the exporter stored them once.
  expect(elements).toBe(272_186 - 32 - 64)
  expect(ids.filter((id) => id.includes('running'))).toEqual([])
})

test('a vector that scales, a bias, an embedding, a table of positions are trained', async () => {
  const model = parseText(`g (int64[N, 4] ids) => (float[N, 4, 2] y)
    <float[8, 2] words = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, float[6, 2] places = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
     float[2] gamma = {1, 1}, float[2] beta = {0, 0}, float[1] epsilon = {0.1}, float[2] angles = {0.5, 0.5}, float[1] minus = {-1},
     int64[1] begin = {0}, int64[1] end = {4}> {
    w = Gather(words, ids)
    p = Slice(places, begin, end)
    x = Add(w, p)
    s = Mul(x, gamma)
    t = Add(s, beta)
    u = Add(t, epsilon)
    turned = Identity(angles)
    both = Concat<axis = 0>(turned, minus)
    v = Slice(both, begin, two)
    two = Identity(begin)
    y = Mul(u, v)
  }`)
  expect((await trainableTensors(model)).map(({ id }) => id)).toEqual(['words', 'places', 'gamma', 'beta'])
})

test('what is done to inputs before anything else is no parameter, nor is a mask', async () => {
  const model = parseText(`g (float[N, 3] x) => (float[N, 3] y)
    <float[3] mean = {1, 2, 3}, float[3, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}, float[3] mask = {0, 0, -1e9}> {
    centred = Sub(x, mean)
    h = MatMul(centred, w)
    y = Add(h, mask)
  }`)
  expect((await trainableTensors(model)).map(({ id }) => id)).toEqual(['w'])
})

test('globs name tensors or the nodes that read them', async () => {
  await using file = await openModel(testModel('mlp-digits.onnx'))
  const ids = async (options: object) => (await trainableTensors(file.model, options)).map(({ id }) => id)
  expect(await ids({ include: ['*.bias'] })).toEqual(['0.bias', '2.bias', '4.bias'])
  expect(await ids({ exclude: ['/0/**', '*.bias'] })).toEqual(['2.weight', '4.weight'])
  await expect(ids({ include: ['nothing'] })).rejects.toThrow("include 'nothing' matches no parameter")
})
