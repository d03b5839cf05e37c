// node bench/gpu.mjs [--size 4096] [--weights 110e6] [--repeats 5] [--skip onnxruntime]: prints one JSON document, within some minutes.
//
// What it reads, for a machine that has neither the repository nor a network (x86-64 Linux): this file; packages/gpu/dist, packages/core/dist,
// packages/onnx/dist and packages/wasm/dist with their package.json, as node_modules/@pare/{gpu,core,onnx,wasm}; node_modules/webgpu (index.js, package.json, dist/linux-x64);
// node_modules/onnxruntime-node (package.json, dist, bin/napi-v6/linux/x64) and onnxruntime-common; a node binary from 20.19 on. The driver of the GPU
// must bring Vulkan. Where libvulkan.so.1 is missing, put one beside and name its folder in LD_LIBRARY_PATH; where only the driver's manifest is missing,
// one is written to a temporary folder.
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cpu, randomStream } from '@pare/core/backends'
import { factsOf, gpuBackend, openEntry, openGpu, openProduct } from '@pare/gpu'

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '4096' },
    weights: { type: 'string', default: '110e6' },
    repeats: { type: 'string', default: '5' },
    skip: { type: 'string', multiple: true, default: [] },
  },
})
const [SIZE, WEIGHTS, REPEATS] = [values.size, values.weights, values.repeats].map(Number)
const ROWS = [1, 128, 1024]

const EXPRESSIONS = {
  '|w|': { op: 'abs', of: { op: 'weight' } },
  'sqrt(w² · a + 1e-6)': {
    op: 'sqrt',
    of: {
      op: 'add',
      left: { op: 'multiply', left: { op: 'square', of: { op: 'weight' } }, right: { op: 'constant', value: 0.7 } },
      right: { op: 'constant', value: 1e-6 },
    },
  },
}

const result = { node: process.version, parts: {} }
await part('environment', environment)
const gpu = await part('open', async () => {
  const opened = await openGpu()
  result.adapter = opened.adapter
  result.subgroup = opened.subgroup
  return opened
})
if (gpu) {
  const weight = randomMatrix()
  await part('dense', () => products({ kind: 'dense', out: SIZE, in: SIZE, values: weight }))
  await part('dense, halves', () => products({ kind: 'dense', out: SIZE, in: SIZE, values: halvesOf(weight) }))
  for (const zeros of [0.9, 0.95]) {
    await part(`rows, ${zeros}`, () => products(packRows(weight, zeros)))
    await part(`tiles of 1 × 4, ${zeros}`, () => products(packTiles(weight, zeros)))
  }
  await part('2:4', () => products(packGroups(weight)))
  await part('saliency and selection', selection)
  await part('saliency and selection, weights there', resident)
  await gpu[Symbol.asyncDispose]()
}
if (!values.skip.includes('onnxruntime')) {
  for (const provider of ['webgpu', 'cuda', 'cpu']) await part(`onnxruntime ${provider}`, () => onnxruntime(provider))
}
compare()
for (const entry of Object.values(result.parts)) if (entry.result === undefined) delete entry.result
console.log(JSON.stringify(result, null, 2))
process.exit(0)

/** Runs a part and notes what it gave, how long it took, or why it failed. */
async function part(name, work) {
  const start = performance.now()
  const entry = {}
  result.parts[name] = entry
  try {
    const given = await work()
    if (name !== 'open') entry.result = given
    return given
  } catch (error) {
    entry.error = String(error?.message ?? error).slice(0, 1000)
    if (error?.hint) entry.hint = error.hint
  } finally {
    entry.seconds = round((performance.now() - start) / 1000)
    process.stderr.write(`${name}: ${entry.error ?? `${entry.seconds} s`}\n`)
  }
}

/** What Vulkan may find here. Writes a manifest of NVIDIA's driver where its library is there and no manifest is. */
async function environment() {
  const folders = [
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib64',
    '/usr/local/nvidia/lib64',
    '/usr/local/cuda/lib64',
    '/usr/lib/wsl/lib',
  ]
  const libraries = folders.filter(existsSync).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^lib(vulkan|GLX_nvidia|EGL_nvidia|nvidia-glvkspirv|nvidia-gpucomp)\.so/.test(name))
      .map((name) => join(folder, name)),
  )
  const manifests = ['/etc/vulkan/icd.d', '/usr/share/vulkan/icd.d']
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  const set = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES
  const driver =
    libraries.find((path) => path.endsWith('libGLX_nvidia.so.0')) ?? libraries.find((path) => path.endsWith('libEGL_nvidia.so.0'))
  let written
  if (set === undefined && driver !== undefined && !manifests.some((path) => path.includes('nvidia'))) {
    written = join(mkdtempSync(join(tmpdir(), 'pare-gpu-')), 'nvidia_icd.json')
    writeFileSync(written, JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: driver, api_version: '1.3.0' } }))
    process.env.VK_ICD_FILENAMES = written
  }
  const entry = await openEntry()
  const adapter = await entry.requestAdapter()
  return { libraries, manifests, set, written, adapter: adapter && factsOf(adapter).name }
}

function randomMatrix() {
  const weight = new Float32Array(SIZE * SIZE)
  let state = 1
  for (let i = 0; i < weight.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    weight[i] = (state / 2 ** 32 - 0.5) / Math.sqrt(SIZE)
  }
  return weight
}

/** Which elements stay is drawn by position, not by size: the patterns are as irregular as unstructured pruning makes them. */
function stays(index, zeros) {
  let x = Math.imul(index, 0x9e3779b1)
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b)
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32 >= zeros
}

function packRows(weight, zeros) {
  const starts = new Uint32Array(SIZE + 1)
  const columns = []
  const entries = []
  for (let row = 0; row < SIZE; row++) {
    for (let k = 0; k < SIZE; k++) {
      if (!stays(row * SIZE + k, zeros)) continue
      columns.push(k)
      entries.push(weight[row * SIZE + k])
    }
    starts[row + 1] = columns.length
  }
  return { kind: 'rows', out: SIZE, in: SIZE, starts, columns: Uint16Array.from(columns), values: Float32Array.from(entries) }
}

function packTiles(weight, zeros) {
  const starts = new Uint32Array(SIZE + 1)
  const columns = []
  const entries = []
  for (let row = 0; row < SIZE; row++) {
    for (let k = 0; k < SIZE; k += 4) {
      if (!stays(row * SIZE + k, zeros)) continue
      columns.push(k / 4)
      for (let j = 0; j < 4; j++) entries.push(weight[row * SIZE + k + j])
    }
    starts[row + 1] = columns.length
  }
  const values = Float32Array.from(entries)
  return { kind: 'tiles', out: SIZE, in: SIZE, tileRows: 1, tileColumns: 4, starts, columns: Uint16Array.from(columns), values }
}

function packGroups(weight) {
  const positions = new Uint32Array((SIZE * SIZE) / 16)
  const entries = new Float32Array((SIZE * SIZE) / 2)
  for (let group = 0; group < (SIZE * SIZE) / 4; group++) {
    const [a, b] = [
      [0, 1],
      [0, 2],
      [1, 3],
      [2, 3],
    ][group & 3]
    entries.set([weight[4 * group + a], weight[4 * group + b]], 2 * group)
    positions[group >> 2] |= (a | (b << 4)) << (8 * (group & 3))
  }
  return { kind: 'groups', out: SIZE, in: SIZE, keep: 2, of: 4, positions, values: entries }
}

function halvesOf(values) {
  const bits = new Uint32Array(values.buffer)
  return Uint16Array.from(bits, (word) => {
    const exponent = ((word >>> 23) & 255) - 112
    return exponent <= 0 ? 0 : ((word >>> 16) & 0x8000) | (exponent << 10) | ((word >>> 13) & 0x3ff)
  })
}

/** Time of one product on the device for each number of rows, the largest difference from a few sums by hand, and bytes moved. */
async function products(matrix) {
  const product = openProduct(gpu, matrix)
  const given = { bytes: product.bytes, entries: matrix.values.length, rows: {} }
  for (const m of ROWS) {
    const x = Float32Array.from({ length: m * SIZE }, (_, i) => Math.sin(i))
    const y = await product.multiply(x, m)
    const prepared = await product.prepare(m)
    const ms = await timed((pass) => prepared.encode(pass))
    const operations = 2 * m * matrix.values.length
    given.rows[m] = {
      ms: round(ms),
      gflops: round(operations / ms / 1e6),
      asDenseGflops: round((2 * m * SIZE * SIZE) / ms / 1e6),
      // Weight, x and y once each: the least that must move.
      gbPerSecond: round((product.bytes + 4 * m * 2 * SIZE) / ms / 1e6),
      error: largestError(matrix, x, y),
    }
  }
  product[Symbol.dispose]()
  return given
}

/** Milliseconds of one pass: the difference of many and few in one submission, so that what a submission costs falls out. */
async function timed(encode) {
  const submit = async (count) => {
    const start = performance.now()
    const encoder = gpu.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    for (let i = 0; i < count; i++) encode(pass)
    pass.end()
    gpu.device.queue.submit([encoder.finish()])
    await gpu.idle()
    return performance.now() - start
  }
  await submit(1)
  const once = Math.max(await submit(1), 1e-3)
  const count = Math.min(Math.max(Math.round(100 / once), 2), 200)
  const times = []
  for (let i = 0; i < REPEATS; i++) {
    const few = await submit(1)
    times.push(((await submit(count + 1)) - few) / count)
  }
  return times.sort((a, b) => a - b)[REPEATS >> 1]
}

function largestError(matrix, x, y) {
  let largest = 0
  for (let i = 0; i < 40; i++) {
    const at = (i * 7919) % y.length
    const [m, row] = [Math.floor(at / SIZE), at % SIZE]
    let sum = 0
    for (const [column, value] of entriesOf(matrix, row)) sum += value * x[m * SIZE + column]
    largest = Math.max(largest, Math.abs(sum - y[at]))
  }
  return Number(largest.toExponential(2))
}

function* entriesOf(matrix, row) {
  const { kind, values, starts, columns, positions } = matrix
  const width = { dense: 1, rows: 1, tiles: 4, groups: 1 }[kind]
  const [from, to] = starts ? [starts[row], starts[row + 1]] : [(row * values.length) / SIZE, ((row + 1) * values.length) / SIZE]
  for (let e = from; e < to; e++) {
    for (let j = 0; j < width; j++) {
      const first =
        kind === 'dense'
          ? e - from
          : kind === 'groups'
            ? 4 * ((e - from) >> 1) + ((positions[e >> 3] >>> (4 * (e & 7))) & 15)
            : columns[e] * width
      yield [first + j, widened(values, e * width + j)]
    }
  }
}

function widened(values, i) {
  if (values instanceof Float32Array) return values[i]
  const [sign, exponent, fraction] = [values[i] >> 15, (values[i] >> 10) & 31, values[i] & 1023]
  return (sign ? -1 : 1) * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
}

function manyWeights() {
  const weights = new Float32Array(WEIGHTS)
  const bits = new Uint32Array(weights.buffer)
  let state = 7
  for (let i = 0; i < weights.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    // Exponents from 2^−12 to 2^−5.
    bits[i] = (state & 0x807fffff) | ((115 + ((state >>> 8) & 7)) << 23)
  }
  return weights
}

/** Both passes of a selection without a sample, through the backends: weights are uploaded each time. */
async function selection() {
  const weights = manyWeights()
  const given = { bytes: 2 * weights.byteLength }
  for (const [name, expression] of Object.entries(EXPRESSIONS)) {
    const runs = {}
    for (const backend of [gpuBackend(gpu), cpu]) {
      const kernel = backend.compile(expression, 'f32')
      const chunks = cut(weights, (backend.chunkBytes ?? 1 << 20) / 4)
      const into = { saliency: new Float64Array(weights.length / 20), index: new Float64Array(weights.length / 20), length: 0 }
      const range = { low: Math.fround(0.01), high: Math.fround(0.0101) }
      let [best, below] = [Infinity, 0]
      for (let i = 0; i < 3; i++) {
        const start = performance.now()
        kernel.clear()
        for (const chunk of chunks) await kernel.histogram(chunk)
        runs[backend.name] = { counts: await kernel.counts() }
        into.length = 0
        below = 0
        for (const chunk of chunks) below += (await kernel.collect(chunk, range, into)).below
        best = Math.min(best, performance.now() - start)
      }
      Object.assign(runs[backend.name], { ms: best, below, into })
    }
    const { gpu: mine, cpu: theirs } = runs
    const same =
      mine.below === theirs.below &&
      mine.into.length === theirs.into.length &&
      mine.counts.every((count, b) => count === theirs.counts[b]) &&
      mine.into.index
        .subarray(0, mine.into.length)
        .every((index, i) => index === theirs.into.index[i] && mine.into.saliency[i] === theirs.into.saliency[i])
    const rate = ({ ms }) => ({ ms: round(ms), gbPerSecond: round(given.bytes / ms / 1e6) })
    given[name] = { same, candidates: mine.into.length, gpu: rate(mine), cpu: rate(theirs) }
  }
  return given
}

function cut(weights, size) {
  const stream = randomStream(1, 'w')
  return Array.from({ length: Math.ceil(weights.length / size) }, (_, i) => ({
    weights: weights.subarray(i * size, (i + 1) * size),
    start: i * size,
    stream,
  }))
}

/** The same loops over weights that are on the device already. */
async function resident() {
  const [{ openTiles }, loops, { saliencyShader }] = await Promise.all(
    ['tiles', 'loops', 'saliency-shader'].map((name) => import(new URL(`../packages/gpu/dist/${name}.js`, import.meta.url).href)),
  )
  const { maxStorageBufferBindingSize } = gpu.adapter.limits
  // Candidates take two words.
  const count = Math.min(WEIGHTS, Math.floor(maxStorageBufferBindingSize / 8))
  const tiles = openTiles(gpu, count)
  const [chunk] = cut(manyWeights().subarray(0, count), count)
  tiles.load(chunk, [], { low: 0xbc23d70a, high: 0xbc2575da })
  const given = { weights: count, bytes: 4 * count }
  const counts = gpu.buffer(4 * 65536)
  const run = async (code, work) => {
    await tiles.run(code, work)
    await gpu.idle()
    const times = []
    for (let i = 0; i < REPEATS; i++) {
      const start = performance.now()
      for (let k = 0; k < 10; k++) await tiles.run(code, work)
      await gpu.idle()
      times.push((performance.now() - start) / 10)
    }
    return times.sort((a, b) => a - b)[REPEATS >> 1]
  }
  const groups = count / loops.GROUP
  const blocks = count / loops.BLOCK
  for (const [name, expression] of Object.entries(EXPRESSIONS)) {
    const shader = saliencyShader(expression)
    const ms = {
      histogram: await run(shader + loops.HISTOGRAM, { groups, into: counts }),
      saliency: await run(shader + loops.SALIENCY, { groups }),
      tally: await run(loops.TALLY, { groups: blocks, from: tiles.results, into: tiles.tallies }),
      mask: await run(shader + loops.MASK, { groups }),
    }
    given[name] = Object.fromEntries(
      Object.entries(ms).map(([loop, time]) => [loop, { ms: round(time), gbReadPerSecond: round((4 * count) / time / 1e6) }]),
    )
  }
  return given
}

/** A chain of eight dense products in one model, so that copies of x and y count little. */
async function onnxruntime(provider) {
  const ort = await import('onnxruntime-node')
  const CHAIN = 8
  const model = matMulModel(randomMatrix(), CHAIN)
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

/** x[m, size] · W · W … as an ONNX model: just enough of protobuf. */
function matMulModel(weight, chain) {
  const varint = (value) => {
    const bytes = []
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      if (rest < 128) return Buffer.from([...bytes, rest])
      bytes.push((rest % 128) | 128)
    }
  }
  const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)])
  const bytes = (field, content) => {
    const body = typeof content === 'string' ? Buffer.from(content) : content
    return Buffer.concat([varint(field * 8 + 2), varint(body.length), body])
  }
  const shape = Buffer.concat([bytes(1, bytes(2, 'm')), bytes(1, number(1, SIZE))])
  const value = (name) => Buffer.concat([bytes(1, name), bytes(2, bytes(1, Buffer.concat([number(1, 1), bytes(2, shape)])))])
  const nodes = Array.from({ length: chain }, (_, i) => {
    const [from, to] = [i === 0 ? 'x' : `v${i}`, i === chain - 1 ? 'y' : `v${i + 1}`]
    return bytes(1, Buffer.concat([bytes(1, from), bytes(1, 'W'), bytes(2, to), bytes(3, `product${i}`), bytes(4, 'MatMul')]))
  })
  const raw = Buffer.from(weight.buffer, weight.byteOffset, weight.byteLength)
  const tensor = Buffer.concat([number(1, SIZE), number(1, SIZE), number(2, 1), bytes(8, 'W'), bytes(9, raw)])
  const graph = Buffer.concat([...nodes, bytes(2, 'g'), bytes(5, tensor), bytes(11, value('x')), bytes(12, value('y'))])
  return Buffer.concat([number(1, 8), bytes(7, graph), bytes(8, number(2, 17))])
}

/** How many times as fast the sparse products are as dense ones on this device. */
function compare() {
  const ms = (name, m) => result.parts[name]?.result?.rows?.[m]?.ms
  const names = Object.keys(result.parts).filter((name) => /^(rows|tiles|2:4)/.test(name))
  const against = ['dense', 'onnxruntime webgpu', 'onnxruntime cuda'].filter((name) => result.parts[name]?.result)
  result.timesAsFast = Object.fromEntries(
    names.map((name) => [
      name,
      Object.fromEntries(
        against.map((other) => [other, Object.fromEntries(ROWS.map((m) => [m, round(ms(other, m) / ms(name, m))]))]),
      ),
    ]),
  )
}

function round(value) {
  return value === undefined || Number.isNaN(value) ? null : Number(value.toPrecision(4))
}
