// node bench/quality/closed-form.mjs [--draws 3] [--only alps,wanda]: perplexity of lm-llama pruned without training by criteria that look at data, beside each other in
// one run, with processor seconds (starting processes, calibration and evaluation of nothing included; those of 70 %, or of 2:4). A draw is 128 rows of the
// calibration data: the first, the last, every second. With one draw a cell is a number, with more the mean and the range.
// node bench/quality/closed-form.mjs --units [--only wanda,osscar] [--rows heads]: half of the units of the test models by each criterion, repaired with the first 512
// samples of their calibration data (lm-llama: 128), with processor seconds of everything, repair, training block by block where it follows, and proof included.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openData } from '@pare/evaluate'

const { values: options } = parseArgs({
  options: {
    draws: { type: 'string', default: '3' },
    only: { type: 'string' },
    units: { type: 'boolean', default: false },
    rows: { type: 'string', default: '' },
  },
})
const root = fileURLToPath(new URL('../..', import.meta.url))
const out = `${root}bench/out/closed-form`
const models = [`${root}../shared/models/`, `${root}test-models/`].find((folder) => existsSync(`${folder}lm-llama.onnx`))
const model = `${models}lm-llama.onnx`
const ROWS = 128
const LEVELS = ['0.5', '0.6', '0.7', '0.8'].map((sparsity) => ['--sparsity', sparsity])
const PATTERNS = ['2:4', '6:8'].map((pattern) => ['--structure', pattern])
const METHODS = [
  { name: 'Wanda', key: 'wanda', rule: ['--criterion', 'wanda'], targets: [...LEVELS, ...PATTERNS] },
  { name: 'SparseGPT', key: 'sparsegpt', rule: ['--criterion', 'sparsegpt'], targets: [...LEVELS, ...PATTERNS] },
  { name: 'ALPS', key: 'alps', rule: ['--criterion', 'alps'], targets: [...LEVELS, ...PATTERNS] },
  { name: 'Wanda, spread by fisher', key: 'wanda-fisher', rule: ['--criterion', 'wanda'], targets: LEVELS, spread: 'fisher' },
  {
    name: 'SparseGPT, spread by fisher',
    key: 'sparsegpt-fisher',
    rule: ['--criterion', 'sparsegpt'],
    targets: LEVELS,
    spread: 'fisher',
  },
  { name: 'ALPS, spread by fisher', key: 'alps-fisher', rule: ['--criterion', 'alps'], targets: LEVELS, spread: 'fisher' },
  {
    name: 'ALPS, then block by block',
    key: 'alps-blocks',
    rule: ['--criterion', 'alps', '--recover', 'blocks'],
    targets: LEVELS.slice(2),
    first: 2,
  },
  {
    name: 'SparseGPT, then block by block',
    key: 'sparsegpt-blocks',
    rule: ['--criterion', 'sparsegpt', '--recover', 'blocks'],
    targets: LEVELS.slice(2),
    first: 2,
  },
  // Solves every layer at seven sparsities: some ten times the time of the row above.
  {
    name: 'ALPS, searched',
    key: 'alps-search',
    rule: ['--criterion', 'alps'],
    targets: LEVELS.slice(2),
    first: 2,
    spread: 'search',
  },
]

/** Model, what goes, data, and training data. */
const UNITS = [
  ['lm-llama', 'neuron', 'lm', 'lm-calibrate', 'perplexity', '128'],
  ['kjv-bert', 'neuron', 'kjv', 'kjv-train', 'accuracy', '512'],
  ['kjv-bert', 'head', 'kjv', 'kjv-train', 'accuracy', '512'],
  ['mnist-resnet20-bn', 'channel', 'mnist', 'mnist-calibrate', 'accuracy', '512'],
  ['mnist-resnet20-folded', 'channel', 'mnist', 'mnist-calibrate', 'accuracy', '512'],
  ['mnist-mobilenet-bn', 'channel', 'mnist', 'mnist-calibrate', 'accuracy', '512'],
  ['mnist-mobilenet-folded', 'channel', 'mnist', 'mnist-calibrate', 'accuracy', '512'],
]
const JUDGES = [
  { key: 'magnitude' },
  { key: 'wanda' },
  { key: 'gradient', trained: true },
  { key: 'osscar' },
  { key: 'osscar-blocks', name: 'osscar', recover: 'repair,blocks' },
  { key: 'osscar-felt', name: 'osscar', trained: true },
  { key: 'osscar-global', name: 'osscar', trained: true, more: ['--scope', 'global'] },
]

mkdirSync(out, { recursive: true })
if (options.units) {
  const judges = JUDGES.filter(({ key }) => options.only === undefined || options.only.split(',').includes(key))
  console.log(`| | ${judges.map(({ key }) => `${key} | s`).join(' | ')} |\n|---|${'---|---|'.repeat(judges.length)}`)
  for (const row of UNITS.filter((each) => each.join(' ').includes(options.rows))) {
    const cells = judges.map((judge) => unitsCut(row, judge))
    console.log(
      `| ${row[0]}, half of the ${row[1]}s | ${cells.map(({ value, seconds }) => `${value.toFixed(4)} | ${seconds.toFixed(0)}`).join(' | ')} |`,
    )
  }
  rmSync(out, { recursive: true })
  process.exit()
}
const draws = await drawn(Number(options.draws))
console.log('| | 50 % | 60 % | 70 % | 80 % | 2:4 | 6:8 | processor s |\n|---|---|---|---|---|---|---|---|')
for (const { name, key, rule, targets, first = 0, spread } of METHODS) {
  if (options.only !== undefined && !options.only.split(',').includes(key)) continue
  const cells = targets.map((target) => draws.map((data) => pruned(rule, { target, data, spread })))
  const before = Array(first).fill('')
  const empty = Array(LEVELS.length + PATTERNS.length - first - targets.length).fill('')
  const seconds = cells[2 - first].map(({ seconds }) => seconds)
  const trials = cells[2 - first][0].trials
  const shown = cells.map((cell) =>
    mean(
      cell.map(({ perplexity }) => perplexity),
      3,
    ),
  )
  const times = trials === undefined ? mean(seconds, 0) : `${mean(seconds, 0)}, ${trials} trials`
  console.log(`| ${[name, ...before, ...shown, ...empty, times].join(' | ')} |`)
}
rmSync(out, { recursive: true })

/** Files with the rows of each draw. */
async function drawn(count) {
  const { batches } = await openData(`${models}data/lm-calibrate.npz`, {
    inputs: [{ name: 'input_ids', type: 'int64', shape: [] }],
  })
  const rows = []
  for await (const { inputs } of batches(1)) rows.push(Array.from(inputs.input_ids.data, Number))
  const choices = [rows.slice(0, ROWS), rows.slice(-ROWS), rows.filter((_, i) => i % 2 === 0).slice(0, ROWS)]
  return choices.slice(0, count).map((chosen, i) => {
    const path = `${out}/draw-${i + 1}.npy`
    writeFileSync(path, npy(chosen))
    return path
  })
}

/** i64[rows, columns] as NumPy stores it. */
function npy(rows) {
  const shape = `{'descr': '<i8', 'fortran_order': False, 'shape': (${rows.length}, ${rows[0].length}), }`
  const header = `${shape.padEnd(64 * Math.ceil((shape.length + 11) / 64) - 11)}\n`
  const length = Buffer.alloc(2)
  length.writeUInt16LE(header.length)
  const values = BigInt64Array.from(rows.flat(), BigInt)
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header), Buffer.from(values.buffer)])
}

function pruned(rule, { target, data, spread }) {
  const spreading = spread === undefined ? [] : ['--allocation', spread, '--train', data]
  const { result: plan, seconds } = pare([
    'prune',
    model,
    '--exclude',
    '/lm_head/*',
    ...rule,
    ...target,
    '--calibrate',
    data,
    ...spreading,
    '--out',
    out,
  ])
  const evaluation = ['--data', `${models}data/lm-evaluate.npz`, '--metric', 'perplexity']
  const { result } = pare(['evaluate', `${out}/lm-llama.onnx`, ...evaluation])
  return { perplexity: result.metrics.perplexity, seconds, trials: plan.searches?.[0].trials }
}

/** Quality of a model without half of its units, and processor seconds. */
function unitsCut(
  [name, structure, data, train, metric, samples],
  { key, name: criterion = key, trained = false, recover = 'repair', more = [] },
) {
  const rule = ['--structure', structure, '--criterion', criterion, '--ratio', '0.5', ...more]
  const inputs = ['--calibrate', `${models}data/${data}-calibrate.npz`, '--samples', samples, '--recover', recover]
  const labels = trained ? ['--train', `${models}data/${train}.npz`] : []
  const { seconds } = pare(['prune', `${models}${name}.onnx`, ...rule, ...inputs, ...labels, '--out', out])
  const evaluation = ['--data', `${models}data/${data}-evaluate.npz`, '--metric', metric]
  return { value: pare(['evaluate', `${out}/${name}.onnx`, ...evaluation]).result.metrics[metric], seconds }
}

/** What a command prints, and processor seconds of it and of what it started. */
function pare(args) {
  const command = ['-c', 'TIMEFORMAT="%U %S"; time "$@"', 'bash', process.execPath, `${root}packages/cli/dist/main.js`]
  const { stdout, stderr, status } = spawnSync('bash', [...command, ...args, '--json', '--quiet'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`pare ${args.join(' ')}: ${stderr}`)
  const seconds = stderr.trim().split('\n').at(-1).split(' ').map(Number)
  return { result: JSON.parse(stdout), seconds: seconds[0] + seconds[1] }
}

function mean(values, digits) {
  const middle = (values.reduce((a, b) => a + b, 0) / values.length).toFixed(digits)
  if (values.length === 1) return middle
  return `${middle} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`
}
