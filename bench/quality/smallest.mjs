// node bench/quality/smallest.mjs [name …] [--seeds 1,2] [--minutes 10]: the smallest model that passes, where several steps share one ratio and where each has its own, found by one search on half of the evaluation data, and judged
// once on the other half. Zipped bytes; `even` is the smallest that passes on the search data with the same ratio in all steps.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = `${root}bench/out/smallest`
const maxDrop = { target: { maxDrop: 0.01 } }
const step = (structure, others = {}) => ({ structure, ...maxDrop, ...others })
const models = {
  'kjv-bert': { data: 'kjv', prune: [step('head'), step('neuron'), step('element')] },
  'mnist-resnet20-folded': { data: 'mnist', prune: [step('channel'), step('element')] },
  'mnist-mobilenet-folded': { data: 'mnist', prune: [step('channel'), step('element')] },
}

const options = { seeds: '1', minutes: '10' }
const names = []
for (let at = 2; at < process.argv.length; at++) {
  const own = process.argv[at]
  if (own.startsWith('--')) options[own.slice(2)] = process.argv[++at]
  else names.push(own)
}
console.log(
  '| model | seed | reference | even | each its own | smaller | gate: drop | verdict | trials | seconds |\n|---|---|---|---|---|---|---|---|---|---|',
)
for (const [name, { data, prune }] of Object.entries(models))
  if (names.length === 0 || names.includes(name))
    for (const seed of options.seeds.split(',')) row(name, { data, prune, seed: Number(seed) })
rmSync(folder, { recursive: true, force: true })

function row(name, { data, prune, seed }) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const config = {
    models: [{ path: `${root}test-models/${name}.onnx` }],
    ...{ prune, seed, recover: 'none', baselines: false },
    evaluate: { data: `${root}test-models/data/${data}-evaluate.npz`, metric: 'accuracy' },
    search: { minutes: Number(options.minutes) },
  }
  writeFileSync(`${folder}/pare.config.json`, JSON.stringify(config))
  const args = ['run', '--config', `${folder}/pare.config.json`, '--out', `${folder}/out`, '--json', '--quiet']
  const { stdout, stderr, status } = spawnSync(process.execPath, [`${root}packages/cli/bin/pare.js`, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  if (status > 1) throw new Error(`pare run of ${name} ended with ${status}: ${stderr}`)
  const [{ smallest, drop, verdict }] = JSON.parse(stdout).models
  const { tried, chosen, even, reference, seconds } = smallest
  const found = (one) =>
    tried.find((other) => String(other.ratios ?? other.ratio) === String(one.ratios ?? one.ratio) && other.bits === one.bits)
  const said = (one) =>
    one === undefined
      ? '–'
      : `${(found(one).size.zippedBytes / 1e3).toFixed(0)} kB (${(one.ratios ?? [one.ratio]).join(' / ')}, ${one.bits})`
  const smaller =
    even === undefined ? '–' : `${(100 * (1 - found(chosen).size.zippedBytes / found(even).size.zippedBytes)).toFixed(1)} %`
  const cells = [
    name,
    seed,
    `${(reference.zippedBytes / 1e3).toFixed(0)} kB`,
    said(even),
    said(chosen),
    smaller,
    drop?.value.toFixed(4) ?? '–',
    verdict,
    tried.length,
    seconds.toFixed(0),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}
