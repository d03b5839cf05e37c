import type { PruneStep } from '@pare/core'
import { usage } from './failure.js'
import type { StepOptions } from './options.js'
import { presetSteps } from './preset.js'
import { resolveStep } from './prune-step.js'
import { ambiguousOverrides, type Overrides, present, settle } from './settings.js'
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

/** What the options say of steps. */
export function stepOverridesOf(options: StepOptions): Overrides {
  const {
    preset,
    structure,
    criterion,
    scope,
    allocation,
    normalize,
    norm,
    minUnits,
    multipleOf,
    uniform,
    include,
    exclude,
    seed,
  } = options
  const target = targetOf(options)
  return present({
    preset,
    structure,
    criterion,
    target,
    scope,
    allocation,
    normalize,
    norm,
    minUnits,
    multipleOf,
    uniform,
    include,
    exclude,
    seed,
  })
}
