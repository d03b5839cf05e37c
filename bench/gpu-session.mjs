// node bench/gpu-session.mjs [--size 4096] [--layers 2] [--repeats 15] [--rows 1,16]: a network of products on a WebGPU device, dense and with zeros, in sessions; beside it
// the dense network on ONNX Runtime's webgpu provider. Prints one JSON document; on a GPU within a minute or two. 4096 and 2 layers are 134 MB of f32.
import { parseArgs } from 'node:util'
import { openGpu } from '@pare/gpu'
import { GpuSession } from '@pare/gpu/session'
import { modelBytes, parseText } from '@pare/onnx'
import * as ort from 'onnxruntime-node'

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '4096' },
    layers: { type: 'string', default: '2' },
    repeats: { type: 'string', default: '15' },
    rows: { type: 'string', default: '1,16' },
  },
})
const [SIZE, LAYERS, REPEATS] = [values.size, values.layers, values.repeats].map(Number)
const ROWS = values.rows.split(',').map(Number)

/** Whether an element stays, by its place: as irregular as unstructured pruning makes it, or by tiles of four outputs. */
const PATTERNS = {
  dense: () => true,
  'anywhere, 50 %': (row, column) => hash(row * SIZE + column) >= 0.5,
  'anywhere, 90 %': (row, column) => hash(row * SIZE + column) >= 0.9,
  'tiles of 4 × 1, 50 %': (row, column) => hash((row >> 2) * SIZE + column) >= 0.5,
  'tiles of 4 × 1, 90 %': (row, column) => hash((row >> 2) * SIZE + column) >= 0.9,
  '2:4': (row, column) => (column + row) % 4 < 2,
}

const result = { node: process.version, size: SIZE, layers: LAYERS, denseBytes: 4 * LAYERS * SIZE * SIZE, timings: {} }
const gpu = await openGpu()
result.adapter = gpu.adapter
for (const [pattern, stays] of Object.entries(PATTERNS)) {
  const model = await network(stays)
  for (const halves of pattern === 'dense' ? [false] : [false, true]) {
    const bytes = halves ? await network(stays, halved) : model
    const session = await GpuSession.create(bytes, { gpu, ort: null, leastSparsity: pattern === 'dense' ? 2 : 0.4 })
    result.tuning ??= session.tuning
    const timed = await timesOf((feeds) => session.run(feeds))
    const { plan, costs } = session
    const weights = plan.products.reduce((sum, product) => sum + product.bytes, 0)
    result.timings[`${pattern}${halves ? ', halves' : ''}`] = {
      format: plan.products[0].format,
      weights,
      dispatches: costs.dispatches,
      ...timed,
    }
    await session.release()
  }
  if (pattern === 'dense')
    result.timings['ONNX Runtime webgpu, dense'] = await onOnnxRuntime(model).catch(({ message }) => ({ error: message }))
}
await gpu[Symbol.asyncDispose]()
const ms = (name, rows) => result.timings[name]?.ms?.[rows]
result.timesAsFast = Object.fromEntries(
  Object.keys(result.timings).map((name) => [
    name,
    Object.fromEntries(
      ['dense', 'ONNX Runtime webgpu, dense'].map((other) => [
        other,
        Object.fromEntries(ROWS.map((rows) => [rows, round(ms(other, rows) / ms(name, rows))])),
      ]),
    ),
  ]),
)
console.log(JSON.stringify(result, null, 2))
process.exit(0)

async function onOnnxRuntime(model) {
  const session = await ort.InferenceSession.create(model, { executionProviders: ['webgpu'], logSeverityLevel: 3 })
  const timed = await timesOf((feeds) => session.run(feeds))
  await session.release()
  return timed
}

/** Milliseconds of a run for each number of rows, medians, with sending the input and reading the answer. */
async function timesOf(run) {
  const all = {}
  for (const rows of ROWS) {
    const feeds = {
      x: new ort.Tensor(
        'float32',
        Float32Array.from({ length: rows * SIZE }, (_, i) => Math.sin(i)),
        [rows, SIZE],
      ),
    }
    for (let i = 0; i < 3; i++) await run(feeds)
    const times = []
    for (let i = 0; i < REPEATS; i++) {
      const start = performance.now()
      await run(feeds)
      times.push(performance.now() - start)
    }
    all[rows] = round(times.sort((a, b) => a - b)[REPEATS >> 1])
  }
  return { ms: all }
}

async function network(stays, change = (value) => value) {
  const layers = Array.from({ length: LAYERS }, (_, layer) => layer)
  const names = layers.map((layer) => `float[${SIZE}, ${SIZE}] w${layer}`)
  const nodes = layers.map(
    (layer) => `p${layer} = MatMul(${layer === 0 ? 'x' : `r${layer - 1}`}, w${layer}) r${layer} = Tanh(p${layer})`,
  )
  const weights = layers.map((layer) => {
    const weight = new Float32Array(SIZE * SIZE)
    // Stored [in, out].
    for (let column = 0, at = 0; column < SIZE; column++)
      for (let row = 0; row < SIZE; row++, at++)
        if (stays(row, column)) weight[at] = change((hash(at + layer) - 0.5) / Math.sqrt(SIZE))
    return [`w${layer}`, weight]
  })
  const text = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, ${SIZE}] x) => (float[N, ${SIZE}] r${LAYERS - 1}) <${names.join(', ')}> { ${nodes.join(' ')} }`
  return modelBytes(parseText(text, Object.fromEntries(weights)))
}

/** A number that halves hold exactly, near another. */
function halved(value) {
  const step = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(value) || 1)) - 8))
  return Math.round(value / step) * step
}

function hash(index) {
  let x = Math.imul(index, 0x9e3779b1)
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b)
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32
}

function round(value) {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : null
}
