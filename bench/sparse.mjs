// Sparse products and whole models against ONNX Runtime's dense ones, in turn in one process: bench/README.md, "Sparse against dense".
//   node bench/sparse.mjs kernels --sizes 4096x4096,768x3072 --samples 1,128 --sparsity 0.9 --formats rows,1×4,4×1 --threads 1,2 --precision f32,f16,i8
//   node bench/sparse.mjs models --threads 1,2
//   node bench/sparse.mjs correct --only lm
//   node bench/sparse.mjs huge

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { editGraph, editModel, editTensor, makePayload, makeTensor, modelBytes, parseText, readAll, readModel } from '@pare/onnx'
import { SparseSession } from '@pare/sparse'
import { openEngine } from '../packages/sparse/dist/engine/engine.js'
import { asCodes, packRows, packTiles } from '../packages/sparse/dist/pack.js'
import { transformer } from './models/transformer.mjs'
import { correct, huge } from './sparse/correct.mjs'

const ort = createRequire(import.meta.url)('onnxruntime-node')
const [command = 'kernels', ...args] = process.argv.slice(2)
const option = (name, usual) => (args.includes(`--${name}`) ? args[args.indexOf(`--${name}`) + 1] : usual)
const list = (name, usual) => option(name, usual).split(',')
const threads = list('threads', '1,2')
  .map(Number)
  .filter((count) => count <= availableParallelism())
const seconds = Number(option('seconds', '1'))

const FORMATS = {
  rows: { rows: 1, columns: 1 },
  '1×4': { rows: 1, columns: 4 },
  '4×1': { rows: 4, columns: 1 },
}

console.log(`Node ${process.version}, ONNX Runtime ${ort.env.versions.node}`)
switch (command) {
  case 'kernels':
    await kernels()
    break
  case 'models':
    await models()
    break
  case 'correct':
    await correct(option('only', ''))
    break
  case 'huge':
    await huge()
    break
  default:
    console.error(`'${command}' is none of kernels, models, correct and huge.`)
    process.exitCode = 2
}

async function kernels() {
  console.log(
    'threads | in × out | samples | zeros | format | dense | sparse | ratio in turn | ratio in a row | GFLOP/s on non-zeros',
  )
  for (const count of threads)
    for (const size of list('sizes', '4096x4096')) {
      const [inputs, out] = size.split('x').map(Number)
      for (const precision of list('precision', 'f32')) {
        const dense = await denseSession(inputs, out, { count, integers: precision === 'i8' })
        for (const sparsity of list('sparsity', '0.5,0.7,0.8,0.9,0.95').map(Number))
          for (const format of list('formats', 'rows,1×4,4×1'))
            await timeProduct({ dense, inputs, out, sparsity, format, precision, count })
        await dense.release()
      }
    }
}

async function timeProduct({ dense, inputs, out, sparsity, format, precision, count }) {
  const tile = FORMATS[format]
  const weight = { data: randomWeight(out, inputs, sparsity, tile), out, in: inputs, transposed: false }
  if (precision === 'i8') weight.data = weight.data.map((value) => (value === 0 ? 0 : Math.ceil(253 * value) || 1))
  const packed = precision === 'i8' ? 'f32' : precision
  const floats = format === 'rows' ? packRows(weight, packed) : packTiles(weight, tile, packed)
  const matrix = precision === 'i8' ? asCodes(floats, new Float32Array(out).fill(1)) : floats
  const engine = await openEngine({ kinds: [{ ...tile, values: precision }], threads: count })
  const product = engine.load(matrix)
  for (const samples of list('samples', '1,128').map(Number)) {
    const x = Float32Array.from({ length: samples * inputs }, (_, i) => Math.sin(i * 0.37))
    const from = engine.memory.allocate(4 * samples * inputs, 'x')
    const to = engine.memory.allocate(4 * samples * out, 'y')
    engine.memory.floats(from, x.length).set(x)
    const feeds = { x: new ort.Tensor('float32', x, [samples, inputs]) }
    const ways = [() => dense.run(feeds), () => product.run(from, to, samples)]
    const [a, b] = await fastest(ways, { row: 1, count })
    const [c, d] = await fastest(ways, { row: 10, count })
    const speed = (2 * samples * matrix.values.length) / b / 1e6
    const cells = [count, `${inputs} × ${out}`, samples, `${100 * sparsity} %`, `${format} ${precision}`, ms(a), ms(b)]
    console.log([...cells, `${(a / b).toFixed(2)}×`, `${(c / d).toFixed(2)}×`, speed.toFixed(1)].join(' | '))
  }
  await engine[Symbol.asyncDispose]()
}

async function models() {
  console.log('threads | model | input | dense | sparse | ratio | parts on ONNX Runtime | what the planner does')
  const made = {
    'lm-llama, 90 %': async () => [prunedLlama, 'input_ids', ['16x128', '1x128', '1x1']],
    'width 768, 6 layers, 90 %': async () => [
      () => modelBytes(transformer({ width: 768, layers: 6, sparsity: 0.9 })),
      'ids',
      ['1x128', '1x1'],
    ],
    'width 2048, 6 layers, 90 %': async () => [
      () => modelBytes(transformer({ width: 2048, layers: 6, sparsity: 0.9 })),
      'ids',
      ['1x128', '1x1'],
    ],
  }
  for (const [name, make] of Object.entries(made)) {
    if (!name.includes(option('only', ''))) continue
    const [bytesOf, input, sizes] = await make()
    const bytes = await bytesOf()
    for (const count of threads) {
      const sparse = await SparseSession.create(bytes, { ort, threads: count, plan: 'sparse' })
      const planned = await SparseSession.create(bytes, { ort, threads: count })
      const dense = await ort.InferenceSession.create(bytes, {
        intraOpNumThreads: count,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
      })
      for (const size of sizes) {
        const dims = size.split('x').map(Number)
        const ids = BigInt64Array.from({ length: dims[0] * dims[1] }, (_, i) => BigInt((i * 7919) % 512))
        const feeds = { [input]: new ort.Tensor('int64', ids, dims) }
        const [a, b] = await fastest([() => dense.run(feeds), () => sparse.run(feeds)], { row: 1, count })
        await planned.run(feeds)
        const { kind, reason } = planned.plan
        const cells = [count, name, size, ms(a), ms(b), `${(a / b).toFixed(2)}×`, sparse.plan.segments, `${kind}: ${reason}`]
        console.log(cells.join(' | '))
      }
      await dense.release()
      await sparse.release()
      await planned.release()
    }
  }
}

/** Every matrix that is multiplied with: quality does not matter here. */
async function prunedLlama() {
  const model = await readModel(await readFile(new URL('../test-models/lm-llama.onnx', import.meta.url)))
  const initializers = await Promise.all(
    model.graph.initializers.map(async (tensor) => {
      if (tensor.type !== 'float32' || tensor.shape.length !== 2 || tensor.name.includes('embed')) return tensor
      const values = new Float32Array((await readAll(tensor.data)).buffer)
      const border = values.map(Math.abs).sort()[Math.round(0.9 * values.length)]
      const kept = values.map((value) => (Math.abs(value) < border ? 0 : value))
      return editTensor(tensor, { data: makePayload(new Uint8Array(kept.buffer)) })
    }),
  )
  return modelBytes(editModel(model, { graph: editGraph(model.graph, { initializers }) }))
}

function ms(milliseconds) {
  return `${milliseconds.toPrecision(3)} ms`
}

/**
 * The fastest run of each in milliseconds, `row` runs of one before the other has its turn: what else runs on the machine only adds. With one thread it is
 * processor time, which does not count waiting for a core.
 */
async function fastest(ways, { row, count }) {
  const now = count === 1 ? () => totalOf(process.cpuUsage()) : () => performance.now()
  const best = ways.map(() => Number.POSITIVE_INFINITY)
  const end = performance.now() + 1000 * seconds
  for (let i = 0; i * row < 12 || performance.now() < end; i++)
    for (const [which, once] of ways.entries())
      for (let j = 0; j < row; j++) {
        const start = now()
        await once()
        best[which] = Math.min(best[which], now() - start)
      }
  return best
}

function totalOf({ user, system }) {
  return (user + system) / 1000
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

/** In floats, or in integers as quantisers write a product: rounding the inputs included. */
async function denseSession(inputs, out, { count, integers }) {
  const product = integers
    ? 'q, a, z = DynamicQuantizeLinear(x) i = MatMulInteger(q, w, z) c = Cast <to = 1> (i) y = Mul(c, a)'
    : 'y = MatMul(x, w)'
  const type = integers ? 'int8' : 'float'
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17]> g (float[M, ${inputs}] x) => (float[M, ${out}] y) <${type}[1] w = {0}> { ${product} }`,
  )
  const values = randomWeight(out, inputs, 0, FORMATS.rows)
  const weight = makeTensor({
    name: 'w',
    type: integers ? 'int8' : 'float32',
    shape: [inputs, out],
    values: integers ? Int8Array.from(values, (value) => Math.ceil(253 * value)) : values,
  })
  const bytes = await modelBytes(editModel(model, { graph: editGraph(model.graph, { initializers: [weight] }) }))
  return ort.InferenceSession.create(bytes, { intraOpNumThreads: count, interOpNumThreads: 1 })
}
