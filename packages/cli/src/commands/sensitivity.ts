import { resolve } from 'node:path'
import { type AnyCriterion, type Curves, checkStep, lossCurves, type PlanOptions, type Scope, type Structure } from '@pare/core'
import type { Provider, TextOptions } from '@pare/evaluate'
import { figure } from '@pare/gate'
import { openModel, writeWhole } from '@pare/onnx'
import type { CurvesView } from '@pare/report'
import { forwardOver } from '../engine/forward.js'
import { type TrialData, trialsOver } from '../engine/trials.js'
import { engineOf } from '../engine/work.js'
import { showPath } from '../files/paths.js'
import { collectUntold } from '../pipeline/untold.js'
import { resolveCriterion, resolveStructure } from '../plugins/plugins.js'
import { present } from '../settings/settings.js'
import { answer, type Context, say } from '../terminal/context.js'
import { renderCurvesText } from '../terminal/curves-text.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'

export interface SensitivityOptions {
  readonly data: string
  readonly criterion?: string
  readonly structure?: string
  readonly scope?: Scope
  readonly sparsities?: readonly number[]
  readonly ratios?: readonly number[]
  /** Default: KL divergence from what the whole model gives. */
  readonly metric?: string
  readonly samples?: number
  readonly batch?: number
  readonly tokenizer?: string
  readonly length?: number
  readonly stride?: number
  readonly label?: string
  readonly output?: string
  readonly include?: string[]
  readonly exclude?: string[]
  readonly seed?: number
  readonly provider?: Provider
  readonly out?: string
}

/** `pare sensitivity MODEL --data FILE`: loss against sparsity, each weight or group pruned alone. */
export async function sensitivity(context: Context, model: string, options: SensitivityOptions): Promise<number> {
  const { io } = context
  const source = { folder: io.cwd, trusted: true }
  const structure = await resolveStructure(options.structure ?? 'element', source)
  const criterion = await resolveCriterion(options.criterion ?? 'magnitude', source)
  const amounts = amountsFor(structure, options)
  const better = options.metric === undefined ? 'lower' : (await import('@pare/evaluate')).findMetric(options.metric).better
  const against = options.metric === undefined ? ('outputs' as const) : { metric: options.metric }
  const { samples = DEFAULT_SAMPLES, provider = 'cpu' } = options
  const step = { structure, criterion, ...present({ scope: options.scope, include: options.include, exclude: options.exclude }) }
  checkStep({
    ...step,
    target: structure.kind === 'cut' ? { ratio: amounts[0]! } : { sparsity: structure.sparsity ?? amounts[0]! },
  })
  await using file = await openModel(resolve(io.cwd, model))
  const curves = await measured(
    (more) => lossCurves(file.model, { step, amounts, loss: { against, better, samples } }, more),
    { model, options: { ...options, samples } },
    context,
  )
  const { weights, groups, declined, reference } = curves
  const named = {
    structure: structure.name,
    criterion: criterion.name,
    metric: options.metric ?? 'kl',
    samples,
    executionProvider: provider,
  }
  const shown = { data: showPath(resolve(io.cwd, options.data), io.cwd), ...named, reference }
  answer(context, {
    ...{ schemaVersion: 1, command: 'sensitivity', model, ...shown },
    ...(structure.kind === 'cut' ? { groups } : { weights }),
    declined,
  })
  const view = viewOf(curves, { model, structure, criterion, options: { ...options, samples } })
  say(context, view, renderCurvesText)
  if (options.out !== undefined) {
    const { renderCurves } = await import('@pare/report')
    const path = resolve(io.cwd, options.out)
    await writeWhole(path, renderCurves(view))
    say(context, showPath(path, io.cwd), (shown) => `\n${shown}`)
  }
  return EXIT.pass
}

/** Enough for the order of weights. */
const DEFAULT_SAMPLES = 128
const DEFAULT_AMOUNTS = [0.3, 0.5, 0.7, 0.9]

function amountsFor({ name, kind = 'mask' }: Structure, { sparsities, ratios }: SensitivityOptions): readonly number[] {
  const [given, other] = kind === 'cut' ? [ratios, sparsities] : [sparsities, ratios]
  if (other === undefined) return given ?? DEFAULT_AMOUNTS
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
async function measured(
  run: (options: PlanOptions) => Promise<Curves>,
  { model, options }: { model: string; options: SensitivityOptions },
  context: Context,
): Promise<Curves> {
  const { io, progress } = context
  const { data, tokenizer, length, stride, samples, batch, label, output, seed = 1, provider } = options
  const text: TextOptions | undefined =
    tokenizer === undefined ? undefined : { tokenizer: resolve(io.cwd, tokenizer), ...present({ length, stride }) }
  const source: TrialData = {
    ...{ data: resolve(io.cwd, data), trusted: true },
    ...present({ text, samples, batch, label, output }),
  }
  const engine = engineOf(context, { provider })
  const untold = collectUntold()
  const activity = progress.begin(`${model}: pruning one after another`)
  try {
    return await run({
      ...{ seed, signal: io.signal, forward: forwardOver(source, engine), trials: trialsOver(source, engine) },
      onUntold: untold.add,
      onProgress: ({ done, total }) => activity.update(done, total),
    })
  } finally {
    activity.end()
    for (const warning of untold.warnings()) progress.note(`warning: ${model}: ${warning}`)
  }
}

interface Ran {
  readonly model: string
  readonly structure: Structure
  readonly criterion: AnyCriterion
  readonly options: SensitivityOptions
}

function viewOf({ weights, groups, reference }: Curves, { model, structure, criterion, options }: Ran): CurvesView {
  const { metric, data, samples } = options
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
