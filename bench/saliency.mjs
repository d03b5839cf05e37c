// node bench/saliency.mjs [--weights 110e6] [--runs 15]: how fast weights are judged on the CPU, against a loop that only reads them.
// On one core, then on two at once, each with weights of its own. The least time of each MiB, added up: what other programs take is left out.
// Then the whole selection of half of the weights from memory, its sample and its copies included.

import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const { values } = parseArgs({
  options: { weights: { type: 'string', default: '110e6' }, runs: { type: 'string', default: '15' } },
})
const [WEIGHTS, RUNS] = [Number(values.weights), Number(values.runs)]
const dist = (name) => import(new URL(`../packages/core/dist/${name}.js`, import.meta.url).href)
const CHUNK = 1 << 18

if (isMainThread) await report()
else parentPort.postMessage(await measure(workerData.elements, workerData.runs))

async function report() {
  const one = await measure(WEIGHTS, RUNS)
  const two = (await Promise.all([0, 1].map(() => inThread(WEIGHTS / 2, RUNS)))).reduce((a, b) =>
    Object.fromEntries(Object.keys(a).map((name) => [name, a[name] + b[name]])),
  )
  console.log(`${WEIGHTS / 1e6} M weights of f32, Node ${process.version}; GB/s, and share of reading`)
  for (const name of Object.keys(one)) {
    const share = (rates) =>
      `${rates[name].toFixed(1).padStart(6)} ${((100 * rates[name]) / rates.read).toFixed(0).padStart(4)} %`
    console.log(`${name.padEnd(22)} one core ${share(one)}   two ${share(two)}`)
  }
  const seconds = await wholeSelection()
  console.log(
    `selecting half of them, from memory: ${(1000 * seconds).toFixed(0)} ms, ${((4e-9 * WEIGHTS) / seconds).toFixed(1)} GB/s of weights`,
  )
}

function inThread(elements, runs) {
  return new Promise((resolve, reject) => {
    new Worker(new URL(import.meta.url), { workerData: { elements, runs } }).once('message', resolve).once('error', reject)
  })
}

/** GB/s of each loop. */
async function measure(elements, runs) {
  const { instantiate } = await dist('vector-loops')
  const chunks = Math.floor(elements / CHUNK)
  const bytes = 4 * CHUNK * chunks
  const memory = new WebAssembly.Memory({ initial: bytes / 65536 + 1 })
  const weights = new Float32Array(memory.buffer, 65536, chunks * CHUNK)
  fill(weights)
  const { read } = await readLoop(memory)
  const { loops, areas } = instantiate({ op: 'abs', of: { op: 'weight' } })
  const [buffer] = areas.buffers.map(({ buffer, byteOffset }) => new Float32Array(buffer, byteOffset, CHUNK))
  const shift = buffer.byteOffset - areas.weights.byteOffset
  const load = (c) => buffer.set(weights.subarray(c * CHUNK, (c + 1) * CHUNK))
  load(0)
  const works = {
    read: (c) => read(65536 + 4 * c * CHUNK, 65536 + 4 * (c + 1) * CHUNK),
    copy: load,
    histogram: () => loops.histogram(CHUNK, shift),
    // About a hundredth of the weights lies in the range.
    collect: () => loops.collect(CHUNK, shift, 0.5, 0.51),
    mask: () => loops.mask(CHUNK, shift, 0.5),
    'copy and collect': (c) => {
      load(c)
      loops.collect(CHUNK, shift, 0.5, 0.51)
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
  const { f32x4, get, i32, i32x4, loop, moduleOf, set, tee } = await dist('wasm-module')
  const [ADDRESS, END, ALL] = [0, 1, 2]
  const vectors = Array.from({ length: 8 }, (_, i) => [...get(ADDRESS), ...f32x4.load(16 * i), ...i32x4.or]).flat()
  const next = [...get(ADDRESS), ...i32.const(128), ...i32.add, ...tee(ADDRESS), ...get(END), ...i32.lessUnsigned]
  const body = [...loop([...get(ALL), ...vectors, ...set(ALL), ...next]), ...i32.const(0), ...get(ALL), ...f32x4.store(0)]
  const module = new WebAssembly.Module(moduleOf([{ name: 'read', parameters: ['i32', 'i32'], locals: ['v128'], body }]))
  return new WebAssembly.Instance(module, { env: { memory } }).exports
}

function fill(weights) {
  let state = 1
  for (let i = 0; i < weights.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    weights[i] = state / 2 ** 31
  }
}

/** Seconds, the least of several. */
async function wholeSelection() {
  const [{ cpu }, { selectLowest }, { buffersOf }] = await Promise.all(['cpu', 'threshold', 'stream'].map(dist))
  const weights = new Float32Array(WEIGHTS)
  fill(weights)
  const bytes = new Uint8Array(weights.buffer)
  const read = async (target, offset) => target.set(bytes.subarray(offset, offset + target.byteLength))
  const tensor = { name: 'w', type: 'float32', shape: [WEIGHTS], data: { byteLength: bytes.byteLength, read } }
  const weight = { id: 'w', tensor, uses: [], rows: { batch: 1, before: 1, out: 1, after: WEIGHTS } }
  const source = { weight, elements: WEIGHTS, stream: { key0: 1, key1: 2 } }
  const kernel = cpu.compile({ op: 'abs', of: { op: 'weight' } }, 'f32')
  const scoring = { kernel, precision: 'f32', buffers: buffersOf(kernel), progress() {} }
  let best = Infinity
  for (let run = 0; run < 5; run++) {
    const start = performance.now()
    await selectLowest([source], WEIGHTS / 2, scoring)
    best = Math.min(best, performance.now() - start)
  }
  return best / 1000
}
