// node bench/structure.mjs [known] [growth] [--nodes 10000,100000] [--runs 3] [--processor]: how long it takes to find what goes together, to score, to cut half of the units, and to write.
// --processor: processor time of the process instead of the clock's, for machines that others use too.
import { mkdir, rm, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { analyseUnits, applyPlan, countMacs, countParameters, makePlan } from '@pare/core'
import magnitude from '@pare/criterion-magnitude'
import { editModel, writeModel } from '@pare/onnx'
import channel from '@pare/structure-channel'
import expert from '@pare/structure-expert'
import neuron from '@pare/structure-neuron'
import { deepMixture, deepResidual, deepTransformer, densenet121, resnet50, vgg16 } from './models/architectures.mjs'

const RUNS = 5
const folder = fileURLToPath(new URL('out/', import.meta.url))
const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    nodes: { type: 'string', default: '1000,2000,5000,10000,20000,100000' },
    runs: { type: 'string', default: '3' },
    processor: { type: 'boolean', default: false },
  },
})
if (wanted.length === 0 || wanted.includes('known')) await known()
if (wanted.length === 0 || wanted.includes('growth')) await growth()

async function known() {
  await mkdir(folder, { recursive: true })
  const rows = []
  for (const make of [resnet50, densenet121, vgg16]) {
    const model = make()
    const runs = []
    for (let i = 0; i < RUNS; i++) runs.push(await timed(model, channel(), 0.5))
    const { pruned } = runs[0]
    const path = `${folder}structure.onnx`
    const [write] = await clock(() => writeModel(pruned, path))
    const cell = (key) => `${ms(runs[0][key])} / ${ms(median(runs.map((run) => run[key])))}`
    rows.push({
      model: make.name,
      nodes: model.graph.nodes.length,
      parameters: `${await millions(model)} → ${await millions(pruned)} M`,
      MACs: `${macs(await countMacs(model))} → ${macs(await countMacs(pruned))} M`,
      'analysis, first / median ms': cell('analysis'),
      'scoring and choosing': cell('plan'),
      cutting: cell('cut'),
      'all three': cell('total'),
      'write ms': `${ms(write)} (${((await stat(path)).size / 1e6).toFixed(1)} MB)`,
    })
    await rm(path)
  }
  console.table(rows)
}

async function growth() {
  const rows = []
  for (const [make, structure] of [
    [deepResidual, channel()],
    [deepTransformer, neuron()],
    [deepMixture, expert()],
  ]) {
    for (const nodes of values.nodes.split(',').map(Number)) {
      const model = make(nodes)
      const count = model.graph.nodes.length
      const runs = []
      for (let i = 0; i < Number(values.runs); i++) runs.push(await timed(model, structure, 0.5))
      const cell = (key) => {
        const time = median(runs.map((run) => run[key]))
        return `${ms(time)} (${((1000 * time) / count).toFixed(0)})`
      }
      const row = { model: make.name, nodes: count, 'analysis ms (µs a node)': cell('analysis') }
      rows.push({ ...row, 'scoring and choosing': cell('plan'), cutting: cell('cut') })
    }
  }
  console.table(rows)
}

/** Milliseconds of each phase on a model that nothing is remembered of. */
async function timed(original, structure, ratio) {
  const model = editModel(original, {})
  const [analysis] = await clock(() => analyseUnits(model))
  const step = { structure, criterion: magnitude(), target: { ratio } }
  const [plan, planned] = await clock(() => makePlan(model, [step], { seed: 1 }))
  const [cut, pruned] = await clock(() => applyPlan(model, { seed: 1, steps: planned.steps }))
  return { analysis, plan, cut, total: analysis + plan + cut, pruned }
}

async function clock(work) {
  const start = now()
  const result = await work()
  return [now() - start, result]
}

function now() {
  if (!values.processor) return performance.now()
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

async function millions(model) {
  return ((await countParameters(model)).elements / 1e6).toFixed(2)
}

function ms(milliseconds) {
  return milliseconds.toFixed(milliseconds < 10 ? 1 : 0)
}

function macs(count) {
  return count === null ? '?' : (count / 1e6).toFixed(0)
}
