import { modelBytes, parseText } from '@pare/onnx'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { array, input, npzBytes, put, temporaryFolder } from '../fixture.test.files.js'
import { measure } from '../measure/measure.js'
import { batchAxisOf, moveAxis, samplesFirst } from './batch-axis.js'
import { loadRuntime } from './runtime.js'

const folder = temporaryFolder()

test('the axis of samples is the one that is named so, else the first', () => {
  expect(batchAxisOf({ name: 'x', shape: ['seq', 'batch', 4] })).toBe(1)
  expect(batchAxisOf({ name: 'x', shape: [2, 'N', 4] })).toBe(1)
  expect(batchAxisOf({ name: 'x', shape: ['batch_size', 'seq'] })).toBe(0)
  expect(batchAxisOf({ name: 'x', shape: ['a', 'b'] })).toBe(0)
  expect(samplesFirst(input('x', 'float32', ['seq', 'batch', 4])).shape).toEqual(['batch', 'seq', 4])
  // What is said goes first, where the value has such an axis.
  expect(batchAxisOf({ name: 'x', shape: ['a', 'b'] }, 1)).toBe(1)
  expect(batchAxisOf({ name: 'x', shape: ['a'] }, 1)).toBe(0)
  expect(batchAxisOf({ name: 'x', shape: ['batch', 'b'] }, { x: 1 })).toBe(1)
  expect(batchAxisOf({ name: 'y', shape: ['a', 'batch'] }, { x: 1 })).toBe(1)
  expect(() => batchAxisOf({ name: 'x', shape: ['a'] }, { x: 1 })).toThrow("batchAxis: 1 of 'x', which has 1 axis")
})

test('an axis that is moved and moved back leaves the array as it was', () => {
  expect(moveAxis(array('uint8', [2, 3], [1, 2, 3, 4, 5, 6]), 1, 0)).toEqual(array('uint8', [3, 2], [1, 4, 2, 5, 3, 6]))
  const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 4 })
  fc.assert(
    fc.property(shapes, fc.nat(), fc.nat(), (shape, from, to) => {
      const size = shape.reduce((product, dim) => product * dim, 1)
      const own = array(
        'int64',
        shape,
        Array.from({ length: size }, (_, i) => i),
      )
      const [a, b] = [from % shape.length, to % shape.length]
      expect(moveAxis(moveAxis(own, a, b), b, a)).toEqual(own)
    }),
  )
})

test('data are one sample after another for a model whose samples are on its second axis', async () => {
  const text =
    '<ir_version: 8, opset_import: ["" : 17]> g (float[seq, batch, 1] x) => (float[seq, batch, 1] y) { y = Identity(x) }'
  const model = put(folder, 'second.onnx', await modelBytes(parseText(text)))
  const values = [1, 2, 3, 4, 5, 6]
  const data = put(
    folder,
    'd.npz',
    npzBytes({ x: array('float32', [3, 2, 1], values), label: array('float32', [3, 2, 1], values) }),
  )
  const { metrics, samples } = await measure(loadRuntime(), { model, data, metrics: ['mse'], batch: 2 })
  expect({ metrics, samples }).toEqual({ metrics: { mse: 0 }, samples: 3 })
})

test('where its name does not tell, the axis is said', async () => {
  // Sums along what is not the samples' axis: of the wrong one they would be others.
  const text =
    '<ir_version: 8, opset_import: ["" : 17]> g (float[a, b] x) => (float[1, b] y) <int64[1] first = {0}> { y = ReduceSum<keepdims: int = 1>(x, first) }'
  const model = put(folder, 'open.onnx', await modelBytes(parseText(text)))
  const label = array('float32', [3, 1], [3, 7, 11])
  const data = put(folder, 'o.npz', npzBytes({ x: array('float32', [3, 2], [1, 2, 3, 4, 5, 6]), label }))
  const request = { model, data, metrics: ['mse'] }
  const run = (batchAxis: number | Record<string, number>) => measure(loadRuntime(), { ...request, batchAxis })
  expect((await run(1)).metrics).toEqual({ mse: 0 })
  expect((await run({ x: 1, y: 1 })).metrics).toEqual({ mse: 0 })
  await expect(run({ z: 1 })).rejects.toThrow("batchAxis: 'z' is neither an input nor an output")
})
