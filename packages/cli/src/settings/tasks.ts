import { dirname, resolve } from 'node:path'
import type { PruneStep } from '@pare/core'
import type { Provider } from '@pare/evaluate'
import type { Limits } from '@pare/gate'
import { isGlob } from '@pare/onnx'
import type { DeviceChoice } from '../engine/device.js'
import { globFiles } from '../files/model-files.js'
import { isFile, showPath } from '../files/paths.js'
import { Failure, type Problem, reportOf } from '../terminal/failure.js'
import { type CalibrationSource, calibrationProblems, readCalibration } from './calibration.js'
import type { Config, ModelConfig } from './config.js'
import { findConfig, loadConfig } from './config-file.js'
import { checkShape, formatProblems } from './config-problems.js'
import { type Evaluation, readEvaluation, readLimits } from './evaluation.js'
import { presetSteps } from './preset.js'
import { resolveStep } from './prune-step.js'
import { type Recover, recoverOf, recoverProblems } from './recover.js'
import { type ScheduleConfig, scheduleProblems } from './schedule.js'
import { ambiguousOverrides, type Overrides, picked, present, type Settings, settle } from './settings.js'
import { readTraining, type TrainingSource } from './training.js'
import { isWrittenInside, refuseOutside } from './workspace.js'

/** Everything a run does for one model, with plugins loaded and paths absolute. */
export interface Task {
  readonly path: string
  /** The path as messages and results name it: relative to `cwd`, with forward slashes. */
  readonly name: string
  readonly steps: readonly PruneStep[]
  /** Default: 'one-shot'. */
  readonly schedule?: ScheduleConfig
  /** Default: nothing. */
  readonly recover?: Recover
  /** What criteria look at, and repair. */
  readonly calibration?: CalibrationSource
  /** What it is retrained on. */
  readonly training?: TrainingSource
  /** Undefined: the model cannot pass. */
  readonly evaluation?: Evaluation
  readonly limits?: Limits
  /** Default: true. */
  readonly prove?: boolean
}

export interface TaskOptions {
  readonly cwd: string
  /** A file, or the config itself (its paths start at `cwd`). Default: the nearest `pare.config.*` upwards from `cwd`, if any. */
  readonly config?: string | Config
  readonly overrides: Overrides
  /** False: nothing executable of the checkout is loaded. */
  readonly trusted: boolean
  /** The checkout. Where it is not trusted, files that it names must lie in it, behind all links. Default: `cwd` */
  readonly workspace?: string
}

export interface Tasks {
  readonly tasks: readonly Task[]
  readonly seed: number
  /** As the options or the config have it. */
  readonly provider?: Provider
  readonly device?: DeviceChoice
}

/** Reads the config and checks all of it before anything runs. Throws one `Failure` with every problem found. */
export async function readTasks(options: TaskOptions): Promise<Tasks> {
  const workspace = options.trusted ? undefined : (options.workspace ?? options.cwd)
  const { value, folder, shown } = await source({ ...options, workspace })
  const { problems: shape, rest } = checkShape(value)
  const config = (rest ?? {}) as Config
  const check: Check = { ...options, config, folder, workspace, problems: [...shape] }
  const entries = await expandModels(check)
  const tasks: Task[] = []
  for (const entry of entries) tasks.push(await readTask(entry, check))
  const problems = distinct(check.problems)
  if (entries.length === 0 && problems.length === 0) problems.push(noModels(shown))
  if (problems.length > 0) throw invalid(problems, shown)
  const { seed, provider, device } = { ...config, ...picked(options.overrides, ['seed', 'provider', 'device']) }
  return { tasks, seed: seed ?? 1, ...present({ provider, device }) }
}

interface Check {
  readonly cwd: string
  readonly folder: string
  readonly config: Config
  readonly overrides: Overrides
  readonly trusted: boolean
  readonly workspace: string | undefined
  /** Collects. */
  readonly problems: Problem[]
}

/** A model file with the config entry it belongs to. */
interface Entry {
  readonly path: string
  readonly model: Partial<ModelConfig>
  /** 'models[0]', or '' for a model that only the options name. */
  readonly place: string
}

async function source({
  cwd,
  config,
  trusted,
  workspace,
}: Omit<TaskOptions, 'workspace'> & Pick<Check, 'workspace'>): Promise<{ value: unknown; folder: string; shown?: string }> {
  if (typeof config === 'object') return { value: config, folder: cwd, shown: 'the config' }
  const path = await findConfig(cwd, config)
  if (path === undefined) return { value: {}, folder: cwd }
  await refuseOutside(path, `config ${showPath(path, cwd)}`, workspace)
  const { value } = await loadConfig(path, trusted)
  return { value, folder: dirname(path), shown: showPath(path, cwd) }
}

async function expandModels(check: Check): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for (const [index, model] of (check.config.models ?? []).entries()) {
    const place = `models[${index}]`
    if (model?.path === undefined) continue
    // Before anything is looked for there.
    await refuseOutside(resolve(check.folder, model.path), `model ${model.path}`, check.workspace)
    for (const path of await expand(model.path, { folder: check.folder, place: `${place}.path` }, check)) {
      await refuseOutside(path, `model ${showPath(path, check.cwd)}`, check.workspace)
      entries.push({ path, model, place })
    }
  }
  if (check.overrides.models === undefined) return entries
  const chosen: Entry[] = []
  for (const pattern of check.overrides.models) {
    for (const path of await expand(pattern, { folder: check.cwd, place: '' }, check)) {
      const { workspace } = check
      if (workspace !== undefined && isWrittenInside(path, workspace))
        await refuseOutside(path, `model ${showPath(path, check.cwd)}`, workspace)
      const known = entries.filter((entry) => entry.path === path)
      chosen.push(...(known.length > 0 ? known : [{ path, model: {}, place: '' }]))
    }
  }
  return chosen
}

/** Files of a path or glob, absolute and in order. None is a problem; the name itself stands in, so that the rest of its entry is checked too. */
async function expand(
  pattern: string,
  { folder, place }: { folder: string; place: string },
  { problems }: Check,
): Promise<readonly string[]> {
  const literal = resolve(folder, pattern)
  if (await isFile(literal)) return [literal]
  if (!isGlob(pattern)) {
    problems.push({ place, message: `model '${pattern}' is not a file (looked for ${literal}).`, hint: 'check the path' })
    return [literal]
  }
  const found = await globFiles(pattern, folder)
  if (found.length === 0) {
    problems.push({ place, message: `'${pattern}' matches no file in ${folder}.`, hint: 'check the glob' })
    return [literal]
  }
  return found
}

async function readTask({ path, model, place }: Entry, check: Check): Promise<Task> {
  const { config, overrides, problems } = check
  const settings = settle(config, model, overrides)
  problems.push(...ambiguousOverrides(settings, overrides, place))
  const stepsPlace = model.prune === undefined ? 'prune' : `${place}.prune`
  const stepPlace = (index: number) => ('preset' in settings.prune ? stepsPlace : `${stepsPlace}[${index}]`)
  const steps = await readSteps(settings.prune, stepsPlace, check)
  const own = (field: 'evaluate' | 'gate' | 'calibrate' | 'train' | 'recover') =>
    model[field] === undefined ? field : `${place}.${field}`
  const evaluation = await readEvaluation(settings.evaluate, own('evaluate'), check)
  const limits = await readLimits(settings.gate, { metric: evaluation?.request.metrics[0], place: own('gate'), source: check })
  const calibration = await readCalibration(settings.calibrate, { place: own('calibrate'), evaluation }, check)
  const training = await readTraining(settings.train, { place: own('train'), loss: settings.loss, evaluation }, check)
  // Where data are named that are not there, that is said already.
  const there = { calibration, training: training ?? settings.train ?? overrides.train, loss: settings.loss }
  if (calibration !== undefined || (settings.calibrate ?? overrides.calibrate) === undefined)
    problems.push(...calibrationProblems(steps, there, stepPlace))
  problems.push(
    ...scheduleProblems(steps, { schedule: settings.schedule, isMeasured: calibration?.statistics !== undefined, at: stepPlace }),
  )
  const { retrain } = overrides
  const recover = recoverOf(settings.recover, {
    ...{ isPreset: 'preset' in settings.prune, data: calibration },
    ...(retrain && { overrides: retrain }),
  })
  const named = {
    training: training ?? settings.train ?? overrides.train,
    ...present({ loss: settings.loss }),
    ...(retrain && { overrides: retrain }),
  }
  problems.push(...(await recoverProblems(recover, { calibration, ...named }, own('recover'))))
  return {
    path,
    name: showPath(path, check.cwd),
    steps,
    recover,
    ...(settings.schedule !== undefined && { schedule: settings.schedule }),
    ...(training && { training }),
    ...(calibration && { calibration }),
    ...(evaluation && { evaluation }),
    ...(limits && { limits }),
    ...(settings.prove !== undefined && { prove: settings.prove }),
  }
}

async function readSteps(steps: Settings['prune'], place: string, check: Check): Promise<readonly PruneStep[]> {
  if ('preset' in steps) return (await orProblem(() => presetSteps(steps, check), place, check)) ?? []
  const found: PruneStep[] = []
  for (const [index, step] of steps.entries()) {
    const resolved = await orProblem(() => resolveStep(step ?? {}, check), `${place}[${index}]`, check)
    if (resolved !== undefined) found.push(resolved)
  }
  return found
}

/** What `read` gives; where the user said something wrong that is noted, and undefined. */
async function orProblem<Result>(read: () => Promise<Result>, place: string, { problems }: Check): Promise<Result | undefined> {
  try {
    return await read()
  } catch (error) {
    const { kind, message, hint } = reportOf(error)
    if (kind !== 'usage') throw error
    problems.push({ place, message, ...(hint !== undefined && { hint }) })
    return undefined
  }
}

/** A problem at the top level of a config shows with each model that inherits it, and is told once. */
function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.place}\n${problem.message}`, problem])).values()]
}

function noModels(shown: string | undefined): Problem {
  return shown === undefined
    ? { place: '', message: 'no model to run, and no pare.config.* here or above.', hint: 'write a config with: pare init' }
    : { place: 'models', message: 'is missing or empty: nothing to run.', hint: "name a model: models: [{ path: 'model.onnx' }]" }
}

function invalid(problems: readonly Problem[], shown = 'the options'): Failure {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  return new Failure('usage', `pare run: ${count} in ${shown}:\n${formatProblems(problems)}`, { problems })
}
