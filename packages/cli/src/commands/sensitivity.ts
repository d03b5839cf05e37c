import { resolve } from 'node:path'
import { type AnyCriterion, type Curves, lossCurves, type PlanOptions, type PruneStep, type Structure } from '@pare/core'
import { figure } from '@pare/gate'
import { writeWhole } from '@pare/onnx'
import type { CurvesView } from '@pare/report'
import { asRun } from '../engine/data-inputs.js'
import { openFolded } from '../engine/folding.js'
import { forwardOver } from '../engine/forward.js'
import { collectPaddedValues } from '../engine/padded-values.js'
import { type TrialData, trialsOver } from '../engine/trials.js'
import { type Work, workOn } from '../engine/work.js'
import { showPath } from '../files/paths.js'
import type { Own } from '../options/commands.js'
import { type OptionValues, overridesOf, ownOf } from '../options/overrides.js'
import { evaluationOf } from '../settings/data/evaluation.js'
import type { Task } from '../settings/task.js'
import { readTask } from '../settings/tasks.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'
import { renderCurvesText } from '../views/curves.js'

/** `pare sensitivity MODEL --data FILE`: loss against sparsity, each weight or group pruned alone. */
export async function sensitivity(context: Context, [written = '']: readonly string[], values: OptionValues): Promise<number> {
  const { io } = context
  await using read = await readTask('sensitivity', written, { values, cwd: io.cwd })
  const { task, engine } = read
  if (task.folder !== undefined) context.progress.note(`model: ${task.folder.choice}`)
  const { samples = DEFAULT_SAMPLES, out, ...own } = ownOf('sensitivity', values)
  const [{ structure, criterion, target: _, ...step }] = task.steps as [PruneStep]
  const amounts = amountsFor(structure, own)
  const metric = overridesOf('sensitivity', values).evaluate?.metric as string | undefined
  const { modules } = evaluationOf(task).request
  const plugin = metric === undefined ? undefined : await (await import('@pare/evaluate')).findMetric(metric, modules)
  if (plugin?.needs.read === 'choices') {
    throw usage(
      `pare sensitivity: metric '${metric}' asks the model questions, and trials are not made of them.`,
      'leave --metric out and give texts: loss is then the divergence from the whole model.',
    )
  }
  const better = plugin?.better ?? 'lower'
  const loss = { against: metric === undefined ? ('outputs' as const) : { metric }, better, samples }
  const work = workOn(task, engine, context)
  await using opened = await openFolded(task.path, work, { mergeAdapters: task.mergeAdapters ?? false })
  const model = await asRun(opened.model, [evaluationOf(task).request.data])
  const curves = await curvesOf(
    (more) => lossCurves(model, { step: { structure, criterion, ...step }, amounts, loss }, more),
    { task, samples },
    work,
  )
  const { weights, groups, declined, reference } = curves
  const data = showPath(evaluationOf(task).request.data, io.cwd)
  const settings = { structure: structure.name, criterion: criterion.name, metric: metric ?? 'kl', samples }
  answer(context, {
    ...{ schemaVersion: 1, command: 'sensitivity', model: task.name, data, ...settings },
    ...{ executionProvider: engine.provider ?? 'cpu', reference },
    ...(structure.kind === 'cut' ? { groups } : { weights }),
    declined,
  })
  const view = viewOf(curves, { model: task.name, structure, criterion, metric, data, samples })
  say(context, view, renderCurvesText)
  if (out !== undefined) {
    const { renderCurves } = await import('@pare/report')
    const path = resolve(io.cwd, out)
    await writeWhole(path, renderCurves(view))
    say(context, showPath(path, io.cwd), (shown) => `\n${shown}`)
  }
  return EXIT.pass
}

/** Enough for the order of weights. */
const DEFAULT_SAMPLES = 128
const DEFAULT_AMOUNTS = [0.3, 0.5, 0.7, 0.9]

function amountsFor({ name, kind = 'mask' }: Structure, { sparsities, ratios }: Own<'sensitivity'>): readonly number[] {
  const [amounts, other] = kind === 'cut' ? [ratios, sparsities] : [sparsities, ratios]
  if (other === undefined) return amounts ?? DEFAULT_AMOUNTS
  throw kind === 'cut'
    ? usage(
        `pare sensitivity: structure '${name}' cuts units and takes ratios, not sparsities.`,
        `say --ratios ${other.join(',')}`,
      )
    : usage(
        `pare sensitivity: structure '${name}' masks elements and takes sparsities, not ratios.`,
        `say --sparsities ${other.join(',')}`,
      )
}

/** Runs what needs data, with progress. */
async function curvesOf(
  run: (options: PlanOptions) => Promise<Curves>,
  { task, samples }: { readonly task: Task; readonly samples: number },
  { signal, progress, label, engine }: Work,
): Promise<Curves> {
  const { metrics: _, ...request } = evaluationOf(task).request
  const source: TrialData = { ...request, samples }
  const padded = collectPaddedValues()
  const activity = progress.begin(`${label}: pruning one after another`)
  try {
    return await run({
      ...{ seed: task.seed, signal, forward: forwardOver(source, engine), trials: trialsOver(source, engine) },
      onPadding: padded.add,
      onProgress: ({ done, total }) => activity.update(done, total),
    })
  } finally {
    activity.end()
    for (const warning of padded.warnings()) progress.note(`warning: ${label}: ${warning}`)
  }
}

interface CurveSubject {
  readonly model: string
  readonly structure: Structure
  readonly criterion: AnyCriterion
  readonly metric: string | undefined
  readonly data: string
  readonly samples: number
}

function viewOf(
  { weights, groups, reference }: Curves,
  { model, structure, criterion, metric, data, samples }: CurveSubject,
): CurvesView {
  const isCut = structure.kind === 'cut'
  const whole = metric === undefined ? '' : ` The whole model has ${metric} ${figure(reference)}.`
  return {
    path: model,
    loss: metric === undefined ? 'KL divergence from the whole model' : `drop of ${metric}`,
    amount: isCut ? 'ratio' : 'sparsity',
    note: `Pruned by ${criterion.name} on ${structure.name}, at most ${samples} samples of ${data}.${whole}`,
    curves: isCut
      ? groups.map(({ id, units, points }) => ({
          id,
          size: units,
          points: points.map(({ ratio, loss }) => ({ amount: ratio, loss })),
        }))
      : weights.map(({ id, node, elements, points }) => ({
          ...{ id: node || id, size: elements },
          points: points.map(({ sparsity, loss }) => ({ amount: sparsity, loss })),
        })),
  }
}
