import { modelBytes, parseText } from '@pare/onnx'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { array, input, npzBytes, put, temporaryFolder } from '../fixture.test.files.js'
import { measure } from '../measure/measure.js'
import { batchAxisOf, moveAxis, samplesFirst } from './batch-axis.js'
import { loadRuntime } from './runtime.js'

const folder = temporaryFolder()

test('the axis of samples is the one that is named so, else the first', () => {
  expect(batchAxisOf({ shape: ['seq', 'batch', 4] })).toBe(1)
  expect(batchAxisOf({ shape: [2, 'N', 4] })).toBe(1)
  expect(batchAxisOf({ shape: ['batch_size', 'seq'] })).toBe(0)
  expect(batchAxisOf({ shape: ['a', 'b'] })).toBe(0)
  expect(samplesFirst(input('x', 'float32', ['seq', 'batch', 4])).shape).toEqual(['batch', 'seq', 4])
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
