import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { findCoupling } from './groups.js'

test.each([
  ['s = Softmax<axis = 5>(h)', "Softmax 's': axis 5 of a value that has 2 axes."],
  ['s = Softmax<axis = -3>(h)', "Softmax 's': axis -3 of a value that has 2 axes."],
  ['s = LogSoftmax<axis = 9223372036854775807>(h)', "LogSoftmax 's': axis 9223372036854776000 of a value that has 2 axes."],
])('a node with an axis that its value does not have, %s, is an error with its name', async (node, message) => {
  const model = parseText(`<ir_version: 9, opset_import: ["" : 17]>
    m (float[N, 4] x) => (float[N, 2] s) <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}> { h = MatMul(x, w)\n ${node} }`)
  await expect(async () => findCoupling(model)).rejects.toThrow(message)
})
