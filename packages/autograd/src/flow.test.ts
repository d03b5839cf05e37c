import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { flowOf } from './flow.js'

test('an output that one node leaves out is not an input that another does', () => {
  const model = parseText(`g (float[4] w, float[4] x) => (float l, float[4] z) <float most = {6}> {
    , a = Split<axis = 0, num_outputs = 2>(w)
    l = ReduceSum<keepdims = 0>(a)
    , b = Split<axis = 0, num_outputs = 2>(x)
    c = Clip(b, , most)
    z = Sum(c, w)
  }`)
  expect([...flowOf(model, { of: 'l', wrt: ['w', 'x'] }).flows].sort()).toEqual(['a', 'l', 'w'])
  expect([...flowOf(model, { of: 'c', wrt: ['w', 'x'] }).flows].sort()).toEqual(['b', 'c', 'x'])
  expect([...flowOf(model, { of: 'c', wrt: ['w'] }).flows]).toEqual([])
})
