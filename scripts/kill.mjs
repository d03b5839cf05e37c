// node scripts/kill.mjs [--kills N] [--seed N] [--only run,prune]
// Ends commands at random moments, by SIGKILL, SIGTERM and SIGINT, again and again in the same folders, and looks at what they leave: inputs must be as they were, a
// verdict must be on the very models that stand beside it, every file must be whole, and once a command has come to its end nothing of
// those before may be left. Prints what it found; the exit code is 1 where that is anything. Needs a build.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { randomFrom } from './fuzz/mutate.mjs'
import { COMMANDS, MADE } from './kill/commands.mjs'
import { faultOf } from './kill/whole.mjs'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: Object.keys(COMMANDS).join() },
  },
})
const names = values.only.split(',')
const random = randomFrom(Number(values.seed))
const ROOT = fileURLToPath(new URL('../', import.meta.url))
const BIN = join(ROOT, 'packages/cli/bin/pare.js')
/** What a command made within this time may be somebody's who has not said so yet: the next one leaves it. */
const FRESH_MS = 60_000

const work = mkdtempSync(join(tmpdir(), 'kill-'))
const temporary = join(work, 'tmp')
const problems = []
prepare()
for (const argv of MADE) await finish(argv)
const inputs = filesBelow(work).filter((path) => !path.startsWith(temporary))
const before = inputs.map(hash)
const times = {}
for (const name of names) times[name] = await finish(COMMANDS[name].argv(fraction()), COMMANDS[name].cwd)

const kills = Object.fromEntries(names.map((name) => [name, 0]))
const total = () => Object.values(kills).reduce((sum, count) => sum + count, 0)
for (let turn = 1; total() < Number(values.kills); turn++) {
  const name = names[Math.floor(random() * names.length)]
  const signal = ['SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT'][Math.floor(random() * 4)]
  const { argv, cwd, folder } = COMMANDS[name]
  if (cwd !== undefined) clean(cwd)
  const { wasKilled } = await run(argv(fraction()), { cwd, signal, afterMs: random() * times[name] * 1.1 })
  if (wasKilled) kills[name]++
  await look(`${signal} to pare ${name}`, folder)
  if (turn % 20 === 0) {
    await settle()
    console.log(`${total()} kills, ${problems.length} problems`)
  }
}
await settle()
rmSync(work, { recursive: true, force: true })
for (const problem of problems) console.log(problem)
console.log(
  Object.entries(kills)
    .map(([name, count]) => `${name} ${count}`)
    .join(', '),
)
console.log(`${total()} kills, seed ${values.seed}: ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0

function fraction() {
  return (0.1 + 0.8 * random()).toFixed(2)
}

function prepare() {
  const from = (name) => join(ROOT, 'test-models', name)
  for (const folder of ['tmp', 'out/project', 'made/statistics', 'language', ...foldersOut()])
    mkdirSync(join(work, folder), { recursive: true })
  const copies = {
    'model.onnx': 'mlp-digits.onnx',
    'calibrate.npz': 'data/digits-calibrate.npz',
    'evaluate.npz': 'data/digits-evaluate.npz',
    'language/model.onnx': 'lm-llama.onnx',
    'language/tokenizer.json': 'lm-tokenizer.json',
    'out/project/model.onnx': 'mlp-digits.onnx',
    'out/project/evaluate.npz': 'data/digits-evaluate.npz',
  }
  for (const [name, source] of Object.entries(copies)) cpSync(from(source), join(work, name))
  writeFileSync(join(work, 'words.txt'), readFileSync(from('data/lm-evaluate.txt')).subarray(0, 20_000))
}

function foldersOut() {
  return [...new Set(Object.values(COMMANDS).flatMap(({ folder }) => (folder === undefined ? [] : [`out/${folder}`])))]
}

/** Leaves the models and data of a folder alone in it: what an earlier command wrote there would be refused. */
function clean(folder) {
  for (const path of filesBelow(join(work, folder))) if (!inputs.includes(path)) rmSync(path)
}

/** Runs a command to its end, which must be a good one, and gives its milliseconds. */
async function finish(argv, cwd) {
  const { exitCode, stderr, ms } = await run(argv, { cwd })
  if (exitCode !== 0) problems.push(`pare ${argv.join(' ')} ended with ${exitCode}: ${stderr.slice(0, 300)}`)
  return ms
}

/** One command for each folder comes to its end: nothing of the killed ones may be left there, nor in the folder for temporary files. */
async function settle() {
  for (const path of filesBelow(join(work, 'out'), { folders: true })) age(path)
  const last = new Map(names.map((name) => [COMMANDS[name].folder, COMMANDS[name]]))
  for (const { argv, cwd } of last.values()) {
    if (cwd !== undefined) clean(cwd)
    await finish(argv(fraction()), cwd)
  }
  const left = filesBelow(join(work, 'out'), { folders: true }).filter((path) => basename(path).startsWith('.pare-'))
  const all = [...left, ...readdirSync(temporary)]
  if (all.length > 0) problems.push(`left after the next commands: ${all.join(', ')}`)
  for (const folder of foldersOut()) await look('commands that came to their end', basename(folder))
}

function age(path) {
  const then = new Date(Date.now() - FRESH_MS)
  if (existsSync(path)) utimesSync(path, then, then)
}

function run(argv, { cwd = '.', signal, afterMs } = {}) {
  return new Promise((resolve) => {
    const start = performance.now()
    const env = { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary }
    const child = spawn(process.execPath, [BIN, ...argv], { cwd: join(work, cwd), env, stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
    })
    const timer = signal === undefined ? undefined : setTimeout(() => child.kill(signal), afterMs)
    child.on('close', (exitCode, by) => {
      clearTimeout(timer)
      resolve({ exitCode, wasKilled: by !== null || exitCode === 130 || exitCode === 143, stderr, ms: performance.now() - start })
    })
  })
}

/** What stands there now: inputs, and what the folder of one command holds. */
async function look(after, folder) {
  const wrong = (what) => problems.push(`after ${after}: ${what}`)
  for (const [i, path] of inputs.entries()) if (!existsSync(path) || hash(path) !== before[i]) wrong(`${path} was changed`)
  if (folder === undefined) return
  for (const path of filesBelow(join(work, 'out', folder))) {
    if (path.split('/').some((part) => part.startsWith('.pare-'))) continue
    const fault = await faultOf(path)
    if (fault !== undefined) wrong(`${path}: ${fault}`)
    if (basename(path) === 'results.json') for (const what of verdictFaults(path)) wrong(what)
  }
}

/** A verdict must be on the models that stand beside it, and have its report. */
function verdictFaults(path) {
  const folder = dirname(path)
  const { models } = JSON.parse(readFileSync(path, 'utf8'))
  const faults = models.flatMap(({ pruned }) => {
    const model = join(folder, basename(pruned.path))
    if (!existsSync(model)) return [`a verdict stands there, and ${model} does not`]
    return hash(model) === pruned.sha256 ? [] : [`a verdict stands beside another ${model} than it is on`]
  })
  return existsSync(join(folder, 'report.html')) ? faults : [...faults, 'results without their report']
}

function filesBelow(folder, { folders = false } = {}) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => folders || lstatSync(path, { throwIfNoEntry: false })?.isFile() === true)
}

function hash(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}
