// Time of SparseGPT by the width of the weight, and processor time of all threads, which other programs disturb less. Of the linear algebra in it the time
// with billions of operations (a product and a sum are two) a second.
//   node bench/sparsegpt.mjs [--threads 2] [--runs 3] [--products]
import { parseArgs } from 'node:util'
import { sparsegpt } from '@pare/criterion-sparsegpt'
import { cholesky, invertLower, openWorkspace } from '@pare/linear-algebra'
import * as ort from 'onnxruntime-node'

const { values: options } = parseArgs({
  options: { threads: { type: 'string', default: '2' }, runs: { type: 'string', default: '3' }, products: { type: 'boolean' } },
})
const threads = Number(options.threads)
if (options.products) await products()
else await solutions()

async function solutions() {
  console.log('| weight | Cholesky | inverse | SparseGPT 50 % | scope row | 2:4 | peak memory |\n|---|---|---|---|---|---|---|')
  for (const [rows, columns] of [
    [768, 3072],
    [1024, 1024],
    [2048, 2048],
    [4096, 4096],
  ]) {
    const gram = gramOf(columns)
    const third = columns ** 3 / 3
    const [factor, inverse] = await factorTimes(gram, columns)
    const free = { pattern: { kind: 'free' }, zeros: (rows * columns) / 2 }
    const times = []
    for (const how of [
      { ...free, scope: 'tensor' },
      { ...free, scope: 'row' },
      { pattern: { kind: 'nm', n: 2, m: 4 }, zeros: 0, scope: 'row' },
    ])
      times.push(await solveOften({ rows, columns, gram, ...how }))
    const cells = [show(factor, third), show(inverse, third), ...times]
    console.log(`| ${rows} × ${columns} | ${cells.join(' | ')} | ${Math.round(process.resourceUsage().maxRSS / 1024)} MB |`)
  }
}

async function solveOften({ rows, columns, gram, ...how }) {
  const [wall, processor] = [[], []]
  for (let run = 0; run < Number(options.runs); run++) {
    const weight = Float32Array.from({ length: rows * columns }, () => Math.random() + Math.random() + Math.random() - 1.5)
    const [start, used] = [performance.now(), process.cpuUsage()]
    const { notes } = await sparsegpt({ threads }).solve({ id: 'weight', weight, rows, columns, stats: { gram }, ...how })
    if (notes.length > 0) throw new Error(notes.join('; '))
    const { user, system } = process.cpuUsage(used)
    wall.push(performance.now() - start)
    processor.push((user + system) / 1000)
  }
  return `${duration(middle(wall))}, ${duration(middle(processor))}`
}

async function factorTimes(gram, columns) {
  const workspace = await openWorkspace({ matrices: [{ rows: columns, columns }], threads })
  const [matrix] = workspace.matrices
  const times = { factor: [], inverse: [] }
  for (let run = 0; run < Number(options.runs); run++) {
    matrix.data.set(gram)
    const start = performance.now()
    if (!(await cholesky(workspace, matrix))) throw new Error('the matrix is not positive definite')
    const between = performance.now()
    await invertLower(workspace, matrix)
    times.factor.push(between - start)
    times.inverse.push(performance.now() - between)
  }
  await workspace[Symbol.asyncDispose]()
  return [middle(times.factor), middle(times.inverse)]
}

/** C −= A · B with sums of 128, as SparseGPT needs it: the same in JavaScript, in WebAssembly, and by ONNX Runtime's MatMul and a subtraction. */
async function products() {
  const size = 4096
  const operations = 2 * size * size * 128
  const a = Float64Array.from({ length: size * 128 }, Math.random)
  const b = Float64Array.from({ length: size * 128 }, Math.random)
  const workspace = await openWorkspace({ matrices: [{ rows: size, columns: size }], threads })
  const [matrix] = workspace.matrices
  const left = { data: a, start: 0, across: 128, along: 1, count: size, depth: 128 }
  const right = { data: b, start: 0, across: 1, along: size, count: size, depth: 128 }
  const ours = await median(async () => timed(() => workspace.subtractProduct({ matrix, start: 0 }, left, right)))
  await workspace[Symbol.asyncDispose]()
  console.log(`WebAssembly, f64, ${threads} threads: ${show(ours, operations)}`)
  console.log(
    `JavaScript, f64, one thread, blocked: ${show(await median(async () => timed(() => blocked(new Float64Array(size * size), a, b, size))), operations)}`,
  )
  for (const [type, Floats, code] of [
    ['float64', Float64Array, 11],
    ['float32', Float32Array, 1],
  ]) {
    const session = await ort.InferenceSession.create(matMulModel(code), { intraOpNumThreads: threads })
    const inputs = { a: new ort.Tensor(type, Floats.from(a), [size, 128]), b: new ort.Tensor(type, Floats.from(b), [128, size]) }
    const c = new Floats(size * size)
    const time = await median(async () => {
      const start = performance.now()
      const { data } = (await session.run(inputs)).c
      for (let i = 0; i < c.length; i++) c[i] -= data[i]
      return performance.now() - start
    })
    console.log(`ONNX Runtime, ${type}, ${threads} threads: ${show(time, operations)}`)
  }
}

/** Four rows of C at a time, and 512 columns, so that they stay in the cache. */
function blocked(c, a, b, size) {
  for (let from = 0; from < size; from += 512) {
    for (let i = 0; i < size; i += 4) {
      for (let k = 0; k < 128; k++) {
        const [a0, a1, a2, a3] = [a[i * 128 + k], a[(i + 1) * 128 + k], a[(i + 2) * 128 + k], a[(i + 3) * 128 + k]]
        for (let j = from; j < from + 512; j++) {
          const factor = b[k * size + j]
          c[i * size + j] -= a0 * factor
          c[(i + 1) * size + j] -= a1 * factor
          c[(i + 2) * size + j] -= a2 * factor
          c[(i + 3) * size + j] -= a3 * factor
        }
      }
    }
  }
}

/** c = MatMul(a, b) of one type, in ONNX's protobuf. */
function matMulModel(type) {
  const field = (number, content) =>
    typeof content === 'number' ? [number * 8, content] : [number * 8 + 2, content.length, ...content]
  const text = (string) => [...new TextEncoder().encode(string)]
  const shape = [0, 1].flatMap((i) => field(1, field(2, text(`d${i}`))))
  const value = (name) => [...field(1, text(name)), ...field(2, field(1, [...field(1, type), ...field(2, shape)]))]
  const node = [...field(1, text('a')), ...field(1, text('b')), ...field(2, text('c')), ...field(4, text('MatMul'))]
  const graph = [
    ...field(1, node),
    ...field(2, text('g')),
    ...field(11, value('a')),
    ...field(11, value('b')),
    ...field(12, value('c')),
  ]
  return Uint8Array.from([...field(1, 8), ...field(7, graph), ...field(8, field(2, 13))])
}

/** Neighbours are correlated, and inputs of uneven size. */
function gramOf(columns) {
  const gram = new Float64Array(columns * columns)
  const size = (i) => 1 + 0.5 * Math.sin(i)
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < columns; j++) gram[i * columns + j] = size(i) * size(j) * Math.exp(-Math.abs(i - j) / 20)
  }
  return gram
}

function timed(work) {
  const start = performance.now()
  work()
  return performance.now() - start
}

async function median(time) {
  const times = []
  for (let run = 0; run < Number(options.runs); run++) times.push(await time())
  return middle(times)
}

function middle(times) {
  return times.toSorted((x, y) => x - y)[times.length >> 1]
}

function show(ms, operations) {
  return `${duration(ms)} (${(operations / ms / 1e6).toFixed(0)})`
}

function duration(ms) {
  return ms < 995 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`
}
