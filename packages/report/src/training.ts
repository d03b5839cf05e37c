import { figure, formatCount, plural } from './figures.js'
import type { ModelResult } from './results/results.js'

export type Training = NonNullable<ModelResult['trainings']>[number]

/** One look at held-out samples, of all stages one after another. */
export interface Look {
  readonly step: number
  /** Mean training loss since the look before. Absent where a stage begins. */
  readonly loss?: number
  readonly heldOut?: number
  readonly metric?: number
  /** Number of the stage that begins here, where there are several. */
  readonly stage?: number
}

/** Looks in order; steps are counted on from stage to stage. */
export function looksOf(trainings: readonly Training[]): Look[] {
  const looks: Look[] = []
  let before = 0
  for (const [i, { curve, steps }] of trainings.entries()) {
    let [sum, count, last] = [0, 0, 0]
    for (const { step, loss, heldOut } of curve) {
      if (loss !== undefined) {
        sum += loss * (step - last)
        count += step - last
        last = step
      }
      const isLook = heldOut !== undefined || step === 0 || step === steps
      if (!isLook) continue
      looks.push({
        step: before + step,
        ...(count > 0 && { loss: sum / count }),
        ...(heldOut && { heldOut: heldOut.loss }),
        ...(heldOut?.metric && { metric: heldOut.metric.value }),
        ...(step === 0 && trainings.length > 1 && { stage: i + 1 }),
      })
      sum = 0
      count = 0
    }
    before += steps
  }
  return looks
}

/** What the looks measured besides the loss. */
export function metricName(trainings: readonly Training[]): string | undefined {
  return trainings.find(({ after }) => after?.metric !== undefined)?.after?.metric?.name
}

/** 'retrained for 400 steps of adamw at up to 0.001, 0.9 ms each, on 1,280 samples (67 held out)' */
export function trainingText({ trainings = [] }: ModelResult): string | undefined {
  const last = trainings.at(-1)
  if (last === undefined) return undefined
  const steps = trainings.reduce((sum, each) => sum + each.steps, 0)
  const stages = trainings.length > 1 ? ` in ${plural(trainings.length, 'stage')}` : ''
  const { optimizer, learningRate, loss, distilled, msPerStep, samples } = last
  const held = samples.heldOut === 0 ? '' : ` (${formatCount(samples.heldOut)} held out)`
  return `retrained for ${formatCount(steps)} steps${stages} of ${optimizer} at up to ${Number(learningRate.toPrecision(3))}, ${loss}${distilled ? ' and distilled' : ''}, ${figure(msPerStep, 2)} ms each, on ${formatCount(samples.trained)} samples${held}`
}

/** 'recovery: accuracy 0.196 → 0.9845, of 0.984 before pruning'; undefined where nothing was measured before it. */
export function boughtText({ metric, unrecovered, pruned, reference }: ModelResult): string | undefined {
  if (metric === undefined) return undefined
  const [before, after, whole] = [unrecovered, pruned, reference].map((each) => each?.metrics[metric])
  if (before === undefined || after === undefined) return undefined
  return `recovery: ${metric} ${figure(before)} → ${figure(after)}${whole === undefined ? '' : `, ${figure(whole)} before pruning`}`
}
