// Runs models in ONNX Runtime with values of the graph among their outputs.
import { createRequire } from 'node:module'
import { editGraph, editModel, float16ToFloat32, makeValueInfo, modelBytes, symbolsOf } from '@pare/onnx'
import { integersOf } from '../../packages/evaluate/dist/measure/counted.js'
import { makeUp } from '../../packages/evaluate/dist/measure/made-up.js'
import { toModelValue, toTensor } from '../../packages/evaluate/dist/process/runtime.js'

const ort = createRequire(import.meta.url)('onnxruntime-node')

/** Batch, other sizes, tokens of the past: the first two of them that a model runs with are used. Large ones first: on an image that shrinks to nothing ONNX Runtime crashes. */
const SIZES = [
  [2, 64, 0],
  [1, 96, 0],
  [1, 32, 3],
  [2, 8, 0],
  [1, 20, 0],
  [1, 224, 0],
  [1, 1, 0],
]

/** ONNX Runtime as it is written: nothing fused, nothing rounded that the model does not round. */
async function sessionOf(model) {
  return ort.InferenceSession.create(await modelBytes(model), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    graphOptimizationLevel: 'disabled',
    extra: { session: { disable_quant_qdq: '1' } },
  })
}

/** Inputs that the model runs with, at most two, of sizes that differ where sizes are open. Throws what ONNX Runtime says where there are none. */
export async function inputsFor(model) {
  const session = await sessionOf(model)
  try {
    const inputs = session.inputMetadata.flatMap(toModelValue)
    const making = { integers: integersOf(model), symbols: await symbolsOf(model) }
    const found = []
    let failure
    for (const [run, sizes] of SIZES.entries()) {
      const feeds = alikeHeads(makeUp(inputs, { ...making, sizes, run }))
      if (found.some((other) => run > 2 && shapesOf(other) === shapesOf(feeds))) continue
      try {
        const results = await session.run(tensorsOf(feeds))
        if (Object.values(results).some((tensor) => hasNumbers(valuesOf(tensor)))) found.push(feeds)
      } catch (error) {
        failure = error
      }
      if (found.length === 2) break
    }
    if (found.length === 0) throw failure ?? new Error('its outputs hold no finite number')
    return found
  } finally {
    await session.release()
  }
}

const shapesOf = (feeds) => JSON.stringify(Object.values(feeds).map(({ shape }) => shape))
const hasNumbers = (values) => values.length > 0 && values.some(Number.isFinite)

/** What a model gives for each of some inputs: { type, shape, values } by name, of its outputs and of what is named besides. */
export async function runModel(model, feeds, names = []) {
  const session = await sessionOf(exposing(model, names))
  try {
    const runs = []
    for (const each of feeds) runs.push(await runOnce(session, each))
    return runs
  } finally {
    await session.release()
  }
}

async function runOnce(session, feeds) {
  const expected = new Map(session.inputMetadata.map((input) => [input.name, input]))
  const own = Object.entries(feeds).flatMap(([name, array]) => {
    const input = expected.get(name)
    return input === undefined ? [] : [[name, fitted(name, array, input.shape)]]
  })
  const results = await session.run(tensorsOf(Object.fromEntries(own)))
  return new Map(
    Object.entries(results).map(([name, tensor]) => [name, { type: tensor.type, shape: tensor.dims, values: valuesOf(tensor) }]),
  )
}

const isCache = (name, { shape }) => /past/i.test(name) && shape.length === 4

/** Caches with the same keys and values in every head: then any of the heads may go. */
function alikeHeads(feeds) {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, array]) => {
      if (!isCache(name, array)) return [name, array]
      const [, heads, length, size] = array.shape
      const data = array.data.map((_, i) => {
        const head = length * size
        return array.data[Math.floor(i / (heads * head)) * heads * head + (i % head)]
      })
      return [name, { ...array, data }]
    }),
  )
}

/** The part of a cache that belongs to fewer heads. */
function fitted(name, array, shape) {
  const heads = shape[1]
  if (!isCache(name, array) || typeof heads !== 'number' || heads === array.shape[1]) return array
  const [batch, all, length, size] = array.shape
  const data = array.data.filter((_, i) => Math.floor(i / (length * size)) % all < heads)
  return { ...array, shape: [batch, heads, length, size], data }
}

function exposing(model, names) {
  const { graph } = model
  const there = new Set(graph.outputs.map(({ name }) => name))
  const more = names.filter((name) => !there.has(name)).map((name) => makeValueInfo({ name }))
  return editModel(model, { graph: editGraph(graph, { outputs: [...graph.outputs, ...more] }) })
}

function tensorsOf(feeds) {
  return Object.fromEntries(Object.entries(feeds).map(([name, array]) => [name, toTensor(ort, array)]))
}

function valuesOf({ type, data }) {
  if (type === 'float16') return float16ToFloat32(data)
  if (type === 'string') return []
  return data instanceof BigInt64Array || data instanceof BigUint64Array ? Float64Array.from(data, Number) : data
}

/** Largest difference of two runs ÷ the largest number of the output; Infinity where shapes differ or NaN stands elsewhere. Outputs that have another shape by right are named. */
export function apart(expected, actual, { names, isFree = () => false }) {
  let worst = 0
  let compared = 0
  for (const name of names) {
    const [a, b] = [expected.get(name), actual.get(name)]
    if (b === undefined) return { worst: Number.POSITIVE_INFINITY, compared }
    if (a.shape.join() !== b.shape.join()) {
      if (isFree(name)) continue
      return { worst: Number.POSITIVE_INFINITY, compared }
    }
    compared++
    worst = Math.max(worst, difference(a.values, b.values))
  }
  return { worst, compared }
}

function difference(a, b) {
  let most = 0
  let largest = 0
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [Number(a[i]), Number(b[i])]
    if (Object.is(x, y)) {
      if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x))
      continue
    }
    if (!Number.isFinite(x) || !Number.isFinite(y)) return Number.POSITIVE_INFINITY
    most = Math.max(most, Math.abs(x - y))
    largest = Math.max(largest, Math.abs(x))
  }
  return most === 0 ? 0 : largest === 0 ? most : most / largest
}
