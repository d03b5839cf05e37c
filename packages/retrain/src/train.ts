import type { Loss } from '@pare/autograd'
import { present } from '@pare/onnx'
import { type HeldOut, heldOutLoss, type JudgedBatch } from './data/held-out.js'
import type { Arena } from './optimizer/arena.js'
import type { Movement } from './optimizer/movement.js'
import { type OptimizerOptions, openOptimizer } from './optimizer/optimizer.js'
import { learningRateAt, type Schedule } from './optimizer/schedule.js'
import type { Passes, RunningStatistics } from './passes.js'

/** How weights are trained, all of it decided. */
export interface Recipe {
  readonly steps: number
  /** Samples that run at once. */
  readonly batch: number
  /** Batches whose gradients make one step. */
  readonly accumulate: number
  readonly optimizer: OptimizerOptions
  readonly learningRate: number
  readonly schedule: Schedule
  readonly warmup: number
  /** Gradients with a larger norm, over all weights, are made smaller. Infinite: never. */
  readonly clip: number
  /** Steps from one look at the held-out samples to the next. */
  readonly evaluateEvery: number
  /** Looks without a lower loss after which it ends. Infinite: never. */
  readonly patience: number
}

/** One point of the curve. */
export interface CurvePoint {
  readonly step: number
  /** Mean over the steps since the point before. Absent at the start. */
  readonly loss?: number
  readonly heldOut?: HeldOut
}

/** Where a training stands. */
export interface Standing {
  step: number
  /** Of weights that are worth keeping: the lowest loss on held-out samples, or where there are none the last. */
  best: { step: number; heldOut?: HeldOut }
  curve: CurvePoint[]
  /** Looks since the best one. */
  idle: number
  /** Looks in a row that were far worse than the start. */
  worse: number
  /** Of the training loss since the last point. */
  sum: number
  count: number
  times: number[]
}

export interface StepProgress {
  readonly step: number
  readonly steps: number
  readonly loss: number
  readonly learningRate: number
  /** Median over the last 200 steps, milliseconds. */
  readonly msPerStep: number
  readonly heldOut?: HeldOut
}

export type TrainEnd = 'finished' | 'early' | 'stopped' | 'diverged'

export interface TrainResult {
  readonly standing: Standing
  readonly ended: TrainEnd
  /** Why it is 'diverged'. */
  readonly reason?: string
}

export interface TrainingParts {
  readonly recipe: Recipe
  readonly arena: Arena
  readonly statistics: readonly RunningStatistics[]
  readonly passes: Passes
  /** Batch number `index` of the training, from 0 on. */
  readonly draw: (index: number) => Promise<JudgedBatch>
  readonly heldOut: () => AsyncIterable<JudgedBatch>
  readonly judged: { readonly kind: Loss; readonly scores: string | undefined }
  readonly movement?: Movement
  /** Puts aside the weights as they are. */
  readonly keep: () => void
  /** Called after looks, with everything as it stands. */
  readonly save: (standing: Standing) => Promise<void>
  readonly onProgress: (progress: StepProgress) => void
  readonly isStopped: () => boolean
}

export function newStanding(): Standing {
  return { step: 0, best: { step: 0 }, curve: [], idle: 0, worse: 0, sum: 0, count: 0, times: [] }
}

/** Trains until it is done, or ends before that for one of the reasons of `Ended`. Weights are then as they are: what to keep was kept. */
export async function train(parts: TrainingParts, standing: Standing): Promise<TrainResult> {
  const { recipe, onProgress, isStopped } = parts
  const optimizer = openOptimizer(recipe.optimizer, parts.arena)
  if (standing.curve.length === 0) await look(parts, standing)
  const spacing = Math.max(1, Math.floor(recipe.steps / MOST_POINTS))
  while (standing.step < recipe.steps) {
    if (isStopped()) return await stopped(parts, standing)
    const start = performance.now()
    const learningRate = learningRateAt({ ...recipe, peak: recipe.learningRate }, standing.step)
    const { loss, norm } = await gradients(parts, optimizer, standing.step)
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) return diverged(standing, notFinite(standing.step, loss, learningRate))
    const scale = Math.min(1, recipe.clip / norm) / recipe.accumulate
    parts.movement?.score()
    optimizer.update({ count: standing.step + 1, learningRate, scale: norm === 0 ? 1 / recipe.accumulate : scale })
    for (const each of parts.statistics) follow(each)
    standing.step++
    parts.movement?.select(standing.step, recipe.steps)
    standing.sum += loss
    standing.count++
    standing.times = [...standing.times.slice(1 - MOST_TIMES), performance.now() - start]
    const isLook = standing.step % recipe.evaluateEvery === 0 || standing.step === recipe.steps
    if (isLook) await look(parts, standing)
    else if (standing.step % spacing === 0) addPoint(standing, {})
    const point = standing.curve.at(-1)
    const heldOut = isLook ? point?.heldOut : undefined
    onProgress({
      step: standing.step,
      steps: recipe.steps,
      loss,
      learningRate,
      msPerStep: median(standing.times),
      ...present({ heldOut }),
    })
    if (!isLook) continue
    await parts.save(standing)
    if (standing.worse >= WORSE_LOOKS) return diverged(standing, farWorse(standing, learningRate))
    if (standing.idle >= recipe.patience && standing.step < recipe.steps) return { standing, ended: 'early' }
  }
  return { standing, ended: 'finished' }
}

const MOST_POINTS = 60
const MOST_TIMES = 200
const WORSE_LOOKS = 2
/** A held-out loss so many times that of the start, and more by this. */
const [FAR_TIMES, FAR_MORE] = [3, 0.5] as const

/** Loss and gradients of one step, over all its batches. */
async function gradients({ recipe, passes, draw }: TrainingParts, optimizer: ReturnType<typeof openOptimizer>, step: number) {
  const { accumulate } = recipe
  let loss = 0
  for (let i = 0; i < accumulate; i++) {
    loss += (await passes.train(await draw(step * accumulate + i))) / accumulate
    if (i < accumulate - 1) optimizer.accumulate()
  }
  if (accumulate > 1) optimizer.collect()
  return { loss, norm: optimizer.gradientNorm() / accumulate }
}

/** stored = momentum · stored + (1 − momentum) · batch */
function follow({ momentum, stored, batch }: RunningStatistics): void {
  for (const which of ['mean', 'variance'] as const) {
    const [own, other] = [stored[which], batch[which]]
    for (let i = 0; i < own.length; i++) own[i] = momentum * own[i]! + (1 - momentum) * other[i]!
  }
}

/** Looks at the held-out samples, and keeps the weights if they are the best so far. */
async function look(parts: TrainingParts, standing: Standing): Promise<void> {
  const heldOut = await heldOutLoss(parts.passes, parts.heldOut(), parts.judged)
  const { best, curve } = standing
  const start = curve[0]?.heldOut?.loss
  // A state is written as JSON, which has no NaN.
  const isNumber = heldOut !== undefined && Number.isFinite(heldOut.loss)
  addPoint(standing, { ...(isNumber && { heldOut }) })
  const isSettled = parts.movement?.isSettled(standing.step, parts.recipe.steps) ?? true
  const isBetter = heldOut === undefined || best.heldOut === undefined || heldOut.loss < best.heldOut.loss
  // A loss that is no number is below nothing; where the start has none, whatever has one is better.
  const isFirst = curve.length === 1
  if (isFirst || (isSettled && isBetter && (heldOut === undefined || isNumber))) {
    standing.best = { step: standing.step, ...(isNumber && isSettled && { heldOut }) }
    standing.idle = 0
    parts.keep()
  } else if (isSettled) standing.idle++
  // Each element that is masked may cost something.
  const isFar = isSettled && heldOut !== undefined && start !== undefined && !(heldOut.loss <= FAR_TIMES * start + FAR_MORE)
  standing.worse = isFar && parts.movement === undefined ? standing.worse + 1 : 0
}

function addPoint(standing: Standing, point: Pick<CurvePoint, 'heldOut'>): void {
  const { step, sum, count } = standing
  standing.curve.push({ step, ...(count > 0 && { loss: sum / count }), ...point })
  standing.sum = 0
  standing.count = 0
}

/** No look: what goes on later must have looked at the same steps. Without held-out samples the last weights are the best. */
async function stopped(parts: TrainingParts, standing: Standing): Promise<TrainResult> {
  if (standing.best.heldOut === undefined && standing.step > standing.best.step) {
    standing.best = { step: standing.step }
    parts.keep()
  }
  await parts.save(standing)
  return { standing, ended: 'stopped' }
}

function diverged(standing: Standing, reason: string): TrainResult {
  return { standing, ended: 'diverged', reason }
}

function notFinite(step: number, loss: number, learningRate: number): string {
  const what = Number.isFinite(loss) ? 'the gradients are not finite' : `the loss is ${loss}`
  return `${what} at step ${step + 1}, at a learning rate of ${Number(learningRate.toPrecision(3))}`
}

function farWorse({ step, curve }: Standing, learningRate: number): string {
  const loss = (point: CurvePoint | undefined) =>
    point?.heldOut === undefined ? 'no number' : Number(point.heldOut.loss.toPrecision(4))
  return `the loss on held-out samples went from ${loss(curve[0])} to ${loss(curve.at(-1))} by step ${step}, at a learning rate of ${Number(learningRate.toPrecision(3))}`
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
