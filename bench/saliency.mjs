// node bench/saliency.mjs [--weights 110e6] [--runs 15] [--folder DIR]: how fast weights are judged on the CPU, against a loop that only reads them.
// Loops on one core, then on two at once, each with weights of its own: the least time of each MiB, added up; what other programs take is left out.
// Then the whole selection of half of the weights, its sample, its reads or copies and the rest included, the least of several runs: from memory, and from a
// file that the page cache holds, written into DIR (default: the folder for temporary files). The first uses one core, the second also those that read.

import { open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const { values } = parseArgs({
  options: {
    weights: { type: 'string', default: '110e6' },
    runs: { type: 'string', default: '15' },
    folder: { type: 'string', default: tmpdir() },
  },
})
const [WEIGHTS, RUNS] = [Number(values.weights), Number(values.runs)]
const dist = (name, of = 'core') => import(new URL(`../packages/${of}/dist/${name}.js`, import.meta.url).href)
const CHUNK = 1 << 18
const MAGNITUDE = { op: 'abs', of: { op: 'weight' } }
// About a hundredth of the weights lies in it.
const RANGE = { low: 0.5, high: 0.51 }

if (isMainThread) await report()
else parentPort.postMessage(await measure(workerData.elements, workerData.runs))

async function report() {
  const one = await measure(WEIGHTS, RUNS)
  const two = (await Promise.all([0, 1].map(() => inThread(WEIGHTS / 2, RUNS)))).reduce((a, b) =>
    Object.fromEntries(Object.keys(a).map((name) => [name, a[name] + b[name]])),
  )
  console.log(`${WEIGHTS / 1e6} M weights of f32, Node ${process.version}; GB/s, and share of reading`)
  const share = (rate, of) => `${rate.toFixed(1).padStart(6)} ${((100 * rate) / of).toFixed(0).padStart(4)} %`
  for (const name of Object.keys(one)) {
    console.log(`${name.padEnd(30)} one core ${share(one[name], one.read)}   two ${share(two[name], two.read)}`)
  }
  const whole = await wholeSelections()
  for (const [name, seconds] of Object.entries(whole)) {
    const [rate, read] = [seconds, whole.reading].map((time) => (4e-9 * WEIGHTS) / time)
    console.log(`${name.padEnd(30)} ${(1000 * seconds).toFixed(1).padStart(6)} ms ${share(rate, read)}`)
  }
}

function inThread(elements, runs) {
  return new Promise((resolve, reject) => {
    new Worker(new URL(import.meta.url), { workerData: { elements, runs } }).once('message', resolve).once('error', reject)
  })
}

/** GB/s of each loop. */
async function measure(elements, runs) {
  const { instantiate } = await dist('backend/vector-loops')
  const { cpu } = await dist('backend/cpu')
  const chunks = Math.floor(elements / CHUNK)
  const bytes = 4 * CHUNK * chunks
  const memory = new WebAssembly.Memory({ initial: bytes / 65536 + 1 })
  const weights = new Float32Array(memory.buffer, 65536, chunks * CHUNK)
  fill(weights)
  const { read } = await readLoop(memory)
  const kernel = cpu.compile(MAGNITUDE, 'f32')
  const [buffer] = kernel.buffers.map(({ buffer, byteOffset }) => new Float32Array(buffer, byteOffset, CHUNK))
  const { loops, areas } = instantiate(MAGNITUDE)
  const own = areas.buffers[0]
  const shift = own.byteOffset - areas.weights.byteOffset
  const chunk = (c) => weights.subarray(c * CHUNK, (c + 1) * CHUNK)
  buffer.set(chunk(0))
  own.set(new Uint8Array(weights.buffer, weights.byteOffset, own.length))
  const found = { saliency: new Float32Array(CHUNK), index: new Float64Array(CHUNK), length: 0 }
  const loop = (name, { low, high } = {}) => {
    areas.header.fill(0)
    loops[name](CHUNK, shift, low, high, 0)
  }
  const works = {
    read: (c) => read(65536 + 4 * c * CHUNK, 65536 + 4 * (c + 1) * CHUNK),
    copy: (c) => buffer.set(chunk(c)),
    saliency: () => loop('saliency'),
    histogram: () => kernel.histogram({ weights: buffer, start: 0 }),
    collect: () => loop('quickCollect', RANGE),
    'collect, whatever the criterion': () => loop('collect', RANGE),
    mask: () => loop('mask', RANGE),
    'copy and collect': (c) => {
      found.length = 0
      kernel.collect({ weights: chunk(c), start: 0 }, RANGE, found)
    },
  }
  const least = Object.fromEntries(Object.keys(works).map((name) => [name, new Float64Array(chunks).fill(Infinity)]))
  for (let run = 0; run < runs; run++) {
    for (const [name, work] of Object.entries(works)) {
      for (let c = 0; c < chunks; c++) {
        const start = performance.now()
        work(c)
        least[name][c] = Math.min(least[name][c], performance.now() - start)
      }
    }
  }
  return Object.fromEntries(Object.entries(least).map(([name, times]) => [name, bytes / times.reduce((a, b) => a + b) / 1e6]))
}

/** read(from, to): reads all bytes, 128 at a time, and does next to nothing with them. */
async function readLoop(memory) {
  const { f32x4, get, i32, i32x4, loop, set, tee } = await dist('backend/wasm-module')
  const { moduleOf } = await dist('index', 'wasm')
  const [ADDRESS, END, ALL] = [0, 1, 2]
  const vectors = Array.from({ length: 8 }, (_, i) => [...get(ADDRESS), ...f32x4.load(16 * i), ...i32x4.or]).flat()
  const next = [...get(ADDRESS), ...i32.const(128), ...i32.add, ...tee(ADDRESS), ...get(END), ...i32.lessUnsigned]
  const body = [...loop([...get(ALL), ...vectors, ...set(ALL), ...next]), ...i32.const(0), ...get(ALL), ...f32x4.store(0)]
  const module = new WebAssembly.Module(moduleOf([{ name: 'read', parameters: ['i32', 'i32'], locals: ['v128'], body }], 'plain'))
  return new WebAssembly.Instance(module, { env: { memory } }).exports
}

function fill(weights) {
  let state = 1
  for (let i = 0; i < weights.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    weights[i] = state / 2 ** 31
  }
}

/** Seconds, each the least of many runs in turns. */
async function wholeSelections() {
  const { chunks, makePayload, filePayload } = await dist('payload', 'onnx')
  const memory = new WebAssembly.Memory({ initial: Math.ceil(WEIGHTS / 16384) + 1 })
  const weights = new Float32Array(memory.buffer, 65536, WEIGHTS)
  fill(weights)
  const bytes = new Uint8Array(weights.buffer, 65536, 4 * WEIGHTS)
  const { read } = await readLoop(memory)
  const path = join(values.folder, `pare-bench-${process.pid}.bin`)
  await writeFile(path, bytes)
  const file = await open(path)
  try {
    const payload = filePayload(file, { path, offset: 0 }, bytes.byteLength)
    const buffers = [0, 1, 2, 3].map(() => new Uint8Array(1 << 20))
    const works = {
      reading: () => read(65536, 65536 + 128 * Math.floor(bytes.byteLength / 128)),
      'reading the file': async () => {
        for await (const _ of chunks(payload, 1 << 20, buffers));
      },
      'selecting half, from memory': await selection(makePayload(bytes)),
      'selecting half, from the file': await selection(payload),
    }
    const least = Object.fromEntries(Object.keys(works).map((name) => [name, Infinity]))
    for (let run = 0; run < 4 * RUNS; run++) {
      for (const [name, work] of Object.entries(works)) {
        const start = performance.now()
        await work()
        least[name] = Math.min(least[name], (performance.now() - start) / 1000)
      }
    }
    return least
  } finally {
    await file.close()
    await rm(path)
  }
}

async function selection(data) {
  const [{ cpu }, { selectLowest }, { buffersOf }] = await Promise.all(
    ['backend/cpu', 'select/threshold', 'backend/stream'].map((name) => dist(name)),
  )
  const tensor = { name: 'w', type: 'float32', shape: [WEIGHTS], data }
  const weight = { id: 'w', tensor, uses: [], rows: { batch: 1, before: 1, out: 1, after: WEIGHTS } }
  const source = { weight, elements: WEIGHTS, stream: { key0: 1, key1: 2 } }
  const kernel = cpu.compile(MAGNITUDE, 'f32')
  const scoring = { kernel, precision: 'f32', buffers: buffersOf(kernel), progress() {} }
  return () => selectLowest([source], WEIGHTS / 2, scoring)
}
