import type { PruneStep } from '@pare/core'
import { type CalibrationSource, calibrationProblems, readCalibration } from './calibration.js'
import { formatProblems } from './config-problems.js'
import { Failure, type Problem, usage } from './failure.js'
import type { StepOptions } from './options.js'
import { presetSteps } from './preset.js'
import { resolveStep } from './prune-step.js'
import { type Recover, recoverOf, recoverProblems } from './recover.js'
import { ambiguousOverrides, type Overrides, picked, present, STEP_OPTIONS, settle } from './settings.js'
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

/** The calibration data that the options name, and whether the steps can do with them. Throws one `Failure` with everything wrong. */
export async function readStepData(
  options: StepOptions,
  { steps, cwd, command }: { readonly steps: readonly PruneStep[]; readonly cwd: string; readonly command: string },
): Promise<CalibrationSource | undefined> {
  const { calibrate, samples, batch, tokenizer, length, stride } = options
  const problems: Problem[] = []
  const overrides = present({ calibrate, samples, batch, tokenizer, length, stride })
  const source = { cwd, folder: cwd, overrides, trusted: true, problems }
  const calibration = await readCalibration(undefined, { place: '' }, source)
  if (problems.length === 0) problems.push(...calibrationProblems(steps, calibration, () => ''))
  const [first] = problems
  if (first === undefined) return calibration
  if (problems.length === 1) throw usage(`pare ${command}: ${first.message}`, first.hint)
  throw new Failure('usage', `pare ${command}: ${problems.length} problems:\n${formatProblems(problems)}`, { problems })
}

/** What is to be done once a model is pruned. Throws where the data do not do for it. */
export function readRecover({ recover, preset }: StepOptions, data: CalibrationSource | undefined): Recover {
  const wanted = recoverOf(recover, { isPreset: preset !== undefined, data })
  const [problem] = recoverProblems(wanted, data, '')
  if (problem === undefined) return wanted
  throw usage(`pare: ${problem.message}`, problem.hint)
}

/** What the options say of steps. */
export function stepOverridesOf(options: StepOptions): Overrides {
  return { ...picked(options, [...STEP_OPTIONS, 'preset', 'seed']), ...present({ target: targetOf(options) }) }
}
