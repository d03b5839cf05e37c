import { dirname, resolve } from 'node:path'
import type { PruneStep } from '@pare/core'
import { present } from '@pare/onnx'
import { showPath } from '../files/paths.js'
import { type JoinedDecoders, openJoined } from '../folder/pair/pair.js'
import type { CommandName } from '../options/commands.js'
import { type Config, type EngineChoice, type ModelConfig, type Overrides, overridesSchema } from '../options/config.js'
import { type OptionValues, overridesOf } from '../options/overrides.js'
import type { PresetConfig } from '../options/prune.js'
import { usage } from '../terminal/failure.js'
import { type Check, orProblem, placeIn } from './check.js'
import { findConfig, loadConfig } from './config/config-file.js'
import { checkShape } from './config/config-problems.js'
import { expandModels, type ModelEntry } from './config/entries.js'
import { locatorOf } from './config/source-places.js'
import { refuseOutside } from './config/workspace.js'
import { calibrationProblems, readCalibration } from './data/calibration.js'
import { withDemands } from './data/demands.js'
import { readEvaluation, readLimits } from './data/evaluation.js'
import { withPartners } from './data/partner.js'
import { readTraining } from './data/training.js'
import { type FurtherEvaluation, furtherTasks, readFurther } from './evaluations.js'
import { presetSteps } from './preset.js'
import { resolveStep } from './prune-step.js'
import { quantiseProblems } from './quantise.js'
import { recoverOf, recoverProblems } from './recover.js'
import { scheduleProblems } from './schedule.js'
import { ambiguousOverrides, type ModelSettings, settle } from './settings.js'
import { afterSearch, dropOf, gateWithDrop, readSmallest, withoutDrop } from './smallest.js'
import type { Task } from './task.js'
import { distinct, invalid, noModels, refuseSeveral } from './task-problems.js'

export interface TaskOptions {
  readonly cwd: string
  /** A file, or the config itself (its paths start at `cwd`). Default: the nearest `pare.config.*` upwards from `cwd`, if any. */
  readonly config?: string | Config | undefined
  readonly overrides: Overrides
  /** False: nothing executable of the checkout is loaded. */
  readonly trusted: boolean
  /** The checkout. Where it is not trusted, files that it names must lie in it, behind all links. Default: `cwd` */
  readonly workspace?: string | undefined
  /** Who asks, as messages name it. Default: 'run' */
  readonly asked?: CommandName | undefined
}

/** Disposed of, what was joined for them is gone. */
export interface Tasks extends AsyncDisposable {
  readonly tasks: readonly Task[]
  readonly engine: EngineChoice
  /** Absolute path of the config. Absent: there is none, or it is no file. */
  readonly config?: string
}

/** The tasks of `pare run`: all of the config is read and checked before anything runs. Throws one `Failure` with every problem found. */
export async function readTasks(options: TaskOptions): Promise<Tasks> {
  const { asked = 'run' } = options
  const workspace = options.trusted ? undefined : (options.workspace ?? options.cwd)
  const [wrong] = checkShape(options.overrides, overridesSchema).problems
  if (wrong !== undefined) throw usage(`pare ${asked}: overrides: ${wrong.place}: ${wrong.message}`, wrong.hint)
  const source = await configOf(options, workspace)
  const tasks = await readAll(source, { ...options, workspace, command: 'run', asked })
  return { ...tasks, ...present({ config: source.path }), [Symbol.asyncDispose]: tasks[Symbol.asyncDispose] }
}

/** The task of a command that takes one model: its options are a config, which is read and checked like that of `pare run`. */
export async function readTask(
  command: CommandName,
  model: string,
  { values, cwd }: { readonly values: OptionValues; readonly cwd: string },
): Promise<{ readonly task: Task; readonly engine: EngineChoice } & AsyncDisposable> {
  const { tasks, engine, [Symbol.asyncDispose]: dispose } = await readFolderTasks(command, model, { values, cwd })
  try {
    refuseSeveral(tasks, { command, why: 'data are for the inputs of one model' })
  } catch (error) {
    await dispose()
    throw error
  }
  return { task: tasks[0]!, engine, [Symbol.asyncDispose]: dispose }
}

/** The tasks of a command that takes one model, or a folder with the models that belong together. */
export async function readFolderTasks(
  command: CommandName,
  model: string,
  { values, cwd }: { readonly values: OptionValues; readonly cwd: string },
): Promise<Tasks> {
  const overrides = { ...overridesOf(command, values), models: [model] }
  const options = { cwd, overrides, trusted: true, workspace: undefined, command, asked: command }
  const { tasks, engine, [Symbol.asyncDispose]: dispose } = await readAll({ value: {}, folder: cwd }, options)
  const [task, second] = tasks
  const isWhole = task?.folder !== undefined && tasks.every(({ folder }) => folder === task.folder)
  if (task === undefined || (second !== undefined && !isWhole))
    throw usage(
      `pare ${command}: '${model}' matches ${tasks.length} models; expected one.`,
      'name one of them, or prune all of them with: pare run',
    )
  // As it is typed, unless a glob found it.
  const named = tasks.map((each) => ({ ...each, name: each.path === resolve(cwd, model) ? model : each.name }))
  return { tasks: named, engine, [Symbol.asyncDispose]: dispose }
}

/** A config as it was found, not validated yet. */
interface Source {
  readonly value: unknown
  readonly folder: string
  /** What messages call it. Undefined: there is none, and options say everything. */
  readonly shown?: string
  /** Absent: it is no file. */
  readonly path?: string
  /** Of JSON and YAML. */
  readonly text?: string
}

interface Reading extends Check {
  readonly config: Config
  readonly command: CommandName
  /** Who asks: of a command that reads a config as `pare run` does, its own name. */
  readonly asked: CommandName
  /** Undefined where there is no config. */
  readonly shown: string | undefined
}

async function readAll(
  { value, folder, shown, text }: Source,
  options: Omit<Check, 'folder' | 'problems'> & Pick<Reading, 'command' | 'asked'>,
): Promise<Tasks> {
  const { problems: shape, rest } = checkShape(value)
  const config = (rest ?? {}) as Config
  const reading: Reading = { ...options, config, folder, shown, problems: [...shape] }
  const entries = await expandModels(reading)
  const pairs: JoinedDecoders[] = []
  const dispose = async () => {
    for (const pair of pairs) await pair[Symbol.asyncDispose]()
  }
  try {
    const read: ReadTask[] = []
    for (const entry of entries) {
      const { path: first, next, place } = entry
      const pair = next === undefined ? undefined : await orProblem(() => openJoined({ first, next }), place, reading)
      if (pair !== undefined) pairs.push(pair)
      read.push(await taskOf({ ...entry, path: pair?.path ?? first, ...present({ pair }) }, reading))
    }
    const locate = await locatorOf(shown === undefined || text === undefined ? undefined : { file: shown, text })
    const problems = distinct(reading.problems)
    if (entries.length === 0 && problems.length === 0) problems.push(noModels(shown))
    if (problems.length > 0)
      throw invalid(
        problems.map((each) => ({ ...each, ...present({ at: locate(each.place) }) })),
        reading,
      )
    const { provider, device } = { ...config, ...options.overrides }
    const firsts = await withPartners(read.map(({ task }, i) => ({ ...task, ...present({ at: locate(entries[i]!.place) }) })))
    const all = firsts.map(async (first, i) => [
      first,
      ...(await withPartners(furtherTasks(first, read[i]!.further, locate), firsts)),
    ])
    return {
      tasks: (await Promise.all(all)).flat(),
      engine: { ...(provider && { provider }), ...(device && { device }) },
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function configOf({ cwd, config, trusted }: TaskOptions, workspace: string | undefined): Promise<Source> {
  if (typeof config === 'object') return { value: config, folder: cwd, shown: 'the config' }
  const path = await findConfig(cwd, config)
  if (path === undefined) return { value: {}, folder: cwd }
  await refuseOutside(path, `config ${showPath(path, cwd)}`, workspace)
  const shown = showPath(path, cwd)
  const { value, text } = await loadConfig(path, { trusted, shown })
  return { value, folder: dirname(path), shown, path, ...present({ text }) }
}

/** A task, and what else its pruned model is measured with. */
interface ReadTask {
  readonly task: Task
  readonly further: readonly FurtherEvaluation[]
}

async function taskOf(
  { path, folder, pair, model, place }: ModelEntry & { readonly pair?: JoinedDecoders },
  reading: Reading,
): Promise<ReadTask> {
  const { config, overrides, problems } = reading
  const settings = settle(config, model, overrides)
  problems.push(...ambiguousOverrides(settings, overrides, place))
  // What no config says, the options say: they have no place in it.
  const placeOf = (field: keyof ModelConfig) => {
    if (reading.shown === undefined) return ''
    return model[field] === undefined ? field : placeIn(place, field)
  }
  const stepPlace = (index: number) =>
    `${placeOf('prune')}${'preset' in settings.prune || placeOf('prune') === '' ? '' : `[${index}]`}`
  const measured = await readEvaluation(settings.evaluate, { place: placeOf('evaluate'), model: path, folder }, reading)
  const metric = measured?.request.metrics[0]
  const gate = gateWithDrop(settings)
  const demands = await readLimits(gate, { metric, place: placeOf('gate'), model: path, check: reading })
  const maxDrop = dropOf(settings.prune)
  // Where the gate has a drop of its own, nothing else looks at that of the target.
  if (maxDrop !== undefined && gate === settings.gate)
    await readLimits({ maxDrop }, { metric, place: placeOf('prune'), model: path, check: reading })
  const evaluation = await withDemands(measured, demands, { place: placeOf('gate'), check: reading })
  const calibration = await readCalibration(
    settings.calibrate,
    { place: placeOf('calibrate'), evaluation, model: path, folder },
    reading,
  )
  const { loss, schedule } = settings.level
  const training = await readTraining(settings.train, { place: placeOf('train'), loss, evaluation, model: path, folder }, reading)
  if ((settings.level.baselines ?? false) !== false && settings.evaluate === undefined && overrides.evaluate?.data === undefined)
    problems.push({
      place: placeOf('baselines'),
      message: 'baselines are measured, and there are no evaluation data.',
      hint: "name some with --data, or evaluate: { data: 'val.npz', metric: 'accuracy' } in the config",
    })
  const isPreset = 'preset' in settings.prune
  const recover = recoverOf(settings.level.recover, { isPreset, data: calibration, overrides: overrides.retrain ?? {} })
  const isCalibrated = calibration !== undefined && calibration.statistics === undefined
  const prune = withoutDrop(settings.prune)
  const steps = await readSteps(prune, { placeOf: stepPlace, isCalibrated, reading })
  // Where data are named that are not there, that is said already.
  const there = { calibration, training: training ?? settings.train ?? overrides.train?.data, loss }
  const isMissing = calibration === undefined && (settings.calibrate ?? overrides.calibrate?.data) !== undefined
  if (!isMissing) {
    problems.push(...calibrationProblems(steps, there, stepPlace))
    problems.push(...quantiseProblems(settings.level, calibration, placeOf))
  }
  const isMeasured = calibration?.statistics !== undefined
  problems.push(...scheduleProblems(steps, { schedule, isMeasured, at: stepPlace }))
  if (!isMissing)
    problems.push(...(await recoverProblems(recover, { ...there, overrides: overrides.retrain ?? {} }, placeOf('recover'))))
  const seed = overrides.seed ?? config.seed ?? 1
  const { command } = reading
  const presetAt = (preset: PresetConfig) => presetSteps(preset, { ...reading, isCalibrated })
  const searched = { ...settings, ...settings.level, steps, evaluation, seed, command, placeOf, presetAt }
  const smallest = await readSmallest(searched, reading)
  const further = await readFurther(
    {
      settings,
      path,
      folder,
      place: placeOf('evaluations'),
      hasFirst: measured !== undefined,
      searched: smallest?.evaluation.request.data,
    },
    reading,
  )
  const name = showPath(pair?.models.first ?? path, reading.cwd)
  const { models: _, prune: __, device: ___, ...rest } = overrides
  // What else it is measured with decides nothing of this.
  const { evaluations: ____, ...alone } = settings
  const merged = { ...alone, seed, overrides: rest }
  const data = { calibration, training, evaluation: afterSearch(evaluation, { smallest, seed }) }
  const about = { path, name, ...present({ folder, pair }) }
  const task = { prove: true, ...settings.level, ...about, seed, steps, recover, ...data, demands, smallest, source: merged }
  return { task, further }
}

interface StepPlaces {
  readonly placeOf: (index: number) => string
  /** Whether there are calibration data that can be run. */
  readonly isCalibrated: boolean
  readonly reading: Reading
}

async function readSteps(
  steps: ModelSettings['prune'],
  { placeOf, isCalibrated, reading }: StepPlaces,
): Promise<readonly PruneStep[]> {
  if ('preset' in steps)
    return (await orProblem(() => presetSteps(steps, { ...reading, isCalibrated }), placeOf(0), reading)) ?? []
  const resolved: PruneStep[] = []
  const source = {
    ...reading,
    isCalibrated,
    maskFolder: reading.overrides.prune?.mask === undefined ? reading.folder : reading.cwd,
  }
  for (const [index, step] of steps.entries()) {
    const one = await orProblem(() => resolveStep(step ?? {}, source), placeOf(index), reading)
    if (one !== undefined) resolved.push(one)
  }
  return resolved
}
