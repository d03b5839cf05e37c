import { parseText } from '@pare/onnx'
import { expect, it } from 'vitest'
import { analyse } from './analyse.js'
import { tiedCopies } from './tied-copies.js'

const table = Float32Array.from({ length: 40 }, (_, i) => Math.sin(i))
const turned = Float32Array.from({ length: 40 }, (_, i) => table[(i % 10) * 4 + Math.floor(i / 10)]!)

async function copies(e: Float32Array, t: Float32Array) {
  const model = parseText(
    `g (int64[N] ids) => (float[N, 10] y) <float[10, 4] e, float[4, 10] t> { x = Gather(e, ids)\n y = MatMul(x, t) }`,
    { e, t },
  )
  return await tiedCopies(model, analyse(model).weights)
}

it('a weight that is an embedding turned over is found', async () => {
  expect(await copies(table, turned)).toEqual([{ weight: 't', embedding: 'e' }])
})

it('a weight with one other number is none, and neither are zeros', async () => {
  expect(await copies(table, turned.with(39, 7))).toEqual([])
  expect(await copies(new Float32Array(40), new Float32Array(40))).toEqual([])
})
