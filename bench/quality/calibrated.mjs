// node bench/quality/calibrated.mjs: perplexity of lm-llama pruned by what its weights meet in calibration data, beside what PyTorch code gave for the same model,
// data and tensors; then the best recipe. Calibration: the first 128 rows of lm-calibrate (128 × 128 tokens), the recipe all 256.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const out = `${root}bench/out/calibrated`
const shared = `${root}../shared/models/`
const models = existsSync(shared) ? shared : `${root}test-models/`
const model = `${models}lm-llama.onnx`
const calibrate = ['--calibrate', `${models}data/lm-calibrate.npz`]
const first = [...calibrate, '--samples', '128']
const sparsities = ['0.5', '0.6', '0.7', '0.8']
mkdirSync(out, { recursive: true })

console.log(`${''.padEnd(44)}${[...sparsities, '2:4'].map((s) => s.padStart(8)).join('')}`)
row('magnitude in each row, published', [27.181, 29.191, 35.126, 56.27])
row('magnitude in each row, the same counts', sparsities.map(magnitudeInRows))
row('Wanda, published (59.79, 69.92, 79.75 %)', [26.812, 28.438, 33.054, 49.577, 28.631])
row('Wanda, one pass, exact counts', measured(['--criterion', 'wanda', ...first], true))
row('Wanda, block by block', measured(['--criterion', 'wanda', '--sequential', ...first], true))
row('SparseGPT, published', [26.479, 27.68, 31.091, 42.132, 27.485])
row("SparseGPT, the paper's options", measured(['--criterion', 'sparsegpt:damping=0.01,block=128', ...first], true))
row('SparseGPT, the defaults', measured(['--criterion', 'sparsegpt', ...first], true))
const curves = ['sensitivity', model, '--data', calibrate[1], '--exclude', '/lm_head/*', '--sparsities', '0.5,0.6,0.7,0.8,0.9']
writeFileSync(`${out}/curves.json`, JSON.stringify(pare(curves)))
row(
  'SparseGPT, spread by measured curves',
  measured(['--criterion', 'sparsegpt', '--allocation', `${out}/curves.json`, ...calibrate], false),
)
rmSync(out, { recursive: true })

/** At each sparsity; with 2:4 too where that leaves a choice. */
function measured(options, pattern) {
  const found = sparsities.map((sparsity) => perplexity([...options, '--sparsity', sparsity]))
  return pattern ? [...found, perplexity([...options, '--structure', '2:4'])] : found
}

/** floor(in × sparsity) elements of each row: projections down have 688 inputs, all others 256. */
function magnitudeInRows(sparsity) {
  const share = (inputs) => String(Math.floor(inputs * Number(sparsity)) / inputs)
  const down = '/layers.*/mlp/down_proj/**'
  pare(['prune', model, '--scope', 'row', '--sparsity', share(688), '--include', down, '--out', `${out}/down`])
  pare([
    'prune',
    `${out}/down/lm-llama.onnx`,
    '--scope',
    'row',
    '--sparsity',
    share(256),
    '--exclude',
    '/lm_head/*',
    '--exclude',
    down,
    '--out',
    out,
  ])
  return evaluated()
}

function perplexity(options) {
  pare(['prune', model, '--exclude', '/lm_head/*', ...options, '--out', out])
  return evaluated()
}

function evaluated() {
  const data = ['--data', `${models}data/lm-evaluate.npz`, '--metric', 'perplexity']
  return pare(['evaluate', `${out}/lm-llama.onnx`, ...data]).metrics.perplexity
}

function row(name, values) {
  console.log(name.padEnd(44) + values.map((value) => value.toFixed(3).padStart(8)).join(''))
}

function pare(args) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [`${root}packages/cli/dist/main.js`, ...args, '--json', '--quiet'],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`pare ${args.join(' ')}: ${stderr}`)
  return JSON.parse(stdout)
}
