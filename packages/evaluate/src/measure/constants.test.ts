import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { put, temporaryFolder } from '../fixture.test.files.js'
import { computeConstants } from '../index.js'

const folder = temporaryFolder()

test('the outputs of models without inputs stand in one file, and a model that is refused does not stop the others', async () => {
  const sum = 'g () => (float[2] s, int64[1] n) <float[2] a = {1, 2}, float[2] b = {0.5, 4}> { s = Add(a, b)\n n = Shape(s) }'
  const wrong = 'g () => (float[2] s) <float[2] a = {1, 2}, float[3] b = {1, 2, 3}> { s = Add(a, b) }'
  const models = await Promise.all(
    [wrong, sum].map(async (text, i) => put(folder, `${i}.onnx`, await modelBytes(parseText(text)))),
  )
  const out = join(folder, 'constants.bin')
  const [refused, places] = await computeConstants({ models, out })
  expect(refused).toEqual({ failure: expect.any(String) })
  expect(places).toEqual([
    { type: 'float32', shape: [2], offset: 0, bytes: 8 },
    { type: 'int64', shape: [1], offset: 8, bytes: 8 },
  ])
  const { buffer } = Uint8Array.from(readFileSync(out))
  expect([...new Float32Array(buffer, 0, 2)]).toEqual([1.5, 6])
  expect([...new BigInt64Array(buffer, 8, 1)]).toEqual([2n])
})
