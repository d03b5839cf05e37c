// The same products as ONNX Runtime makes them.
import { modelBytes, parseText } from '@pare/onnx'
import { randomMatrix } from './matrices.mjs'
import { REPEATS, ROWS, round, SIZE } from './settings.mjs'

/** A chain of eight dense products in one model, so that copies of x and y count little. */
export async function onnxruntime(provider) {
  const ort = await import('onnxruntime-node')
  const CHAIN = 8
  const model = await matMulModel(randomMatrix(), CHAIN)
  const session = await ort.InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 3 })
  const given = { rows: {} }
  for (const m of ROWS) {
    const x = new ort.Tensor(
      'float32',
      Float32Array.from({ length: m * SIZE }, (_, i) => Math.sin(i)),
      [m, SIZE],
    )
    for (let i = 0; i < 3; i++) await session.run({ x })
    const times = []
    for (let i = 0; i < 2 * REPEATS + 1; i++) {
      const start = performance.now()
      await session.run({ x })
      times.push((performance.now() - start) / CHAIN)
    }
    const ms = times.sort((a, b) => a - b)[REPEATS]
    given.rows[m] = { ms: round(ms), gflops: round((2 * m * SIZE * SIZE) / ms / 1e6) }
  }
  await session.release()
  return given
}

/** x[m, size] · W · W … as an ONNX model. */
function matMulModel(weight, chain) {
  const names = ['x', ...Array.from({ length: chain - 1 }, (_, i) => `v${i}`), 'y']
  const nodes = names.slice(1).map((name, i) => `${name} = MatMul(${names[i]}, W)`)
  const text = `<ir_version: 8, opset_import: ["" : 17]> g (float[m, ${SIZE}] x) => (float[m, ${SIZE}] y) <float[${SIZE}, ${SIZE}] W> { ${nodes.join('\n')} }`
  return modelBytes(parseText(text, { W: weight }))
}
