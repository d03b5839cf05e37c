import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import {
  type CalibrationData,
  CHUNK_SAMPLES,
  endOf,
  type MeasuredAll,
  type MeasuredStatistics,
  measureAll,
  type Needing,
  startOf,
} from '@pare/core'
import { isModule } from '@pare/evaluate/choices'
import { formatBytes, plural } from '@pare/gate'
import { type Model, present } from '@pare/onnx'
import { describeParts, partsOf } from '../engine/calibrate.js'
import { filesBeside, hashOfData } from '../engine/data-hash.js'
import { asRun } from '../engine/data-inputs.js'
import { openFolded } from '../engine/folding.js'
import { forwardOver } from '../engine/forward.js'
import { collectPaddedValues } from '../engine/padded-values.js'
import { type Work, workOn } from '../engine/work.js'
import { hashCalibration, hashData } from '../files/hash.js'
import { hashModel } from '../files/hash-model.js'
import { refuseInput } from '../files/output.js'
import { showPath } from '../files/paths.js'
import { Keeper, type MeasurementFacts, partialPath, readPartial, writeStatistics } from '../files/statistics-files.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { resolveCriterion } from '../plugins/plugins.js'
import { type Calibration, calibrationFiles, describeFiles } from '../settings/data/calibration.js'
import type { Task } from '../settings/task.js'
import { readTask } from '../settings/tasks.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { Failure, isAbort, usage } from '../terminal/failure.js'
import { phasesOf } from '../terminal/phases.js'
import { packageVersion } from '../terminal/version.js'

/** `pare calibrate MODEL --data FILE --out FILE`: what criteria need, measured once and kept. Goes on where an interrupted run was stopped. */
export async function calibrate(context: Context, [written = '']: readonly string[], values: OptionValues): Promise<number> {
  const { io, progress } = context
  const start = io.now()
  const { criterion: names = ['wanda'], out: target = '', shard } = ownOf('calibrate', values)
  await using read = await readTask('calibrate', written, { values, cwd: io.cwd })
  const { task, engine } = read
  if (task.folder !== undefined) context.progress.note(`model: ${task.folder.choice}`)
  const criteria = await needingOf(names, io.cwd)
  const run = { ...dataOf(task, io.cwd), ...present({ shard }) }
  const out = resolve(io.cwd, target)
  for (const input of [...calibrationFiles(run), task.path]) await refuseInput(input, out)
  const model = task.name
  const work = workOn(task, engine, context)
  await using opened = await openFolded(task.path, work, { mergeAdapters: task.mergeAdapters ?? false })
  await using hashing = hashModel(opened.file)
  const partial = { criteria: names, ...present({ samples: run.samples, shard }) }
  const producer = { pare: packageVersion(), executionProvider: engine.provider ?? 'cpu' }
  const facts: MeasurementFacts = { ...producer, model: await hashing.digest(), data: await dataFacts(run, work), partial }
  const measuring = { model: await asRun(opened.model, calibrationFiles(run)), criteria, run, out, facts, work }
  const { measured, left, samples } = await measureKept(measuring, context)
  const data = { ...facts.data, samples }
  const bytes = await writeStatistics(out, { ...producer, model: facts.model, data, measured })
  await rm(partialPath(out), { force: true })
  for (const { reason } of left) progress.note(`warning: ${model}: ${reason}`)
  const output = { path: showPath(out, io.cwd), bytes }
  const chunks = stretchOf(measured)
  const parts = partsOf(run, samples, io.cwd)
  answer(context, {
    ...{
      schemaVersion: 1,
      command: 'calibrate',
      model,
      data: { path: describeFiles(run, io.cwd), sha256: facts.data.sha256, ...present({ parts }) },
    },
    ...{ samples, chunks, criteria: names, executionProvider: producer.executionProvider, statistics: output, left },
    durationMs: io.now() - start,
  })
  const part = shard === undefined ? '' : `; this is shard ${shard.index} of ${shard.count}`
  say(
    context,
    { path: output.path, names },
    ({ path, names }) =>
      `${path}  (${formatBytes(bytes)})\n  ${names.join(', ')} on ${plural(samples, 'sample')}${describeParts(parts)}${part}`,
  )
  return EXIT.pass
}

interface Measuring {
  readonly model: Model
  readonly criteria: readonly Needing[]
  readonly run: Calibration
  readonly out: string
  readonly facts: MeasurementFacts
  readonly work: Work
}

/** Measures, and keeps what is complete when it is stopped. `samples`: of all shards. */
async function measureKept(
  { model, criteria, run, out, facts, work: { label, engine } }: Measuring,
  context: Context,
): Promise<MeasuredAll & { samples: number }> {
  const { io, progress } = context
  const before = await readPartial(out, { facts, note: progress.note })
  const name = showPath(partialPath(out), io.cwd)
  if (before !== undefined) progress.note(`${label}: goes on behind ${count(before)} of ${name}`)
  const keeper = new Keeper(out, facts, io.now)
  let samples = 0
  const onEnd = ({ all }: { readonly all: number }) => {
    samples = all
  }
  const forward = forwardOver(run, engine, onEnd)
  // A model with a loss has its samples on the first axis.
  const { batchAxis: _, ...first } = run
  using phases = phasesOf(progress, label)
  const onProgress = (state: { done: number; total?: number }) => phases.at('running calibration data', state)
  onProgress({ done: 0 })
  try {
    const onChunk = (measured: MeasuredStatistics) => keeper.add(measured)
    const padded = collectPaddedValues()
    const options = {
      ...{ forward, signal: io.signal, onProgress, onChunk, onPadding: padded.add, ...present({ before }) },
      ...(criteria.some(ofGradients) && {
        gradients: {
          forward: forwardOver(first, engine, onEnd),
          differentiate: (await (await import('@pare/retrain')).lossOver(model, run)).differentiate,
        },
      }),
    }
    const all = await measureAll(model, criteria, options)
    for (const warning of padded.warnings()) progress.note(`warning: ${label}: ${warning}`)
    return { ...all, samples }
  } catch (error) {
    const rest = (await keeper.flush()) ?? before
    if (!io.signal.aborted && !isAbort(error)) throw error
    throw interrupted(rest, name, error)
  }
}

function ofGradients({ needs }: Needing): boolean {
  return Object.values(needs).some(({ at }) => at === 'gradient')
}

function interrupted(rest: MeasuredStatistics | undefined, path: string, cause: unknown): Failure {
  const what =
    rest === undefined
      ? `interrupted before the first chunk of ${CHUNK_SAMPLES} samples was complete. Nothing is left behind.`
      : `interrupted. ${path} keeps ${count(rest)} that are complete.`
  const hint = rest === undefined ? 'run the same command again' : 'run the same command again: it goes on behind them'
  return new Failure('infrastructure', `pare calibrate: ${what}`, { hint, cause })
}

/** Chunks of 256 samples: the first, and the one behind the last. */
function stretchOf({ blocks }: MeasuredStatistics): { first: number; end: number } {
  return { first: Math.min(...blocks.map(startOf)), end: Math.max(...blocks.map(endOf)) }
}

/** '1 chunk', '12 chunks' */
function count(measured: MeasuredStatistics): string {
  const { first, end } = stretchOf(measured)
  return `${end - first} ${end - first === 1 ? 'chunk' : 'chunks'}`
}

async function needingOf(names: readonly string[], cwd: string): Promise<readonly Needing[]> {
  const criteria = await Promise.all(names.map((name) => resolveCriterion(name, { folder: cwd, trusted: true })))
  return criteria.map((criterion) => {
    if (criterion.kind === 'units') {
      throw usage(
        `pare calibrate: criterion '${criterion.name}' tries units out, and has no statistics that could be kept.`,
        'give it the data themselves: pare prune MODEL --calibrate DATA',
      )
    }
    if (criterion.kind !== 'mask' && Object.keys(criterion.needs).length > 0) return criterion
    throw usage(
      `pare calibrate: criterion '${criterion.name}' looks at weights only: there is nothing to measure.`,
      'name one that looks at data, such as wanda',
    )
  })
}

function dataOf({ calibration }: Task, cwd: string): Calibration {
  if (calibration === undefined) throw new Error('calibrate without --data was let through')
  const { run, statistics } = calibration
  if (statistics === undefined) return run
  const shown = showPath(run.data, cwd)
  throw usage(`pare calibrate: ${shown} holds statistics, not data.`, `use them: pare prune MODEL --calibrate ${shown}`)
}

/** Everything about the data that the numbers depend on. */
async function dataFacts(run: Calibration, work: Work): Promise<CalibrationData> {
  const { batch, text } = run
  await using all = hashCalibration(run)
  const reading = text && { ...text, tokenizer: await hashOf(text.tokenizer) }
  const sources = await sourcesOf(run, work)
  const more = Object.keys(sources).length === 0 ? {} : { sources }
  return { sha256: await all.digest(), ...present({ batch, text: reading }), ...more }
}

/** What the bytes of the data alone do not say. */
async function sourcesOf(run: Calibration, work: Work): Promise<Readonly<Record<string, string>>> {
  const { image, original } = run
  const sources: Record<string, string> = {}
  const reader = { runner: { ...work, yields: new Map() }, samples: run.samples }
  for (const [i, path] of calibrationFiles(run).entries()) {
    // Only shards are held against each other, and a pass over a module may take long.
    if (isModule(path) && run.shard === undefined) continue
    const whole = await hashOfData(path, reader)
    if (whole !== (await hashOf(path))) sources[`what file ${i + 1} of the data names or yields`] = whole
  }
  const beside = { ...filesBeside('the model', original), ...filesBeside('the data', run.data) }
  for (const [what, path] of Object.entries(beside)) if (path !== undefined) sources[what] = await hashOf(path)
  if (image !== undefined) sources['settings of images'] = JSON.stringify(image)
  return sources
}

async function hashOf(path: string): Promise<string> {
  await using hashing = hashData(path)
  return hashing.digest()
}
