import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { editTensor, parseText, withTensors, writeModel } from '@pare/onnx'
import { afterAll, expect, test } from 'vitest'
import { zippedSize } from './zipped.js'

const folder = mkdtempSync(join(tmpdir(), 'pare-zipped-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('external data count', async () => {
  const weights = new Float32Array(new Uint8Array(randomBytes(40_000)).buffer)
  const model = parseText('g (float[100] x) => (float[100] y) <float[100, 100] w> { y = MatMul(x, w) }', { w: weights })
  const inside = join(folder, 'inside.onnx')
  const outside = join(folder, 'outside.onnx')
  await writeModel(model, inside)
  await writeModel(
    withTensors(model, (tensor) => editTensor(tensor, { storage: 'external' })),
    outside,
  )
  writeFileSync(join(folder, 'other.bin'), randomBytes(100_000))
  const [one, other] = await Promise.all([inside, outside].map((path) => zippedSize(path, new AbortController().signal)))
  expect(one).toBeGreaterThan(gzipSync(new Uint8Array(weights.buffer)).length)
  expect(Math.abs(other! - one!)).toBeLessThan(400)
})
