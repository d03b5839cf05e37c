import { formatDuration } from '@pare/gate'
import { present } from '@pare/onnx'
import { placeFrom } from '@pare/shards'
import { engineOf } from '../engine/work.js'
import { showPath } from '../files/paths.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { type RunOptions, type RunOutcome, run as runModels } from '../pipeline/run.js'
import { runReusing } from '../sharding/reuse.js'
import { runShard, type ShardOutcome } from '../sharding/run-shard.js'
import { runWorkers } from '../sharding/workers.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { stackOf, usage } from '../terminal/failure.js'
import { visibleMessage } from '../terminal/visible.js'
import { renderResults } from '../views/results.js'

/** `pare run [MODELS…]`: what the action runs. */
export async function run(context: Context, models: readonly string[], values: OptionValues): Promise<number> {
  const { shard, workers = 1, reuse } = ownOf('run', values)
  if (reuse !== undefined && workers > 1)
    throw usage(
      `pare run: --reuse ${reuse} and --workers exclude each other.`,
      'give one of them; to run what changed alone with --workers: --carry-forward',
    )
  const options = runOptionsOf('run', { context, models, values })
  if (shard !== undefined) {
    if (workers > 1) throw usage('pare run: --shard and --workers exclude each other.', 'give one of them')
    const place = shard === 'environment' ? placeFrom(context.io.env) : shard
    return tellShard(context, await runShard({ ...options, shard: place, reuse }))
  }
  if (reuse !== undefined) return tellRun(context, await runReusing({ ...options, reuse }))
  return tellRun(
    context,
    workers > 1 ? await runWorkers({ ...options, workers, words: context.words }) : await runModels(options),
  )
}

/** What a command for the models of a config says, as a run takes it. */
export function runOptionsOf(
  command: 'run' | 'merge',
  { context, models, values }: { readonly context: Context; readonly models: readonly string[]; readonly values: OptionValues },
): RunOptions {
  const { io, progress, flags } = context
  const { config, out, lock: write, against, carryForward: carry, badge } = ownOf(command, values)
  return {
    ...present({ config, outDir: out, badge }),
    asked: command,
    overrides: { ...overridesOf(command, values), ...(models.length > 0 && { models: [...models] }) },
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
  }
}

export function tellRun(context: Context, { results, exitCode, files }: RunOutcome): number {
  answer(context, results)
  say(context, { results, files }, (shown) => renderResults(shown.results, shown.files, context))
  return exitCode
}

function tellShard(context: Context, { path, manifest, failures }: ShardOutcome): number {
  const { shard, attempt, pieces } = manifest
  const shown = {
    ...{ shard, attempt, path: showPath(path, context.io.cwd), failures },
    pieces: pieces.map(({ id, seconds }) => ({ id, seconds })),
  }
  answer(context, { schemaVersion: 1, command: 'run', ...shown })
  say(context, shown, ({ path, shard, pieces, failures }) =>
    [
      `shard ${shard.index} of ${shard.count}: ${path}`,
      ...pieces.map(({ id, seconds }) => `  ${id}: ${failures[id] ?? `done in ${formatDuration(seconds * 1000)}`}`),
      ...(pieces.length === 0 ? ['  nothing falls to it'] : []),
      'Nothing is judged yet: pare merge puts all shards together.',
    ].join('\n'),
  )
  return Object.keys(failures).length > 0 ? EXIT.infrastructure : EXIT.pass
}
