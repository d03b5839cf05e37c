import { formatCount, formatDuration } from '@pare/gate'
import { present } from '@pare/onnx'
import { engineOf } from '../engine/work.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { openRun } from '../pipeline/run.js'
import { type SpreadRun, spreadRun } from '../sharding/spread.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { renderTable } from '../terminal/table.js'

/** `pare plan-run [MODELS…]`: how a run is spread over machines. Nothing is done. */
export async function planRun(context: Context, models: readonly string[], values: OptionValues): Promise<number> {
  const { io, progress } = context
  const { config, against, carryForward: carry, shards = 1 } = ownOf('plan-run', values)
  await using opened = await openRun({
    ...present({ config }),
    asked: 'plan-run',
    overrides: { ...overridesOf('plan-run', values), ...(models.length > 0 && { models: [...models] }) },
    engine: engineOf(context, { device: 'auto' }),
    lock: { against, carry },
    ...{ cwd: io.cwd, env: io.env, signal: io.signal, progress },
  })
  const { tasks: _, ...plan } = await spreadRun(opened, shards)
  const used = [...new Set(plan.pieces.map(({ shard }) => shard))].sort((a, b) => a - b)
  answer(context, { schemaVersion: 1, command: 'plan-run', ...plan, used })
  say(context, plan, render)
  return EXIT.pass
}

function render({ shards, pieces, carried, guessed }: Omit<SpreadRun, 'tasks'>, columns: number): string {
  const loads = Array.from({ length: shards }, (_, i) => pieces.filter(({ shard }) => shard === i + 1))
  const rows = loads.flatMap((own, i) => own.map(({ id, seconds }) => [`${i + 1}`, id, formatDuration(seconds * 1000)]))
  const most = Math.max(0, ...loads.map((own) => own.reduce((sum, { seconds }) => sum + seconds, 0)))
  const idle = loads.filter((own) => own.length === 0).length
  const lines = [
    renderTable(['shard', 'piece', 'about'], rows, { columns }),
    '',
    `${formatCount(shards)} ${shards === 1 ? 'shard' : 'shards'}: about ${formatDuration(most * 1000)} for the longest.`,
    ...(idle > 0 ? [`${idle} of them ${idle === 1 ? 'has' : 'have'} nothing to do: fewer are enough.`] : []),
    ...(guessed.length > 0
      ? [
          `Times are guesses from the size of the files, for ${guessed.length} of the models: pare run --lock keeps measured ones.`,
        ]
      : []),
    ...(carried.length > 0 ? [`Taken from the lock file: ${carried.join(', ')}.`] : []),
    `Each machine: pare run --shard 1/${shards}. Then: pare merge pare-out/shards`,
  ]
  return lines.join('\n')
}
