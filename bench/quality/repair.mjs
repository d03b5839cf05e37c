// node bench/quality/repair.mjs [name …]: quality of test models pruned, and repaired with 512 samples of their calibration data, beside what was asked for.
// Needs the models and data of ../shared/models, or takes test-models.
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { applyPlan, makePlan, repair } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { evaluate } from '@pare/evaluate'
import { openModel, writeModel } from '@pare/onnx'
import { channel } from '@pare/structure-channel'
import { element } from '@pare/structure-element'
import { head } from '@pare/structure-head'
import { neuron } from '@pare/structure-neuron'
import { forwardOver } from '../../packages/cli/dist/engine/forward.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = existsSync(`${root}../shared/models`) ? `${root}../shared/models` : `${root}test-models`
const out = `${root}bench/out/repair`
const seed = 1

const global = (sparsity) => ({ structure: element(), criterion: magnitude(), scope: 'global', target: { sparsity } })
const cut = (structure) => ({ structure, criterion: magnitude(), scope: 'group', target: { ratio: 0.5 } })
const rows = [
  ['mnist-resnet20-bn', '70 % of the weights', global(0.7)],
  ['mnist-resnet20-bn', '80 % of the weights', global(0.8)],
  ['mnist-resnet20-bn', '90 % of the weights', global(0.9)],
  ['mnist-resnet20-folded', '70 % of the weights', global(0.7)],
  ['mnist-resnet20-folded', '80 % of the weights', global(0.8)],
  ['mnist-resnet20-folded', '90 % of the weights', global(0.9)],
  ['mnist-resnet20-folded', '70 % of the weights, lamp', { ...global(0.7), normalize: 'lamp' }],
  ['mnist-resnet20-folded', '80 % of the weights, lamp', { ...global(0.8), normalize: 'lamp' }],
  ['mnist-resnet20-folded', '90 % of the weights, lamp', { ...global(0.9), normalize: 'lamp' }],
  ['mnist-mobilenet-bn', '50 % of the weights', global(0.5)],
  ['mnist-mobilenet-folded', '50 % of the weights', global(0.5)],
  ['mnist-resnet20-bn', 'half of the channels', cut(channel())],
  ['mnist-resnet20-folded', 'half of the channels', cut(channel())],
  ['mnist-mobilenet-bn', 'half of the channels', cut(channel())],
  ['mnist-mobilenet-folded', 'half of the channels', cut(channel())],
  ['kjv-bert', 'half of the neurons', cut(neuron())],
  ['kjv-bert', 'half of the heads', cut(head())],
  ['kjv-bert', '70 % of the weights', global(0.7)],
  ['lm-llama', '70 % of the weights', { ...global(0.7), exclude: ['/lm_head/*'] }],
  ['lm-llama', 'half of the neurons', cut(neuron())],
]

await mkdir(out, { recursive: true })
const wanted = process.argv.slice(2)
for (const [model, what, step] of rows) {
  const label = `${model}, ${what}`
  if (wanted.length > 0 && !wanted.some((part) => label.includes(part))) continue
  const file = await openModel(`${folder}/${model}.onnx`)
  const data = dataOf(model)
  const { steps } = await makePlan(file.model, [step], { seed })
  const pruned = await applyPlan(file.model, { seed, steps })
  const start = performance.now()
  const forward = forwardOver({ data: `${folder}/data/${data.name}-calibrate.npz`, samples: 512 })
  const { step: update, ...counts } = await repair(file.model, pruned, { steps, seed, forward })
  const seconds = (performance.now() - start) / 1000
  const after = await applyPlan(pruned, { seed, steps: [update] })
  const found = [await quality(file.model, data), await quality(pruned, data), await quality(after, data)]
  const { batchNormalizations, matched, refit } = counts
  await file[Symbol.asyncDispose]()
  console.log(
    `| ${label} | ${found.map((value) => value.toFixed(4)).join(' | ')} | ${batchNormalizations}, ${matched}, ${refit} | ${seconds.toFixed(1)} |${update.notes.length > 0 ? ` ${update.notes.length} notes: ${update.notes[0]}` : ''}`,
  )
}
await rm(out, { recursive: true })

function dataOf(model) {
  if (model.startsWith('mnist')) return { name: 'mnist', metric: 'accuracy' }
  return model === 'lm-llama' ? { name: 'lm', metric: 'perplexity' } : { name: 'kjv', metric: 'accuracy' }
}

async function quality(model, { name, metric }) {
  const path = `${out}/model.onnx`
  await writeModel(model, path)
  const { metrics } = await evaluate({ model: path, data: `${folder}/data/${name}-evaluate.npz`, metrics: [metric] })
  return metrics[metric]
}
