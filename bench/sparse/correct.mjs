// node bench/sparse.mjs correct [--only lm], node bench/sparse.mjs huge: bench/README.md, "Sparse equals dense".
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openData } from '@pare/evaluate'
import { openGpu, openProduct } from '@pare/gpu'
import { float16ToFloat32, float32ToFloat16, modelBytes, openModel } from '@pare/onnx'
import { packGroups, packRows, packTiles, SparseSession } from '@pare/sparse'
import { openEngine } from '../../packages/sparse/dist/engine/engine.js'
import { FORMATS, pruned, weightsOf, withWeights } from './pruned-weights.mjs'

const ort = createRequire(import.meta.url)('onnxruntime-node')
const SPARSITIES = [0.5, 0.75, 0.9, 0.95, 0.98]
/** Of the largest output. */
const TOLERANCE = 2e-5
/** Samples of a product: one has a kernel of its own, and so have few on a GPU. */
const SAMPLES = [1, 9]
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'
const DATA = { lm: 'lm-evaluate', kjv: 'kjv-evaluate', mlp: 'digits-evaluate', mnist: 'mnist-evaluate' }

/** Each format at each sparsity: models in sessions, and each of their weights by itself on the kernels of both devices. Sets the exit code. */
export async function correct(only) {
  const gpu = await openDevice()
  console.log(`GPU: ${gpu?.adapter.name ?? 'none is here'}`)
  console.log(
    'Largest difference, relative to the largest output: models in a session; products on the CPU; products on the GPU, with rows dense too',
  )
  console.log(`model | format | values | products | ${SPARSITIES.map((sparsity) => `${100 * sparsity} %`).join(' | ')}`)
  let worst = 0
  for (const path of (await modelPaths()).filter((each) => each.includes(only)))
    worst = larger(worst, await checkModel(path, gpu))
  const isOk = worst <= TOLERANCE
  console.log(isOk ? `ok: at most ${worst.toExponential(1)}` : `WRONG: ${worst} is more than ${TOLERANCE}`)
  process.exitCode = isOk ? 0 : 1
  await gpu?.[Symbol.asyncDispose]()
}

async function checkModel(path, gpu) {
  const file = await openModel(path)
  const { model } = file
  const [weights, feeds] = [await weightsOf(model), await feedsOf(path)]
  const products = [...weights.values()].reduce((sum, { nodes }) => sum + nodes, 0)
  let worst = 0
  for (const format of Object.keys(FORMATS))
    for (const values of ['f32', 'f16']) {
      const cells = []
      for (const how of SPARSITIES.map(FORMATS[format])) {
        if (how === undefined) continue
        const { taken, differences } = await checkWeights({ model, weights, feeds }, how, { values, gpu })
        for (const each of differences) worst = larger(worst, each)
        cells.push([
          `${taken} of ${products}`,
          differences.map((each) => `${each.toExponential(1)}${each <= TOLERANCE ? '' : ' WRONG'}`).join(' '),
        ])
      }
      console.log(
        [basename(path, '.onnx'), format, values, cells[0][0], ...cells.map(([, differences]) => differences)].join(' | '),
      )
    }
  await file[Symbol.asyncDispose]()
  return worst
}

async function checkWeights({ model, weights, feeds }, how, { values, gpu }) {
  const zeroed = new Map([...weights].map(([name, weight]) => [name, rounded(pruned(weight, how), values)]))
  const bytes = await modelBytes(withWeights(model, zeroed, { halves: values === 'f16' }))
  const { difference, taken } = await compareSessions(bytes, feeds)
  return { taken, differences: [difference, ...(await compareProducts(zeroed, how, { values, gpu }))] }
}

/** A weight of 2³¹ elements and some, packed and multiplied with: 1 at its first element, 3 and 2 near its last. Its zeros take no memory. */
export async function huge() {
  const [out, inputs] = [65537, 32772]
  for (const transposed of [false, true]) {
    const data = new Float32Array(out * inputs)
    const put = (o, k, value) => {
      data[transposed ? k * out + o : o * inputs + k] = value
    }
    put(0, 0, 1)
    put(out - 2, inputs - 2, 3)
    put(out - 1, inputs - 1, 2)
    const start = performance.now()
    const engine = await openEngine({ kinds: [{ rows: 1, columns: 1, half: false }], threads: 1 })
    const product = engine.load(packRows({ data, out, in: inputs, transposed }))
    const y = runOnCpu(engine, product, new Float32Array(2 * inputs).fill(1), 2)
    const found = [0, out - 2, out - 1, out, 2 * out - 1].map((i) => y[i])
    const isOk = found.join() === '1,3,2,1,2' && y.reduce((sum, value) => sum + value, 0) === 12
    console.log(
      `${out} × ${inputs}${transposed ? ', transposed' : ''}: ${found} ${isOk ? 'ok' : 'WRONG'}, ${Math.round(performance.now() - start)} ms`,
    )
    if (!isOk) process.exitCode = 1
    await engine[Symbol.asyncDispose]()
  }
}

/** SwiftShader, which computes on the CPU, where there is no other. */
async function openDevice() {
  if (existsSync(SWIFTSHADER)) process.env.VK_ICD_FILENAMES ??= SWIFTSHADER
  return openGpu().catch((error) => console.log(error.message))
}

async function modelPaths() {
  const shared = fileURLToPath(new URL('../../../shared/models/', import.meta.url))
  const root = existsSync(shared) ? shared : fileURLToPath(new URL('../../test-models/', import.meta.url))
  const list = async (under) =>
    (await readdir(join(root, under))).filter((file) => file.endsWith('.onnx')).map((file) => join(root, under, file))
  return [...(await list('')), ...(await list('untrained'))]
}

/** Four samples of the evaluation data and one, for models of tokens one token too; random images where a model was never trained. */
async function feedsOf(path) {
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 })
  const inputs = session.inputMetadata.map(({ name, type, shape }) => ({ name, type, shape }))
  await session.release()
  const data = DATA[basename(path).split(/[-.]/)[0]]
  if (data === undefined) return [4, 1].map((batch) => ({ x: randomTensor([batch, 3, 64, 64]) }))
  const set = await openData(join(path, '..', 'data', `${data}.npz`), { inputs, trusted: false })
  const feeds = [[0, 1, 2, 3], [4]].map((samples) =>
    Object.fromEntries(
      Object.entries(set.pick(samples).inputs).map(([name, { type, data, shape }]) => [name, new ort.Tensor(type, data, shape)]),
    ),
  )
  const first = Object.entries(feeds[1])
  if (!first.every(([, { dims }]) => dims.length === 2 && dims[1] > 64)) return feeds
  return [
    ...feeds,
    Object.fromEntries(first.map(([name, { type, data }]) => [name, new ort.Tensor(type, data.slice(0, 1), [1, 1])])),
  ]
}

function randomTensor(dims) {
  return new ort.Tensor('float32', randomValues(dims.reduce((a, b) => a * b, 1)), dims)
}

function randomValues(length) {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * i * 0.37 + i))
}

function rounded(weight, values) {
  return values === 'f32' ? weight : { ...weight, data: float16ToFloat32(float32ToFloat16(weight.data)) }
}

/** The session with every sparse product on our kernels against ONNX Runtime with the same file. */
async function compareSessions(bytes, feeds) {
  const session = await SparseSession.create(bytes, { ort, plan: 'sparse', fewestElements: 0, threads: 1, leastSparsity: 0.4 })
  const dense = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3, intraOpNumThreads: 1 })
  let difference = 0
  for (const each of feeds) {
    const [expected, results] = [await dense.run(each), await session.run(each)]
    for (const [name, { data }] of Object.entries(expected)) difference = larger(difference, relative(results[name].data, data))
  }
  await session.release()
  await dense.release()
  return { difference, taken: session.plan.sparse.length }
}

/** Each weight on kernels of the CPU, and of the GPU where there is one, against the product in f64. */
async function compareProducts(weights, how, { values, gpu }) {
  const kind = { rows: how.rows ?? 1, columns: how.columns ?? 1, half: values === 'f16' }
  const engine = await openEngine({ kinds: [kind], threads: 1 })
  const worst = { cpu: 0, gpu: 0 }
  for (const weight of weights.values()) {
    const matrix = packed(weight, how, values)
    const x = randomValues(Math.max(...SAMPLES) * weight.in)
    const expected = naive(weight, x, Math.max(...SAMPLES))
    const onCpu = engine.load(matrix)
    const onGpu = gpu
      ? [matrix, ...(matrix.kind === 'rows' ? [denseMatrix(weight, values)] : [])].map((each) => openProduct(gpu, each))
      : []
    for (const samples of SAMPLES) {
      const part = x.subarray(0, samples * weight.in)
      const reference = expected.subarray(0, samples * weight.out)
      worst.cpu = larger(worst.cpu, relative(runOnCpu(engine, onCpu, part, samples), reference))
      for (const product of onGpu) worst.gpu = larger(worst.gpu, relative(await product.multiply(part, samples), reference))
    }
    for (const product of onGpu) product[Symbol.dispose]()
  }
  await engine[Symbol.asyncDispose]()
  return gpu ? [worst.cpu, worst.gpu] : [worst.cpu]
}

function packed(weight, how, values) {
  if (how.of !== undefined) return packGroups(weight, how, values)
  return how.rows * how.columns === 1 ? packRows(weight, values) : packTiles(weight, how, values)
}

/** The GPU has dense products of its own. */
function denseMatrix({ data, out, in: inputs, transposed }, values) {
  const rowMajor = transposed ? data.map((_, i) => data[(i % inputs) * out + Math.floor(i / inputs)]) : data
  return { kind: 'dense', out, in: inputs, values: values === 'f16' ? float32ToFloat16(rowMajor) : rowMajor }
}

function runOnCpu({ memory }, product, x, samples) {
  const from = memory.allocate(x.byteLength, 'x')
  const to = memory.allocate(4 * samples * product.out, 'y')
  memory.floats(from, x.length).set(x)
  product.run(from, to, samples)
  return memory.floats(to, samples * product.out).slice()
}

/** f64[samples, out] */
function naive({ data, out, in: inputs, transposed }, x, samples) {
  const y = new Float64Array(samples * out)
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0) continue
    const [o, k] = transposed ? [i % out, Math.floor(i / out)] : [Math.floor(i / inputs), i % inputs]
    for (let m = 0; m < samples; m++) y[m * out + o] += data[i] * x[m * inputs + k]
  }
  return y
}

/** Largest difference by the largest number that is expected. NaN where that is 0, or anything is NaN. */
function relative(values, expected) {
  let [difference, largest] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]))
    difference = larger(difference, Math.abs(values[i] - expected[i]))
  }
  return difference / largest
}

/** NaN is larger than any number. */
const larger = (a, b) => (b <= a ? a : b)
