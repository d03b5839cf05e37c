import { parseText } from '@pare/onnx'
import { QUANTISERS, quantise } from '@pare/quantise'
import { expect, it } from 'vitest'
import { countParameters } from './zeros.js'

it.each(
  QUANTISERS.filter((method) => method !== 'int8-static'),
)('%s: a model in fewer bits has as many parameters, and as many zeros', async (method) => {
  // A third of each is zero, and the rest large enough to be no zero in 4 bits.
  const numbers = (length: number) => Float32Array.from({ length }, (_, i) => (i % 3 === 0 ? 0 : i % 2 === 0 ? 1 : -0.7))
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     words (int64[N, T] ids) => (float[N, T, 48] y)
     <float[96, 64] table, float[64, 48] w, float[48] b>
     { x = Gather(table, ids)
       h = MatMul(x, w)
       y = Add(h, b) }`,
    { table: numbers(96 * 64), w: numbers(64 * 48), b: numbers(48) },
  )
  const before = await countParameters(model)
  const { model: smaller, step } = await quantise(model, { method })
  expect(step.weights.map(({ id }) => id).sort()).toEqual(['table', 'w'])
  expect(await countParameters(smaller)).toEqual(before)
})
