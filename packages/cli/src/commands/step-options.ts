import type { PruneStep } from '@pare/core'
import { type CalibrationSource, calibrationProblems, readCalibration } from '../settings/calibration.js'
import { formatProblems } from '../settings/config-problems.js'
import { presetSteps } from '../settings/preset.js'
import { resolveStep } from '../settings/prune-step.js'
import { type Recover, type RetrainOverrides, recoverOf, recoverProblems } from '../settings/recover.js'
import { type ScheduleConfig, scheduleProblems } from '../settings/schedule.js'
import { ambiguousOverrides, type Overrides, picked, present, STEP_OPTIONS, settle } from '../settings/settings.js'
import { readTraining, type TrainingSource } from '../settings/training.js'
import { Failure, type Problem, usage } from '../terminal/failure.js'
import type { StepOptions } from './options.js'
import { targetOf } from './target-options.js'

/** The steps that the options of a command describe: one, or those of a preset. Plugins are resolved from the current folder. */
export async function readSteps(options: StepOptions, cwd: string): Promise<readonly PruneStep[]> {
  const overrides = stepOverridesOf(options)
  const settings = settle({}, {}, overrides)
  const [problem] = ambiguousOverrides(settings, overrides, '')
  if (problem !== undefined) throw usage(`pare: ${problem.message}`, problem.hint)
  const source = { folder: cwd, trusted: true }
  if ('preset' in settings.prune) return presetSteps(settings.prune, source)
  return Promise.all(settings.prune.map((step) => resolveStep(step, source)))
}

/** What a pruning job is given besides its steps. */
export interface JobParts {
  readonly calibration?: CalibrationSource
  readonly training?: TrainingSource
  readonly recover: Recover
  readonly schedule?: ScheduleConfig
}

/** The data that the options name, what is to be recovered with them, and whether all of it goes together. Throws one `Failure` with everything wrong. */
export async function readJob(
  options: StepOptions,
  { steps, cwd, command }: { readonly steps: readonly PruneStep[]; readonly cwd: string; readonly command: string },
): Promise<JobParts> {
  const { calibrate, train, samples, batch, tokenizer, length, stride, schedule, loss } = options
  const problems: Problem[] = []
  const overrides = present({ calibrate, train, samples, batch, tokenizer, length, stride })
  const source = { cwd, folder: cwd, overrides, trusted: true, problems }
  const calibration = await readCalibration(undefined, { place: '' }, source)
  const training = await readTraining(undefined, { place: '', loss }, source)
  if (problems.length === 0)
    problems.push(...calibrationProblems(steps, { calibration, training: training ?? train, loss }, () => ''))
  problems.push(...scheduleProblems(steps, { schedule, isMeasured: calibration?.statistics !== undefined, at: () => '' }))
  const retrain = retrainOverridesOf(options)
  const recover = recoverOf(options.recover, { isPreset: options.preset !== undefined, data: calibration, overrides: retrain })
  if (calibration !== undefined || calibrate === undefined)
    problems.push(
      ...(await recoverProblems(
        recover,
        { calibration, training: training ?? train, overrides: retrain, ...present({ loss }) },
        '',
      )),
    )
  const [first] = problems
  if (first === undefined) return { recover, ...present({ calibration, training, schedule }) }
  if (problems.length === 1)
    throw usage(`pare ${command}: ${first.place === '' ? '' : `${first.place}: `}${first.message}`, first.hint)
  throw new Failure('usage', `pare ${command}: ${problems.length} problems:\n${formatProblems(problems)}`, { problems })
}

/** What the options say of retraining. */
export function retrainOverridesOf(options: StepOptions): RetrainOverrides {
  return picked(options, ['steps', 'epochs', 'learningRate', 'distill'])
}

/** What the options say of steps. */
export function stepOverridesOf(options: StepOptions): Overrides {
  return { ...picked(options, [...STEP_OPTIONS, 'preset', 'seed']), ...present({ target: targetOf(options) }) }
}
