import { applyPlan, type CalibrationFacts, type Forward, type PlanStep, planRounding, type UpdateStep } from '@pare/core'
import { percent, plural } from '@pare/gate'
import { type Model, present, usesOf } from '@pare/onnx'
import {
  applyQuantisation,
  gridsOf,
  measureError,
  type OutputError,
  type QuantisedModel,
  type Quantiser,
  type QuantiseStep,
  quantise,
  type SmoothedModel,
  type SmoothStep,
  smooth,
} from '@pare/quantise'
import { forwardOver } from '../../engine/forward.js'
import type { Work } from '../../engine/work.js'
import { hashCalibration } from '../../files/hash.js'
import type { QuantiseConfig } from '../../options/quantise.js'
import { describeFiles } from '../../settings/data/calibration.js'
import { type QuantiserSettings, quantiserOf, whoMeasures } from '../../settings/quantise.js'
import type { Task } from '../../settings/task.js'
import type { StagedModel } from '../stage.js'

/** What was done to weights, and what was not. */
export interface QuantisationFacts {
  readonly method: Quantiser
  /** Of weights in blocks. */
  readonly block?: number
  /** Who rounded weights on calibration data. Absent: each element became the nearest. */
  readonly rounding?: string
  /** Where weights were smoothed first. */
  readonly smoothing?: SmoothingFacts
  readonly weights: number
  readonly elements: number
  readonly left: QuantiseStep['left']
  /** Where an error of the outputs is allowed. */
  readonly outputError?: OutputError
}

export interface SmoothingFacts {
  readonly exponent: number | 'search'
  readonly weights: number
  /** Weights that are as they were, and why. */
  readonly left: SmoothStep['left']
}

export interface QuantisedOutcome {
  readonly model: Model
  readonly steps: readonly PlanStep[]
  readonly facts?: QuantisationFacts
  /** The data that ranges were measured on. */
  readonly calibration?: CalibrationFacts
  readonly warnings: readonly string[]
}

/** A model, and the one before elements of its weights were masked, whose outputs rounding on data is to meet. Default of the latter: its own */
export interface QuantisedSource {
  readonly model: Model
  readonly whole?: Model | undefined
}

/**
 * The model that rounding is to be faithful to: the one that was pruned, where nothing but masks, and solvers that made up for them, changed weights. Undefined: what was repaired, trained or cut
 * has outputs of its own.
 */
export function wholeOf(model: Model, { steps, repair, blocks, trainings }: Recovered): Model | undefined {
  const isRecovered = repair !== undefined || blocks.length > 0 || trainings.length > 0
  return !isRecovered && steps.every(({ kind }) => kind === 'mask' || kind === 'update') ? model : undefined
}

type Recovered = Pick<StagedModel, 'steps' | 'repair' | 'blocks' | 'trainings'>

/** The model in fewer bits, where that is wanted. */
export async function quantiseModel(
  { model, whole }: QuantisedSource,
  { quantise: setting, calibration, seed }: Pick<Task, 'quantise' | 'calibration' | 'seed'>,
  work: Work,
): Promise<QuantisedOutcome> {
  if (setting === undefined) return { model, steps: [], warnings: [] }
  const { signal } = work
  const counts: Pick<CalibrationFacts, 'samples'> = {}
  const forward = forwardFor(setting, calibration, work, ({ samples }) => Object.assign(counts, { samples }))
  await using hashing = forward && hashCalibration(calibration!.run)
  const settings = quantiserOf(setting)
  const smoothed = await smoothedBy(settings, { model, forward }, work)
  const { model: base = model, step: smoothing } = smoothed ?? {}
  const nearest = await quantise(base, { ...settings, signal, ...present({ run: forward }) })
  const isRounded = settings.rounding === 'gptq' && nearest.step.weights.length > 0
  // An error that is allowed is one against the pruned model.
  const faithful = settings.error === undefined ? whole : undefined
  const target = faithful && smoothing ? await applyPlan(faithful, { seed, steps: [smoothing] }) : faithful
  const {
    model: quantised,
    step,
    outputError,
    rounding,
  } = isRounded
    ? await roundedBy(nearest, { model: base, whole: target, forward: forward!, seed }, work)
    : { ...nearest, rounding: undefined }
  const update = rounding?.tensors.length === 0 ? undefined : rounding
  signal.throwIfAborted()
  const { provider: executionProvider = 'cpu' } = work.engine
  const data = hashing && {
    ...{ path: describeFiles(calibration!.run, work.cwd), sha256: await hashing.digest() },
    ...{ ...counts, executionProvider },
  }
  const isNothing = step.weights.length === 0
  return {
    model: quantised,
    steps: isNothing ? [] : ([smoothing, update, step].filter((each) => each !== undefined && !isIdle(each)) as PlanStep[]),
    facts: {
      ...factsOf(step),
      ...present({ rounding: update?.by, outputError, smoothing: smoothing && smoothingFacts(smoothing, settings.smooth!) }),
    },
    warnings: [
      ...(isNothing ? [`nothing is quantised: ${whyNothing(step, 'the model has no large weights')}`] : []),
      ...(smoothing === undefined || smoothing.values.length > 0
        ? []
        : [`nothing is smoothed: ${whyNothing(smoothing, 'no weight of a product is rounded')}`]),
      ...(rounding?.notes ?? []),
      ...(settings.rounding === 'gptq' ? halvesWarnings(base, step) : []),
      ...(outputError === undefined ? [] : errorWarnings(step.method, outputError)),
    ],
    ...present({ calibration: data }),
  }
}

/** Weights and what stands before them scaled so that both are easier to round. Undefined where that is not wanted. */
async function smoothedBy(
  { smooth: exponent, method, block }: QuantiserSettings,
  { model, forward }: { readonly model: Model; readonly forward: Forward | undefined },
  { signal }: Work,
): Promise<SmoothedModel | undefined> {
  if (exponent === undefined) return undefined
  return await smooth(model, { method, exponent, run: forward!, signal, ...present({ block }) })
}

function isIdle(step: PlanStep): boolean {
  return step.kind === 'smooth' && step.values.length === 0
}

function smoothingFacts({ values, left }: SmoothStep, exponent: SmoothingFacts['exponent']): SmoothingFacts {
  return { exponent, weights: values.reduce((sum, { weights }) => sum + weights.length, 0), left }
}

interface RoundingJob extends QuantisedSource {
  readonly forward: Forward
  readonly seed: number
}

/** The same with weights rounded to the grids of their forms so that what follows makes up for it; which are sensitive was found with each to the nearest. */
async function roundedBy(
  { step: nearest, outputError, ...others }: QuantisedModel,
  { model, whole, forward, seed }: RoundingJob,
  work: Work,
): Promise<QuantisedModel & { readonly rounding: UpdateStep }> {
  const { gptq } = await import('@pare/criterion-sparsegpt')
  const { signal } = work
  const activity = work.progress.begin(`${work.label}: rounding weights`)
  try {
    const onProgress = ({ done, total }: { done: number; total: number }) => activity.update(done, total)
    const request = { solver: gptq(), grids: gridsOf(model, nearest), ...present({ whole }) }
    const rounding = await planRounding(model, request, { seed, forward, signal, onProgress })
    if (rounding.tensors.length === 0) return { ...others, step: nearest, rounding, ...present({ outputError }) }
    const onGrid = new Set(rounding.tensors.map(({ id }) => id))
    const weights = nearest.weights.map((weight) => (onGrid.has(weight.id) ? { ...weight, onGrid: true as const } : weight))
    const step = { ...nearest, weights }
    const rounded = await applyQuantisation(await applyPlan(model, { seed, steps: [rounding] }), step)
    const error = outputError && { ...outputError, after: await measureError(model, rounded, { run: forward, signal }) }
    return { model: rounded, step, rounding, ...present({ outputError: error }) }
  } finally {
    activity.end()
  }
}

/** What runs calibration data, where a form of weights needs them. `onEnd` is told what ran. */
export function forwardFor(
  setting: QuantiseConfig,
  calibration: Task['calibration'],
  { engine, progress, label }: Pick<Work, 'engine' | 'progress' | 'label'>,
  onEnd?: Parameters<typeof forwardOver>[2],
): Forward | undefined {
  if (calibration === undefined || whoMeasures(setting) === undefined) return undefined
  const forward = forwardOver(calibration.run, engine, onEnd)
  const withProgress: Forward = async function* (model, options) {
    const activity = progress.begin(`${label}: running calibration data`)
    const onProgress = ({ done, total }: { done: number; total?: number }) => activity.update(done, total ?? done)
    try {
      yield* forward(model, { ...options, onProgress })
    } finally {
      activity.end()
    }
  }
  return Object.assign(withProgress, { fillsMask: forward.fillsMask ?? false, ...present({ open: forward.open }) })
}

function factsOf({ method, block, weights, left }: QuantiseStep): QuantisationFacts {
  const inBlocks = weights.some(({ form }) => form === 'blocks')
  const elements = weights.reduce((sum, weight) => sum + weight.elements, 0)
  return { method, ...present({ block: inBlocks ? block : undefined }), weights: weights.length, elements, left }
}

/** Of int4 8 bits may not be enough. */
function errorWarnings(method: Quantiser, { allowed, after }: OutputError): string[] {
  if (after <= allowed) return []
  return [
    `${method}: with all weights in 8 bits outputs are off by ${percent(after)} of their size on the calibration data, and ${percent(allowed)} is allowed: allow more, or choose int8 with that error, which keeps floats`,
  ]
}

/** Codes times scales are not told apart once they are rounded to halves. */
function halvesWarnings({ graph }: Model, { weights }: QuantiseStep): string[] {
  const { constants } = usesOf(graph)
  const count = weights.filter(({ id, form }) => MULTIPLIED.has(form) && constants.get(id)?.type !== 'float32').length
  return count === 0
    ? []
    : [`gptq rounds float32 alone: ${plural(count, 'weight')} of halves ${count === 1 ? 'is' : 'are'} rounded to the nearest`]
}

const MULTIPLIED: ReadonlySet<string> = new Set(['integers', 'static', 'blocks'])

function whyNothing({ left: [first] }: Pick<QuantiseStep | SmoothStep, 'left'>, otherwise: string): string {
  return first === undefined ? otherwise : `of '${first.id}', ${first.reason}`
}

/** 'int4 in blocks of 32: 43 weights; 2 left as they are' */
export function describeQuantisation({
  method,
  block,
  rounding,
  smoothing,
  weights,
  left,
  outputError,
}: QuantisationFacts): string {
  const blocks = block === undefined ? '' : ` in blocks of ${block}`
  const others = left.length === 0 ? '' : `; ${left.length} left as ${left.length === 1 ? 'it is' : 'they are'}`
  const rounded = rounding === undefined ? '' : ` rounded by ${rounding}`
  return `${method}${blocks}${rounded}: ${plural(weights, 'weight')}${others}${smoothing === undefined ? '' : describeSmoothing(smoothing)}${outputError === undefined ? '' : describeError(outputError)}`
}

/** '; 36 smoothed by 0.5, 6 not' */
function describeSmoothing({ exponent, weights, left }: SmoothingFacts): string {
  const by = exponent === 'search' ? 'what is best for each' : exponent
  return `; ${weights} smoothed by ${by}${left.length === 0 ? '' : `, ${left.length} not`}`
}

/** '; outputs are off by 1.8 %, allowed are 2 %, with all of them so 3.4 %: 2 have more bits' */
function describeError({ allowed, before, after, weights }: OutputError): string {
  const kept = weights.filter(({ isKept }) => isKept).length
  const all = kept === 0 ? '' : `; it was ${percent(before)} before ${plural(kept, 'sensitive weight')} got more bits`
  return `; outputs are off by ${percent(after)}, allowed is ${percent(allowed)}${all}`
}
