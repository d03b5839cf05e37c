import { expect, test } from 'vitest'
import { operatorName } from './operator-name.js'

test.each([
  ['', 'Conv', 'Conv'],
  ['ai.onnx', 'Conv', 'Conv'],
  ['com.microsoft', 'Attention', 'com.microsoft.Attention'],
  ['ai.onnx.ml', 'Scaler', 'ai.onnx.ml.Scaler'],
])('the operator %j.%s is called %s', (domain, op, name) => {
  expect(operatorName({ domain, op })).toBe(name)
})
