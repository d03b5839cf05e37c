import { present } from '@pare/onnx'
import { engineOf } from '../engine/work.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { run as runModels } from '../pipeline/run.js'
import { answer, type Context, say } from '../terminal/context.js'
import { stackOf } from '../terminal/failure.js'
import { visibleMessage } from '../terminal/visible.js'
import { renderResults } from '../views/results.js'

/** `pare run [MODELS…]`: what the action runs. */
export async function run(context: Context, models: readonly string[], values: OptionValues): Promise<number> {
  const { io, progress, flags } = context
  const { config, out, lock: write, against, carryForward: carry } = ownOf('run', values)
  const { results, exitCode, files } = await runModels({
    ...present({ config, outDir: out }),
    overrides: { ...overridesOf('run', values), ...(models.length > 0 && { models: [...models] }) },
    engine: engineOf(context, { device: 'auto' }),
    lock: { write, against, carry },
    usualBaselines: true,
    ...{ cwd: io.cwd, env: io.env },
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
