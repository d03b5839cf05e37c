// node bench/training/retrain.mjs [--threads N] [text …]: quality of test models pruned, and retrained, beside what PyTorch code gave with as many steps; only rows whose label holds a text that is given. Needs the models and
// data of ../shared/models, or takes test-models (lm-llama then trains on its 256 calibration windows).
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { applyPlan, makePlan } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { evaluate } from '@pare/evaluate'
import { openModel, writeModel } from '@pare/onnx'
import { sparsities } from '@pare/retrain'
import { channel } from '@pare/structure-channel'
import { element } from '@pare/structure-element'
import { retrainModel } from '../../packages/cli/dist/pipeline/steps/retrain.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = existsSync(`${root}../shared/models`) ? `${root}../shared/models` : `${root}test-models`
const out = `${root}bench/out/retrain`
const seed = 1
const text = { name: 'lm', train: existsSync(`${folder}/data/lm-train.npz`) ? 'lm-train' : 'lm-calibrate', metric: 'perplexity' }
const images = { name: 'mnist', train: 'mnist-calibrate', metric: 'accuracy' }
const kinds = { 'lm-llama': text, 'mnist-resnet20-bn': images }

const masked = (sparsity) => ({ structure: element(), criterion: magnitude(), scope: 'global', target: { sparsity } })
const projections = (sparsity) => ({ ...masked(sparsity), exclude: ['/lm_head/*'] })
const cut = (ratio) => ({ structure: channel(), criterion: magnitude(), scope: 'group', target: { ratio } })
const epochs = { epochs: 4, batch: 64 }
const steps = { steps: 150, batch: 16 }
/** [model, step at a target, target, how it is retrained, what PyTorch gave, stages]. */
const rows = [
  ['mnist-resnet20-bn', masked, 0.9, epochs, 0.9855],
  ['mnist-resnet20-bn', masked, 0.95, epochs, 0.982],
  ['mnist-resnet20-bn', masked, 0.98, epochs, 0.964],
  ['mnist-resnet20-bn', cut, 0.5, epochs, 0.983],
  ['lm-llama', projections, 0.7, steps, 27.9],
  ['lm-llama', projections, 0.8, steps, 30.47],
].flatMap((row) => [row, withDistillation(row), [...row, 5]])

await rm(out, { recursive: true, force: true })
await mkdir(out, { recursive: true })
const { values, positionals: wanted } = parseArgs({ options: { threads: { type: 'string' } }, allowPositionals: true })
console.log(
  '| model, what goes, how | whole | pruned | retrained | PyTorch | steps | ms a step | peak MB |\n|---|---|---|---|---|---|---|---|',
)
for (const [model, step, target, how, peer, stages = 1] of rows) {
  const what = step === cut ? 'of the channels' : 'of the weights'
  const label = `${model}, ${target * 100} % ${what}${how.distill ? ', distilled' : ''}${stages > 1 ? `, ${stages} stages` : ''}`
  if (wanted.length > 0 && !wanted.some((part) => label.includes(part))) continue
  await measure(label, { model, step, target, how, peer, stages })
}
await rm(out, { recursive: true })

function withDistillation([model, step, target, how, peer]) {
  return [model, step, target, { ...how, distill: true }, peer]
}

async function measure(label, { model, step, target, how, peer, stages }) {
  const data = kinds[model]
  const file = await openModel(`${folder}/${model}.onnx`)
  const targets = stages === 1 ? [target] : sparsities({ to: target, steps: stages })
  let current = file.model
  let pruned
  const trainings = []
  for (const [i, goal] of targets.entries()) {
    // What a cut model loses is counted from what is left.
    const share = step === cut && i > 0 ? 1 - (1 - goal) / (1 - targets[i - 1]) : goal
    const { steps } = await makePlan(current, [step(share)], { seed })
    current = await applyPlan(current, { seed, steps })
    if (stages === 1) pruned = current
    const trained = await retrainModel(
      {
        ...{ reference: file.model, pruned: current, seed, engine: {}, state: `${out}/state`, stage: '' },
        training: {
          data: `${folder}/data/${data.train}.npz`,
          trusted: true,
          ...(values.threads && { threads: Number(values.threads) }),
        },
        retrain: shareOf(how, i, stages),
        removed: step === cut ? 1 - (1 - goal) ** 2 : goal,
      },
      { signal: new AbortController().signal, progress: told(label), label, engine: {} },
    )
    current = await applyPlan(current, { seed, steps: trained.steps })
    trainings.push(trained.facts)
  }
  const found = [await quality(file.model, data), pruned && (await quality(pruned, data)), await quality(current, data)]
  await file[Symbol.asyncDispose]()
  const last = trainings.at(-1)
  const all = trainings.reduce((sum, { steps }) => sum + steps, 0)
  const numbers = [
    ...found.map((value) => value?.toFixed(4) ?? ''),
    peer,
    all,
    last.msPerStep.toFixed(1),
    Math.round(last.peakMemoryBytes / 1e6),
  ]
  console.log(`| ${[label, ...numbers].join(' | ')} |`)
}

/** Half of the training for the last stage. */
function shareOf({ steps, epochs, ...how }, stage, stages) {
  const share = stages === 1 ? 1 : stage === stages - 1 ? 0.5 : 0.5 / (stages - 1)
  return { ...how, ...(steps ? { steps: Math.round(steps * share) } : { epochs: epochs * share }) }
}

function told(label) {
  let last = performance.now()
  const update = (done, total, text) => {
    if (performance.now() - last < 30_000) return
    last = performance.now()
    console.error(`${label}: ${text ?? `${done} of ${total}`}`)
  }
  return { begin: () => ({ update, end: () => {} }), note: () => {} }
}

async function quality(model, { name, metric }) {
  const path = `${out}/model.onnx`
  await writeModel(model, path)
  const { metrics } = await evaluate({ model: path, data: `${folder}/data/${name}-evaluate.npz`, metrics: [metric] })
  return metrics[metric]
}
