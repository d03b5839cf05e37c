// node scripts/kill.mjs [--kills N] [--seed N]
// Ends commands at random moments, by SIGKILL, SIGTERM and SIGINT, again and again in the same folder, and looks at what they leave: inputs must be as they were, a
// verdict must be on the very models that stand beside it, every model, plan and statistics file must be whole, and once a command has come to its end nothing of
// those before may be left. Prints what it found; the exit code is 1 where that is anything. Needs a build.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parsePlan, parseStatistics } from '@pare/core'
import { makePayload, openModel } from '@pare/onnx'
import { randomFrom } from './fuzz/mutate.mjs'

const { values } = parseArgs({ options: { kills: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } } })
const random = randomFrom(Number(values.seed))
const ROOT = fileURLToPath(new URL('../', import.meta.url))
const BIN = join(ROOT, 'packages/cli/bin/pare.js')

const work = mkdtempSync(join(tmpdir(), 'kill-'))
const temporary = join(work, 'tmp')
mkdirSync(temporary)
const INPUTS = {
  'model.onnx': 'mlp-digits.onnx',
  'calibrate.npz': 'data/digits-calibrate.npz',
  'evaluate.npz': 'data/digits-evaluate.npz',
}
for (const [name, from] of Object.entries(INPUTS)) cpSync(join(ROOT, 'test-models', from), join(work, name))
const before = Object.keys(INPUTS).map((name) => hash(join(work, name)))

const sparsity = () => (0.1 + 0.8 * random()).toFixed(2)
const COMMANDS = {
  prune: () => ['prune', 'model.onnx', '--sparsity', sparsity(), '--out', 'out'],
  solve: () => [
    'prune',
    'model.onnx',
    '--criterion',
    'sparsegpt',
    '--calibrate',
    'calibrate.npz',
    '--sparsity',
    sparsity(),
    '--out',
    'out',
  ],
  plan: () => ['plan', 'model.onnx', '--sparsity', sparsity(), '--out', 'out'],
  run: () => [
    'run',
    'model.onnx',
    '--data',
    'evaluate.npz',
    '--max-drop',
    '0.9',
    '--sparsity',
    sparsity(),
    '--out',
    'out',
    '--no-baselines',
  ],
  cut: () => [
    'run',
    'model.onnx',
    '--data',
    'evaluate.npz',
    '--max-drop',
    '0.9',
    '--structure',
    'neuron',
    '--ratio',
    '0.5',
    '--out',
    'out',
    '--no-baselines',
  ],
  calibrate: () => ['calibrate', 'model.onnx', '--data', 'calibrate.npz', '--out', 'out/stats.pare'],
}

mkdirSync(join(work, 'out'))
const problems = []
const times = {}
for (const [name, argv] of Object.entries(COMMANDS)) times[name] = (await run(argv())).ms
let kills = 0
while (kills < Number(values.kills)) {
  const name = Object.keys(COMMANDS)[Math.floor(random() * Object.keys(COMMANDS).length)]
  const signal = ['SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT'][Math.floor(random() * 4)]
  const argv = COMMANDS[name]()
  const { wasKilled } = await run(argv, { signal, afterMs: random() * times[name] * 1.1 })
  if (wasKilled) kills++
  await look(`${signal} to pare ${argv.join(' ')}`)
  if (kills % 10 === 9) {
    // What was just made may be somebody's who has not said so yet: ten seconds pass.
    for (const each of readdirSync(join(work, 'out')))
      utimesSync(join(work, 'out', each), new Date(Date.now() - 60_000), new Date(Date.now() - 60_000))
    const { exitCode, stderr } = await run(COMMANDS.run())
    if (exitCode !== 0) problems.push(`the run after kills ended with ${exitCode}: ${stderr.slice(0, 200)}`)
    const left = [...readdirSync(join(work, 'out')).filter((each) => each.startsWith('.')), ...readdirSync(temporary)]
    if (left.length > 0) problems.push(`left after the next run: ${left.join(', ')}`)
    await look('a run that came to its end')
  }
}
rmSync(work, { recursive: true, force: true })
for (const problem of problems) console.log(problem)
console.log(`${kills} kills, seed ${values.seed}: ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0

function run(argv, { signal, afterMs } = {}) {
  return new Promise((resolve) => {
    const start = performance.now()
    const env = { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary }
    const child = spawn(process.execPath, [BIN, ...argv], { cwd: work, env, stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
    })
    const timer = signal === undefined ? undefined : setTimeout(() => child.kill(signal), afterMs)
    child.on('close', (exitCode, by) => {
      clearTimeout(timer)
      resolve({ exitCode, wasKilled: by !== null || exitCode === 130, stderr, ms: performance.now() - start })
    })
  })
}

/** What stands there now. */
async function look(after) {
  const wrong = (what) => problems.push(`after ${after}: ${what}`)
  for (const [i, name] of Object.keys(INPUTS).entries()) if (hash(join(work, name)) !== before[i]) wrong(`${name} was changed`)
  const out = join(work, 'out')
  const results = join(out, 'results.json')
  try {
    const model = join(out, 'model.onnx')
    if (existsSync(model)) await (await openModel(model))[Symbol.asyncDispose]?.()
    const plan = join(out, 'model.plan.json')
    const numbers = join(out, 'model.plan.bin')
    if (existsSync(plan))
      await parsePlan(readFileSync(plan, 'utf8'), plan, existsSync(numbers) ? makePayload(readFileSync(numbers)) : undefined)
    if (existsSync(join(out, 'stats.pare'))) await parseStatistics(readFileSync(join(out, 'stats.pare')), 'stats.pare')
    if (existsSync(results)) {
      const { models } = JSON.parse(readFileSync(results, 'utf8'))
      for (const { pruned } of models) {
        const path = join(out, basename(pruned.path))
        if (!existsSync(path)) wrong(`a verdict stands there, and ${pruned.path} does not`)
        else if (hash(path) !== pruned.sha256) wrong(`a verdict stands beside another model than it is on`)
      }
      if (!existsSync(join(out, 'report.html'))) wrong('results without their report')
    }
    for (const name of readdirSync(out))
      if (lstatSync(join(out, name)).isFile() && name.endsWith('.tmp') && !name.startsWith('.')) wrong(`${name} is left`)
  } catch (error) {
    wrong(String(error.message))
  }
}

function hash(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}
