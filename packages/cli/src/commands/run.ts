import type { Limits } from '@pare/gate'
import type { DeviceChoice } from '../engine/device.js'
import { engineOf } from '../engine/work.js'
import { run as runModels } from '../pipeline/run.js'
import { type Overrides, present } from '../settings/settings.js'
import { answer, type Context, say } from '../terminal/context.js'
import { stackOf } from '../terminal/failure.js'
import { renderResults } from '../terminal/run-table.js'
import { visibleMessage } from '../terminal/visible.js'
import type { DataOptions } from './evaluate.js'
import type { StepOptions } from './options.js'
import { retrainOverridesOf, stepOverridesOf } from './step-options.js'

export interface RunCommandOptions extends StepOptions, Partial<DataOptions> {
  readonly config?: string
  readonly label?: string
  readonly output?: string
  readonly out?: string
  readonly prove?: boolean
  readonly device?: DeviceChoice
  readonly maxDrop?: NonNullable<Limits['maxDrop']>
  readonly min?: number
  readonly max?: number
  readonly certainty?: number
  readonly allowWorthlessReference?: boolean
}

/** `pare run [MODELS…]`: what the action runs. */
export async function run(context: Context, models: readonly string[], options: RunCommandOptions): Promise<number> {
  const { io, progress, flags } = context
  const { results, exitCode, files } = await runModels({
    ...present({ config: options.config, outDir: options.out }),
    overrides: overridesOf(models, options),
    engine: engineOf(context, { device: 'auto' }),
    cwd: io.cwd,
    signal: io.signal,
    progress,
    onResult: ({ path, verdict }) => progress.note(`${path}: ${verdict}`),
    onError: (model, error) => {
      if (flags.verbose) io.stderr.write(`${visibleMessage(`${model}: ${stackOf(error)}`)}\n`)
    },
  })
  answer(context, results)
  say(context, { results, files }, (shown) => renderResults(shown.results, shown.files, context))
  return exitCode
}

function overridesOf(models: readonly string[], options: RunCommandOptions): Overrides {
  const { data, metric, label, output, batch, tokenizer, length, stride, calibrate, samples } = options
  const { maxDrop, min, max, certainty, allowWorthlessReference, prove } = options
  const gate = present({ maxDrop, min, max, certainty, allowWorthlessReference })
  const retrain = retrainOverridesOf(options)
  return present({
    models: models.length > 0 ? models : undefined,
    gate: Object.keys(gate).length > 0 ? gate : undefined,
    ...stepOverridesOf(options),
    // Commander says true where nothing was said: then the config decides.
    prove: prove === false ? false : undefined,
    ...{ recover: options.recover, provider: options.provider, device: options.device, schedule: options.schedule },
    ...{ train: options.train, loss: options.loss, retrain: Object.keys(retrain).length > 0 ? retrain : undefined },
    ...{ data, metric, label, output, batch, tokenizer, length, stride, calibrate, samples },
  })
}
