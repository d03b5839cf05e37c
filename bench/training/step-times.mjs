// node bench/training/step-times.mjs [--threads 2] [--steps 12] [model …]: milliseconds of a training step (forward, backward, optimiser) and peak memory of the process, beside PyTorch on this machine where
// /usr/bin/python3 has torch and ../shared/peers is there (OMP_NUM_THREADS as --threads; take the OpenMP build of OpenBLAS, or the comparison is unfair). Numbers of samples are made up: only shapes count.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openModel } from '@pare/onnx'
import { retrain } from '@pare/retrain'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = existsSync(`${root}../shared/models`) ? `${root}../shared/models` : `${root}test-models`
const peers = `${root}../shared/peers`
const out = `${root}bench/out/step-times`
const { values, positionals } = parseArgs({
  options: { threads: { type: 'string', default: '2' }, steps: { type: 'string', default: '12' } },
  allowPositionals: true,
})
const [threads, steps] = [Number(values.threads), Number(values.steps)]

const tokens = (length, below) => (i) => Array.from({ length }, (_, t) => ((i * 7919 + t * 104729) % (below - 1)) + 1)
const image = (i) => [Array.from({ length: 28 }, (_, y) => Array.from({ length: 28 }, (_, x) => Math.sin(i + y * 0.7 + x * 1.3)))]
/** [model, batch, optimiser, sample number i, how step_times.py calls it]. */
const cases = [
  ['lm-llama', 4, 'adamw', (i) => ({ input_ids: tokens(128, 2048)(i) }), 'lm-llama B=4'],
  ['lm-llama', 16, 'adamw', (i) => ({ input_ids: tokens(128, 2048)(i) }), 'lm-llama B=16'],
  ['mnist-resnet20-bn', 64, 'sgd', (i) => ({ input: image(i), label: i % 10 }), 'mnist-resnet20 B=64'],
  ['mnist-mobilenet-bn', 64, 'sgd', (i) => ({ input: image(i), label: i % 10 }), 'mnist-mobilenet B=64'],
  [
    'kjv-bert',
    32,
    'adamw',
    (i) => ({ input_ids: tokens(96, 2048)(i), attention_mask: Array(96).fill(1), label: i % 6 }),
    'kjv-bert B=32',
  ],
].filter(([model]) => positionals.length === 0 || positionals.some((part) => model.includes(part)))

await mkdir(out, { recursive: true })
const ours = []
for (const [model, batch, optimizer, sample] of cases) ours.push(await step(model, { batch, optimizer, sample }))
const theirs = torch()
console.log(`| model, batch, ${threads} threads | ms a step | PyTorch | ratio | peak MB |\n|---|---|---|---|---|`)
for (const [i, [model, batch, , , name]] of cases.entries()) {
  const { ms, peak } = ours[i]
  const other = theirs.get(name)
  const row = [
    `${model}, ${batch}`,
    ms.toFixed(1),
    other?.toFixed(1) ?? '',
    other ? (ms / other).toFixed(2) : '',
    Math.round(peak / 1e6),
  ]
  console.log(`| ${row.join(' | ')} |`)
}
await rm(out, { recursive: true })

async function step(name, { batch, optimizer, sample }) {
  const data = `${out}/${name}.jsonl`
  await writeFile(data, Array.from({ length: 2 * batch }, (_, i) => `${JSON.stringify(sample(i))}\n`).join(''))
  const file = await openModel(`${folder}/${name}.onnx`)
  const options = { data, batch, optimizer, steps, threads, holdOut: 0, learningRate: 1e-4, evaluateEvery: steps }
  const { msPerStep, peakMemoryBytes } = await retrain(file.model, options)
  await file[Symbol.asyncDispose]()
  return { ms: msPerStep, peak: peakMemoryBytes }
}

/** Milliseconds by name. Empty where there is no PyTorch. */
function torch() {
  if (!existsSync(`${peers}/step_times.py`)) return new Map()
  const { OPENBLAS_CORETYPE: _, ...env } = process.env
  const { stdout } = spawnSync('/usr/bin/python3', ['step_times.py', String(threads)], {
    cwd: peers,
    env: { ...env, OMP_NUM_THREADS: String(threads), PYTHONDONTWRITEBYTECODE: '1' },
    encoding: 'utf8',
  })
  return new Map(
    [...(stdout ?? '').matchAll(/threads=\d+ (\S+ B=\d+).*?train step median ([\d.]+) ms/g)].map(([, name, ms]) => [
      name,
      Number(ms),
    ]),
  )
}
