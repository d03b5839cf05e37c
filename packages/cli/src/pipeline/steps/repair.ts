import { type PlanStep, type RepairResult, repair } from '@pare/core'
import type { Model } from '@pare/onnx'
import { asRun, inputsOfData } from '../../engine/data-inputs.js'
import { forwardOver } from '../../engine/forward.js'
import { collectPaddedValues } from '../../engine/padded-values.js'
import type { Work } from '../../engine/work.js'
import { type Calibration, calibrationFiles } from '../../settings/data/calibration.js'

/** What repairing changed. */
export interface RepairFacts {
  /** Normalisations with statistics measured anew. */
  readonly batchNormalizations: number
  /** Layers whose outputs got the reference's mean and deviation. */
  readonly matched: number
  /** Layers whose weights were fitted to the reference's outputs. */
  readonly refit: number
  readonly notes: readonly string[]
}

export interface RepairJob {
  readonly reference: Model
  readonly pruned: Model
  /** What was done to the reference, proved where that was wanted. */
  readonly steps: readonly PlanStep[]
  readonly seed: number
  readonly calibration: Calibration
}

/** Repairs a pruned model over calibration data: the step that is appended to the plan, and what it changed. */
export async function repairModel(job: RepairJob, { signal, progress, label, engine }: Work): Promise<RepairResult> {
  const { reference, pruned, steps, seed, calibration } = job
  const padded = collectPaddedValues()
  const activity = progress.begin(`${label}: repairing`)
  const onProgress = ({ done, total }: { done: number; total: number }) => activity.update(done, total)
  try {
    const forward = forwardOver(calibration, engine)
    const files = calibrationFiles(calibration)
    const isFilled = await inputsOfData(files)
    const [before, after] = [await asRun(reference, files), await asRun(pruned, files)]
    const repaired = await repair(before, after, {
      steps,
      seed,
      forward,
      isFilled,
      signal,
      onProgress,
      onPadding: padded.add,
    })
    return { ...repaired, step: { ...repaired.step, notes: [...repaired.step.notes, ...padded.warnings()] } }
  } finally {
    activity.end()
  }
}

/** '21 normalisations, 1 layer matched, 20 fitted', or why nothing was */
export function describeRepair({ batchNormalizations, matched, refit, notes }: RepairFacts): string {
  const counted = [
    [batchNormalizations, batchNormalizations === 1 ? 'normalisation' : 'normalisations'],
    [matched, matched === 1 ? 'layer matched' : 'layers matched'],
    [refit, refit === 1 ? 'layer fitted' : 'layers fitted'],
  ] as const
  const parts = counted.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]))
  return parts.length === 0 ? (notes[0] ?? 'nothing to repair') : parts.join(', ')
}
