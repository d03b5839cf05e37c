// node bench/training/optimizer.mjs [million]: one AdamW step over so many weights (default 5.4, as lm-llama): in WebAssembly in place, in plain JavaScript in place, and as a graph that
// ONNX Runtime runs, with the new weights and moments as its outputs.
import { createRequire } from 'node:module'
import { modelBytes, parseText } from '@pare/onnx'
import { openArena } from '../../packages/retrain/dist/optimizer/arena.js'
import { areasOf, openOptimizer } from '../../packages/retrain/dist/optimizer/optimizer.js'

const ort = createRequire(new URL('../../packages/evaluate/dist/index.js', import.meta.url))('onnxruntime-node')
const elements = Math.round(Number(process.argv[2] ?? 5.4) * 1e6)
const options = { name: 'adamw' }
const arena = openArena([{ name: 'w', shape: [elements], decays: true }], areasOf(options, { accumulates: false }))
const [w, g, m, v] = ['weights', 'gradients', 'first', 'second'].map((area) => arena.area(area).subarray(0, elements))
for (let i = 0; i < elements; i++) {
  w[i] = Math.sin(i)
  g[i] = Math.cos(i) / 100
}
const optimizer = openOptimizer(options, arena)
let count = 0
const row = (name, times) => console.log(name.padEnd(44), times.map((time) => time.toFixed(1)).join(' … '), 'ms')

row('norm of the gradients, WebAssembly', await timed(() => optimizer.gradientNorm()))
row('AdamW, WebAssembly', await timed(() => optimizer.update({ count: ++count, learningRate: 1e-3, scale: 1 })))
row('AdamW, JavaScript', await timed(() => javascript(++count)))
row('AdamW, ONNX Runtime, outputs preallocated', await timed(await graph()))

function javascript(t) {
  const rate = 1e-3 / (1 - 0.9 ** t)
  const root = 1 / Math.sqrt(1 - 0.999 ** t)
  for (let i = 0; i < elements; i++) {
    const gradient = g[i]
    m[i] = 0.9 * m[i] + 0.1 * gradient
    v[i] = 0.999 * v[i] + 0.001 * gradient * gradient
    w[i] = 0.99999 * w[i] - (rate * m[i]) / (root * Math.sqrt(v[i]) + 1e-8)
  }
}

async function graph() {
  const names = ['w', 'g', 'm', 'v']
  const model = parseText(`<ir_version: 9, opset_import: ["": 17]>
    g (${names.map((name) => `float[N] ${name}`).join(', ')}, float rate, float root) => (float[N] w2, float[N] m2, float[N] v2)
    <float b1 = {0.9}, float r1 = {0.1}, float b2 = {0.999}, float r2 = {0.001}, float keep = {0.99999}, float epsilon = {1e-8}> {
    mb = Mul(m, b1) gr = Mul(g, r1) m2 = Add(mb, gr)
    vb = Mul(v, b2) gg = Mul(g, g) ggr = Mul(gg, r2) v2 = Add(vb, ggr)
    s = Sqrt(v2) sr = Mul(s, root) d = Add(sr, epsilon) q = Div(m2, d) u = Mul(q, rate) wk = Mul(w, keep) w2 = Sub(wk, u) }`)
  const session = await ort.InferenceSession.create(await modelBytes(model), { intraOpNumThreads: 2 })
  const tensor = (data, dims) => new ort.Tensor('float32', data, dims)
  const buffers = Object.fromEntries([...names, 'w2', 'm2', 'v2'].map((name) => [name, new Float32Array(elements)]))
  for (const [i, values] of [w, g, m, v].entries()) buffers[names[i]].set(values)
  return async () => {
    const feeds = Object.fromEntries(names.map((name) => [name, tensor(buffers[name], [elements])]))
    const scalars = { rate: tensor(Float32Array.of(1e-3), []), root: tensor(Float32Array.of(1), []) }
    const fetches = Object.fromEntries(['w2', 'm2', 'v2'].map((name) => [name, tensor(buffers[name], [elements])]))
    await session.run({ ...feeds, ...scalars }, fetches)
    for (const name of ['w', 'm', 'v']) [buffers[name], buffers[`${name}2`]] = [buffers[`${name}2`], buffers[name]]
  }
}

async function timed(work) {
  const times = []
  for (let i = 0; i < 25; i++) {
    const start = performance.now()
    await work()
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  return [times[0], times[12]]
}
