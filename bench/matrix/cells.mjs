// One model, one structure: what `pare prune` does, and what the oracle says of it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { inlineFunctions, openModel, writeModel } from '@pare/onnx'
import { patternModel } from '../patterns.mjs'
import { runInProcess } from './in-process.mjs'
import { kindsOf } from './kinds.mjs'
import { judgeMask } from './masks.mjs'
import { judgeCut } from './oracle.mjs'
import { inputsFor } from './runs.mjs'

runInProcess()
const { main } = await import('../../packages/cli/dist/index.js')

const MASKS = { element: ['--sparsity', '0.5'], nm: [], tile: ['--sparsity', '0.5'] }
/** Of f32, and of what rounds more: in halves each operator rounds, and steps of 8 bits fall to either side. */
const TOLERANCE = { f32: 2e-4, f16: 3e-2, qdq: 3e-2 }

/** The cells of a model: { structure, status, note, … } each. `job`: { label, path } or { label, pattern: { name, opset, type } }. */
export async function cellsOf(job, structures, told = () => {}) {
  const folder = await mkdtemp(join(tmpdir(), 'pare-matrix-'))
  const opened = []
  try {
    const path = job.path ?? join(folder, 'pattern.onnx')
    if (job.pattern !== undefined) {
      const model = patternModel(job.pattern.name, job.pattern)
      if (model === undefined) return []
      await writeModel(model, path)
    }
    const file = await openModel(path)
    opened.push(file)
    const original = inlineFunctions(file.model)
    const type = job.pattern?.type ?? typeOf(original)
    const inputs = await inputsFor(original).catch((error) => error)
    const cells = []
    for (const structure of structures) {
      const about = { ...job, path, folder, structure, original, inputs, tolerance: TOLERANCE[type] }
      const cell = await cellOf(about).catch((error) => ({ status: 'error', note: `the matrix: ${error.stack?.slice(0, 300)}` }))
      cells.push({ structure, ...cell })
      told({ structure, ...cell })
    }
    return cells
  } finally {
    for (const file of opened) await file[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
}

function typeOf({ graph }) {
  if (graph.nodes.some(({ op }) => /Quantize|Integer|QLinear|NBits/.test(op))) return 'qdq'
  return graph.initializers.some(({ type }) => type === 'float16') ? 'f16' : 'f32'
}

async function cellOf(about) {
  const first = await prune(about, [])
  const { structure, original, inputs } = about
  if (first.exitCode === 0) return judged(about, first.document)
  const { message } = first.document.error ?? { message: first.stderr }
  if (/finds nothing to prune/.test(message)) return withoutUnits(message, structure, original)
  if (inputs instanceof Error) return { status: 'not run', note: inputs.message.slice(0, 200) }
  if (/what it masked: .*cannot load the model/s.test(message)) return { status: 'wrong', note: message.slice(0, 300) }
  if (/is not what it|cannot be proved/.test(message)) {
    const unproved = await prune(about, ['--no-prove'])
    if (unproved.exitCode !== 0) return { status: 'error', note: message.slice(0, 300) }
    const cell = await judged(about, unproved.document)
    const refused = message.replace(/^.*?: /, '').slice(0, 200)
    if (cell.status === 'ok') return { ...cell, status: 'alarm', note: `${refused} The oracle agrees with the cut.` }
    return {
      ...cell,
      status: cell.status === 'proved only' ? 'alarm?' : 'wrong',
      note: `refused by the proof: ${refused} (${cell.note})`,
    }
  }
  return { status: 'error', note: message.slice(0, 300) }
}

async function prune({ path, folder, structure }, more) {
  const out = []
  const err = []
  const record = (texts) => ({ isTTY: false, columns: 100, write: (text) => texts.push(text) > 0 })
  const target = MASKS[structure] ?? ['--ratio', '0.5']
  const argv = [
    'prune',
    path,
    '--structure',
    structure,
    ...target,
    '--json',
    '--quiet',
    '--out',
    join(folder, structure),
    ...more,
  ]
  const io = {
    stdout: record(out),
    stderr: record(err),
    env: {},
    cwd: folder,
    signal: new AbortController().signal,
    now: Date.now,
  }
  const exitCode = await main(argv, io)
  const text = out.join('')
  return { exitCode, document: text === '' ? {} : JSON.parse(text), stderr: err.join('') }
}

async function judged(about, document) {
  const file = await openModel(join(about.folder, about.structure, basename(about.path)))
  try {
    return await judgedModel(about, document, file.model)
  } finally {
    await file[Symbol.asyncDispose]()
  }
}

async function judgedModel({ structure, original, inputs, tolerance }, document, model) {
  if (structure in MASKS) {
    const { verdict, note, zeros } = await judgeMask({
      original,
      masked: model,
      structure,
      layers: document.layers,
      feeds: inputs,
    })
    return { status: verdict, note, units: zeros, layers: document.layers.length }
  }
  const removed = document.groups.reduce((sum, group) => sum + group.removed, 0)
  const units = document.groups.reduce((sum, group) => sum + group.units, 0)
  const facts = {
    units: removed,
    of: units,
    parameters: document.parameters,
    macs: document.macs,
    proof: document.proofs?.[0]?.difference,
  }
  if (removed === 0) return { status: 'reason', note: (document.warnings ?? ['nothing was removed']).join(' '), ...facts }
  if (inputs instanceof Error) return { status: 'not run', note: inputs.message.slice(0, 200), ...facts }
  const { verdict, note, share } = await judgeCut({ original, cut: model, feeds: inputs, tolerance })
  return { status: verdict, note, share, ...facts }
}

/** A reason, or silence: nothing is said, or that there is nothing of the kind, and there is. */
function withoutUnits(message, structure, original) {
  const reasons = message.match(/left out are (.*)\.$/s)?.[1]
  const note = (reasons ?? message).slice(0, 300)
  const isSaid = reasons !== undefined && !/^the model \((nothing of its kind|no operator in it)/.test(reasons)
  const count = kindsOf(original)[structure] ?? 0
  return { status: isSaid || count === 0 ? 'reason' : 'silent', note }
}
