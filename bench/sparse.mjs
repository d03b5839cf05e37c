// Sparse products against ONNX Runtime's dense ones, interleaved in one process: bench/README.md, "Sparse against dense".

import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { editGraph, editModel, makeTensor, modelBytes, parseText } from '../packages/onnx/dist/index.js'
import { openEngine } from '../packages/sparse/dist/engine/engine.js'
import { packRows, packTiles } from '../packages/sparse/dist/pack.js'

const ort = createRequire(import.meta.url)('onnxruntime-node')
const args = process.argv.slice(2)
const option = (name, usual) => (args.includes(`--${name}`) ? args[args.indexOf(`--${name}`) + 1] : usual)
const numbers = (name, usual) => option(name, usual).split(',').map(Number)

const FORMATS = {
  rows: { rows: 1, columns: 1 },
  '1×4': { rows: 1, columns: 4 },
  '4×1': { rows: 4, columns: 1 },
}
const threads = numbers('threads', '1,2').filter((count) => count <= availableParallelism())
const sizes = option('sizes', '4096x4096')
  .split(',')
  .map((size) => size.split('x').map(Number))
const samples = numbers('samples', '1,128')
const sparsities = numbers('sparsity', '0.5,0.8,0.9,0.95')
const formats = option('formats', 'rows,1×4,4×1').split(',')
const precisions = option('precision', 'f32').split(',')
const seconds = Number(option('seconds', '1'))

console.log(`Node ${process.version}, ONNX Runtime ${ort.env.versions.node}, ${threads.join(' and ')} threads`)
for (const count of threads) {
  for (const [inputs, out] of sizes) {
    const dense = await denseSession(inputs, out, count)
    for (const sparsity of sparsities)
      for (const format of formats)
        for (const precision of precisions) {
          const size = FORMATS[format]
          const data = randomWeight(out, inputs, sparsity, size)
          const weight = { data, out, in: inputs, transposed: false }
          const matrix = size.rows * size.columns === 1 ? packRows(weight, precision) : packTiles(weight, size, precision)
          await using engine = await openEngine({ kinds: [{ ...size, half: precision === 'f16' }], threads: count })
          const product = engine.load(matrix)
          for (const m of samples) {
            const x = Float32Array.from({ length: m * inputs }, (_, i) => Math.sin(i * 0.37))
            const from = engine.memory.allocate(4 * m * inputs, 'x')
            const to = engine.memory.allocate(4 * m * out, 'y')
            engine.memory.floats(from, x.length).set(x)
            const feeds = { x: new ort.Tensor('float32', x, [m, inputs]) }
            const [a, b] = await interleaved(
              () => dense.run(feeds),
              () => product.run(from, to, m),
            )
            const flops = (2 * m * matrix.values.length) / b / 1e6
            console.log(
              `${count} thread(s) ${inputs}×${out} M=${m} ${sparsity * 100} % ${format} ${precision}: dense ${us(a)}, sparse ${us(b)}, ${(a / b).toFixed(2)}×, ${flops.toFixed(1)} GFLOP/s`,
            )
          }
        }
    await dense.release()
  }
}

function us(ms) {
  return ms < 10 ? `${(ms * 1000).toFixed(0)} µs` : `${ms.toFixed(1)} ms`
}

/** Medians of both in turn, the first runs left out. */
async function interleaved(first, second) {
  const times = [[], []]
  const end = performance.now() + 1000 * seconds
  for (let i = 0; i < 12 || performance.now() < end; i++) {
    for (const [which, once] of [first, second].entries()) {
      const start = performance.now()
      await once()
      if (i >= 5) times[which].push(performance.now() - start)
    }
  }
  return times.map((each) => each.sort((p, q) => p - q)[Math.floor(each.length / 2)])
}

function randomWeight(out, inputs, sparsity, { rows, columns }) {
  let state = 1
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const data = new Float32Array(out * inputs)
  for (let o = 0; o < out; o += rows)
    for (let i = 0; i < inputs; i += columns) {
      if (next() < sparsity) continue
      for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[(o + r) * inputs + i + c] = next() - 0.5
    }
  return data
}

async function denseSession(inputs, out, count) {
  const text = `g (float[M, ${inputs}] x) => (float[M, ${out}] y) <float[1] w = {0}> { y = MatMul(x, w) }`
  const model = parseText(text)
  const values = randomWeight(out, inputs, 0, FORMATS.rows)
  const weight = makeTensor({ name: 'w', type: 'float32', shape: [inputs, out], values })
  const bytes = await modelBytes(editModel(model, { graph: editGraph(model.graph, { initializers: [weight] }) }))
  return ort.InferenceSession.create(bytes, { intraOpNumThreads: count, interOpNumThreads: 1 })
}
