// node bench/training/from-random.mjs [--epochs 12] [--threads N] [model …]: accuracy of models trained from random weights with @pare/retrain alone, beside what they were published with. Needs the models and data of ../shared/models, or takes test-models.
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { applyPlan } from '@pare/core'
import { evaluate } from '@pare/evaluate'
import { bytesOf, editTensor, makePayload, openModel, withTensors, writeModel } from '@pare/onnx'
import { retrainModel } from '../../packages/cli/dist/pipeline/steps/retrain.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = existsSync(`${root}../shared/models`) ? `${root}../shared/models` : `${root}test-models`
const out = `${root}bench/out/from-random`
const { values, positionals: wanted } = parseArgs({
  options: { epochs: { type: 'string' }, threads: { type: 'string' } },
  allowPositionals: true,
})
/** [model, data, accuracy it was published with, how it is trained]. */
const rows = [
  ['mlp-digits', 'digits', 0.9778, { epochs: 40, learningRate: 2e-3 }],
  ['mnist-resnet20-bn', 'mnist', 0.984, { epochs: 12, learningRate: 5e-3 }],
].filter(([model]) => wanted.length === 0 || wanted.some((part) => model.includes(part)))

const silent = { begin: () => ({ update: () => {}, end: () => {} }), note: () => {} }
await mkdir(out, { recursive: true })
console.log('| model | random | trained | published | steps | ms a step |\n|---|---|---|---|---|---|')
for (const [name, data, published, how] of rows) {
  const file = await openModel(`${folder}/${name}.onnx`)
  const start = untrained(file.model)
  const job = {
    ...{ reference: file.model, pruned: start, seed: 1, engine: {}, state: `${out}/state`, stage: '', removed: 0 },
    training: { data: `${folder}/data/${data}-calibrate.npz`, ...(values.threads && { threads: Number(values.threads) }) },
    retrain: { ...how, ...(values.epochs && { epochs: Number(values.epochs) }) },
  }
  const { steps, facts } = await retrainModel(job, {
    signal: new AbortController().signal,
    progress: silent,
    label: name,
    engine: {},
  })
  const end = await applyPlan(start, { seed: 1, steps })
  const accuracy = [await accuracyOf(start, data), await accuracyOf(end, data)]
  const numbers = [...accuracy.map((each) => each.toFixed(4)), published, facts.steps, facts.msPerStep.toFixed(1)]
  console.log(`| ${[name, ...numbers].join(' | ')} |`)
  await file[Symbol.asyncDispose]()
}
await rm(out, { recursive: true })

/** Weights as He et al. 2015 begin with (arXiv 1502.01852), vectors as a new layer has them: 1 for scales and variances, 0 for the rest. */
function untrained(model) {
  const ones = new Set(
    model.graph.nodes.filter(({ op }) => op === 'BatchNormalization').flatMap(({ inputs }) => [inputs[1], inputs[4]]),
  )
  const next = random()
  return withTensors(model, (tensor) => {
    if (tensor.type !== 'float32') return tensor
    const { shape } = tensor
    const size = shape.reduce((a, b) => a * b, 1)
    const spread = Math.sqrt(2 / shape.slice(1).reduce((a, b) => a * b, 1))
    const value = shape.length > 1 ? () => spread * next() : () => (ones.has(tensor.name) ? 1 : 0)
    return withValues(tensor, Float32Array.from({ length: size }, value))
  })
}

function withValues(tensor, values) {
  return editTensor(tensor, { data: makePayload(bytesOf('float32', values)) })
}

async function accuracyOf(model, data) {
  const path = `${out}/model.onnx`
  await writeModel(model, path)
  const { metrics } = await evaluate({ model: path, data: `${folder}/data/${data}-evaluate.npz`, metrics: ['accuracy'] })
  return metrics.accuracy
}

/** Normal numbers (Box and Muller) from a fixed seed. */
function random() {
  let state = 1
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state + 0.5) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}
