import type { ChildOptions, ModelDescription } from '@pare/evaluate'
import { figure, formatBytes, formatCount, formatDuration } from '@pare/gate'
import { present } from '@pare/onnx'
import { childOf, engineOf } from '../engine/work.js'
import { showPath } from '../files/paths.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { repeatedSamples } from '../pipeline/facts/repeated-samples.js'
import { doubtsOf, type LookedAt, lookFirst, refuseFailed } from '../pipeline/first-look.js'
import { isFurther } from '../pipeline/pruned-models.js'
import { formatProblems } from '../settings/config/config-problems.js'
import type { Task } from '../settings/task.js'
import { readTasks } from '../settings/tasks.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { Failure, isPareError, type Problem } from '../terminal/failure.js'
import { renderTable } from '../terminal/table.js'

/** `pare check [MODELS…]`: all settings and data of a run, looked at and timed; nothing is pruned, nothing written. */
export async function check(context: Context, models: readonly string[], values: OptionValues): Promise<number> {
  const { io, progress } = context
  const { config } = ownOf('check', values)
  const overrides = { ...overridesOf('check', values), ...(models.length > 0 && { models: [...models] }) }
  await using read = await readTasks({ cwd: io.cwd, config, overrides, trusted: true, asked: 'check' })
  const { tasks, engine, config: file } = read
  const used = file && showPath(file, io.cwd)
  const looks = await lookFirst(tasks, { signal: io.signal, progress, engine: { ...engineOf(context, engine) }, cwd: io.cwd })
  refuseFailed(looks)
  // Of a further evaluation other data are those of its first, which are told there.
  const shown = looks.filter(({ task, purpose }) => !isFurther(task) || purpose === 'evaluation').map(describe)
  const bare = tasks.filter((task) => !looks.some((look) => look.task === task))
  const opened = await openBare(bare, { signal: io.signal, ...childOf({ ...engineOf(context, engine) }) })
  const repeated = [...(await repeatedSamples(looks))].flatMap(([{ name }, sentences]) =>
    sentences.map((sentence) => `${name}: ${sentence}`),
  )
  const doubted = looks.filter((each) => doubtsOf(each).length > 0)
  const doubts = doubted.flatMap((each) => doubtsOf(each).map((doubt) => `${each.task.name}: ${doubt}`))
  const warnings = [...new Set(doubts), ...repeated, ...looks.flatMap(looseDemands)]
  answer(context, {
    schemaVersion: 1,
    command: 'check',
    ...(used !== undefined && { config: used }),
    data: shown,
    ...(opened.length > 0 && { models: opened }),
    ...(warnings.length > 0 && { warnings }),
  })
  const names = {
    tasks: tasks.filter((task) => !isFurther(task)).map(({ name }) => name),
    doubted: [...new Set(doubted.map(({ task }) => task.name))],
  }
  say(context, { used, ...names, shown, opened, warnings }, render)
  return EXIT.pass
}

/** A model without data, and what ONNX Runtime says of it. */
type OpenedModel = ModelDescription & { readonly model: string }

/** Opens models that no data are named for. Throws one Failure with all that do not open. */
async function openBare(tasks: readonly Task[], options: ChildOptions): Promise<readonly OpenedModel[]> {
  const { describeModel } = await import('@pare/evaluate')
  const opened: OpenedModel[] = []
  const problems: Problem[] = []
  for (const { path, name } of tasks) {
    try {
      opened.push({ model: name, ...(await describeModel(path, options)) })
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!isPareError(error)) throw error
      problems.push({ place: name, message: error.message, ...present({ hint: error.hint }) })
    }
  }
  const [first] = problems
  if (first === undefined) return opened
  if (problems.length === 1) throw new Failure('usage', `pare check: ${first.message}`, { hint: first.hint, problems })
  throw new Failure('usage', `pare check: ${problems.length} models do not open:\n${formatProblems(problems)}`, { problems })
}

/** Demands on accuracy that always answering the commonest label would meet, even where the reference is always right. */
function looseDemands({ task, purpose, look }: LookedAt): string[] {
  const [commonest] = look?.labels ?? []
  if (purpose !== 'evaluation' || commonest === undefined || look!.read === 0) return []
  const share = commonest[1] / look!.read
  return (task.demands ?? []).flatMap((demand) => {
    const { metric = task.evaluation?.request.metrics[0], maxDrop, min, where, by, classes } = demand
    if (metric !== 'accuracy' || (where ?? by ?? classes) !== undefined) return []
    const allowed = typeof maxDrop === 'object' ? maxDrop.relative : maxDrop
    const isMet = (allowed ?? 1) >= 1 - share && (min === undefined || share >= min)
    if ((maxDrop === undefined && min === undefined) || !isMet) return []
    const limit = maxDrop === undefined ? `min ${figure(min!)}` : `a drop of ${figure(allowed!)}`
    return [
      `${task.name}: the limit on accuracy (${limit}) is so loose that always answering ${commonest[0]}, without looking at the input, meets it: that gets ${figure(share)}. Tighten it.`,
    ]
  })
}

/** What a look found, and what it means for a run. */
function describe(looked: LookedAt) {
  const { task, purpose, data, look } = looked
  const doubts = doubtsOf(looked)
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
      ...{
        peakMemoryBytes: look.peakMemoryBytes,
        notes: [...look.notes, ...look.doubts.filter((doubt) => !doubts.includes(doubt))],
      },
    }),
  }
}

type Shown = ReturnType<typeof describe>

interface Rendered {
  readonly used: string | undefined
  readonly tasks: readonly string[]
  /** Models of which a drop would say nothing. */
  readonly doubted: readonly string[]
  readonly shown: readonly Shown[]
  readonly opened: readonly OpenedModel[]
  readonly warnings: readonly string[]
}

function render({ used, tasks, doubted, shown, opened, warnings }: Rendered, columns: number): string {
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
    ...opened.flatMap(({ model, inputs, outputs }) => [
      `${model}: ONNX Runtime opens it.`,
      `  takes ${valuesText(inputs)}`,
      `  gives ${valuesText(outputs)}`,
      '',
    ]),
    ...new Set(shown.flatMap(({ data, notes = [] }) => notes.map((note) => `${data}: ${note}`))),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...without.map((name) => `${name}: no evaluation data, so its verdict will be incomplete.`),
    opened.length === tasks.length
      ? `No data are named, so ${tasks.length === 1 ? 'the model was opened' : 'the models were opened'} and not run: name some with --data.`
      : `${usableText(tasks, doubted)} Pruning itself and recovery take their own time.`,
  ].join('\n')
}

function usableText(tasks: readonly string[], doubted: readonly string[]): string {
  const all = tasks.length === 1 ? 'The model and its' : `All ${tasks.length} models and their`
  if (doubted.length === 0) return `${all} data can be used.`
  const whose = tasks.length === 1 ? 'the verdict' : `the verdict on ${doubted.join(', ')}`
  return `${all} data can be read and run, but ${whose} will be incomplete until the warning above is seen to.`
}

function valuesText(values: ModelDescription['inputs']): string {
  return values.map(({ name, type, shape }) => `${name} ${type}[${shape.join(', ')}]`).join('; ') || 'no tensor'
}

function labelsText({ labels }: Shown): string {
  if (labels === undefined) return '–'
  const few = labels.slice(0, 4).map(({ label, samples }) => `${label}: ${formatCount(samples)}`)
  return `${few.join(', ')}${labels.length > few.length ? ', …' : ''}`
}
