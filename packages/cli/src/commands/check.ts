import { formatBytes, formatCount, formatDuration } from '@pare/gate'
import { engineOf } from '../engine/work.js'
import { showPath } from '../files/paths.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { type LookedAt, lookFirst, refuseFailed } from '../pipeline/first-look.js'
import { repeatedSamples } from '../pipeline/repeated-samples.js'
import { readTasks } from '../settings/tasks.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { renderTable } from '../terminal/table.js'

/** `pare check [MODELS…]`: all settings and data of a run, looked at and timed; nothing is pruned, nothing written. */
export async function check(context: Context, models: readonly string[], values: OptionValues): Promise<number> {
  const { io, progress } = context
  const { config } = ownOf('check', values)
  const overrides = { ...overridesOf('check', values), ...(models.length > 0 && { models: [...models] }) }
  const { tasks, engine, config: file } = await readTasks({ cwd: io.cwd, config, overrides, trusted: true })
  const used = file && showPath(file, io.cwd)
  const looks = await lookFirst(tasks, { signal: io.signal, progress, engine: { ...engineOf(context, engine) }, cwd: io.cwd })
  refuseFailed(looks)
  const shown = looks.map(describe)
  const warnings = [...(await repeatedSamples(looks))].flatMap(([{ name }, sentences]) =>
    sentences.map((sentence) => `${name}: ${sentence}`),
  )
  answer(context, {
    schemaVersion: 1,
    command: 'check',
    ...(used !== undefined && { config: used }),
    data: shown,
    ...(warnings.length > 0 && { warnings }),
  })
  say(context, { used, tasks: tasks.map(({ name }) => name), shown, warnings }, render)
  return EXIT.pass
}

/** What a look found, and what it means for a run. */
function describe({ task, purpose, data, look }: LookedAt) {
  const samples = look?.samples ?? look?.read
  // Reference and pruned model both run over evaluation data, others once.
  const passes = purpose === 'evaluation' ? 2 : 1
  const isKnown = look?.samples !== undefined && look.msPerSample !== undefined
  return {
    ...{ model: task.name, purpose, data },
    ...(look !== undefined && {
      ...{ samples, isAll: look.samples !== undefined, read: look.read },
      ...(look.labels !== undefined && { labels: look.labels.map(([label, count]) => ({ label, samples: count })) }),
      ...(look.output !== undefined && { output: look.output }),
      ...(look.batch !== undefined && { batch: look.batch }),
      ...(look.msPerSample !== undefined && { msPerSample: look.msPerSample }),
      ...(isKnown && { runMs: passes * look.samples! * look.msPerSample! }),
      ...{ peakMemoryBytes: look.peakMemoryBytes, notes: look.notes },
    }),
  }
}

type Shown = ReturnType<typeof describe>

interface Rendered {
  readonly used: string | undefined
  readonly tasks: readonly string[]
  readonly shown: readonly Shown[]
  readonly warnings: readonly string[]
}

function render({ used, tasks, shown, warnings }: Rendered, columns: number): string {
  const rows = shown.map((each) => [
    ...[each.model, each.purpose, each.data],
    each.samples === undefined ? '–' : `${each.isAll ? '' : 'at least '}${formatCount(each.samples)}`,
    labelsText(each),
    each.runMs === undefined ? '–' : `about ${formatDuration(each.runMs)}`,
    each.peakMemoryBytes === undefined ? '–' : formatBytes(each.peakMemoryBytes),
  ])
  const without = tasks.filter((name) => !shown.some(({ model, purpose }) => model === name && purpose === 'evaluation'))
  return [
    used === undefined ? 'No config: the options say everything.' : `Config: ${used}`,
    '',
    ...(rows.length > 0
      ? [renderTable(['model', 'for', 'data', 'samples', 'labels', 'time to run', 'memory'], rows, { columns }), '']
      : []),
    ...shown.flatMap(({ data, notes = [] }) => notes.map((note) => `${data}: ${note}`)),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...without.map((name) => `${name}: no evaluation data, so its verdict will be incomplete.`),
    `${tasks.length === 1 ? 'The model' : `All ${tasks.length} models`} and their data can be used. Pruning itself and recovery take their own time.`,
  ].join('\n')
}

function labelsText({ labels }: Shown): string {
  if (labels === undefined) return '–'
  const few = labels.slice(0, 4).map(({ label, samples }) => `${label}: ${formatCount(samples)}`)
  return `${few.join(', ')}${labels.length > few.length ? ', …' : ''}`
}
