// node bench/closed-form.mjs [--draws 3] [--only alps,wanda]: perplexity of lm-llama pruned without training by criteria that look at data, beside each other in
// one run, with processor seconds (starting processes, calibration and evaluation of nothing included; those of 70 %, or of 2:4). A draw is 128 rows of the
// calibration data: the first, the last, every second. With one draw a cell is a number, with more the mean and the range.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openData } from '@pare/evaluate'

const { values: options } = parseArgs({ options: { draws: { type: 'string', default: '3' }, only: { type: 'string' } } })
const root = fileURLToPath(new URL('..', import.meta.url))
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

mkdirSync(out, { recursive: true })
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
