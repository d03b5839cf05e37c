import { keyOf, type Model } from '@pare/onnx'
import { weightsOf } from '../analyse/analyse.js'
import { applyUpdate, type UpdatedTensor, type UpdateStep } from '../apply/update.js'
import type { Forward } from '../calibrate/forward.js'
import { type Level, openLevels } from '../calibrate/levels.js'
import { maskedBy, type PlanProgress, type PlanStep } from '../plan/plan.js'
import { repairLevel } from './level.js'
import { cannotMerge, merge } from './merge.js'
import { originsOf } from './origins.js'
import { findRepairable, type Repairable } from './repairable.js'
import { fittedLayers, replaceBlocks } from './replacement.js'
import type { LayerRepair } from './treatment.js'
import { countReaders } from './updates.js'

export interface RepairOptions {
  /** What was done to the reference, with the plan's seed. */
  readonly steps: readonly PlanStep[]
  readonly seed: number
  /** Runs models over calibration data. */
  readonly forward: Forward
  /** Whether the data hold an input themselves, such as a cache that is not left to begin empty. Default: they hold no caches */
  readonly isFilled?: (input: string) => boolean
  /** Called with values in whose statistics padding counts too: which of their positions it is does not follow from the model. */
  readonly onPadding?: (values: readonly string[]) => void
  readonly signal?: AbortSignal
  /** Counts layers. */
  readonly onProgress?: (progress: PlanProgress) => void
}

export interface RepairResult {
  /** To be applied after the steps. */
  readonly step: UpdateStep
  /** Normalisations with statistics measured anew. */
  readonly batchNormalizations: number
  /** Layers whose outputs got the reference's mean, and deviation, channel by channel. */
  readonly matched: number
  /** Layers whose weights were fitted to the reference's outputs. */
  readonly refit: number
}

/**
 * What a pruned model computes is brought near to the reference again, in closed form, from calibration data. From the inputs on, level by level:
 * later layers are repaired by what they meet once the earlier ones are. Both models run twice over the data, at most, however many levels there are.
 */
export async function repair(reference: Model, pruned: Model, options: RepairOptions): Promise<RepairResult> {
  const { steps, seed, forward, isFilled = () => false, onPadding, signal, onProgress } = options
  const reason = cannotMerge(reference, pruned, isFilled)
  if (reason !== undefined) return repaired({ notes: [`nothing was repaired: ${reason}`] })
  const { nameOf } = merge(reference, pruned)
  const masked = new Set(maskedBy(steps).map(({ id }) => id))
  const replaced = await replaceBlocks(reference, pruned, { steps, seed, forward, onPadding, masked, signal })
  const fitted = fittedLayers(replaced)
  const { repairables: all, notes } = findRepairable(pruned, (value) => nameOf(value) !== value)
  const repairables = all.filter(({ id }) => !fitted.has(id))
  const levels = levelsOf(repairables)
  const done: LayerRepair[] = [...replaced]
  if (levels.length === 0) return repaired({ done, notes })
  let current = applyUpdate(pruned, stepOf(replaced))
  // Values keep their names, and axes their meaning, whatever is repaired from here on.
  const together = merge(reference, current)
  const measured = levels.map((level) => levelOf(level, together.nameOf))
  await using runs = await openLevels(forward, { model: together.model, levels: measured, signal })
  const context = {
    ...{ reference, onPadding, signal },
    origins: await originsOf(reference, steps, seed),
    masked,
    weights: new Map(weightsOf(reference).map((weight) => [keyOf(weight.uses[0]!.node), weight])),
    readers: countReaders(pruned),
  }
  for (const [i, level] of levels.entries()) {
    signal?.throwIfAborted()
    const treated = await repairLevel(level, current, { ...context, measuring: runs.at(i) })
    current = applyUpdate(current, stepOf(treated))
    done.push(...treated)
    onProgress?.({ done: done.length, total: repairables.length + replaced.length })
  }
  return repaired({ done, notes })
}

function levelsOf(repairables: readonly Repairable[]): Repairable[][] {
  const levels = new Map<number, Repairable[]>()
  for (const one of repairables) levels.set(one.level, [...(levels.get(one.level) ?? []), one])
  return [...levels].sort(([a], [b]) => a - b).map(([, level]) => level)
}

/** What is measured of a level, and what is not settled before it is done. */
function levelOf(level: readonly Repairable[], nameOf: (value: string) => string): Level {
  const reads = level.flatMap((one) =>
    one.kind === 'normalization' ? [one.site.value] : [one.input.value, one.output.value, nameOf(one.output.value)],
  )
  return { reads, changes: level.map(({ id }) => id) }
}

function repaired({ done = [], notes }: { done?: readonly LayerRepair[]; notes: readonly string[] }): RepairResult {
  const count = (how: LayerRepair['how']) => done.filter((each) => each.how === how).length
  const step = stepOf(done)
  return {
    step: { ...step, notes: [...notes, ...step.notes] },
    batchNormalizations: count('normalization'),
    matched: count('match'),
    refit: count('refit'),
  }
}

function stepOf(done: readonly { readonly tensors: readonly UpdatedTensor[]; readonly notes: readonly string[] }[]): UpdateStep {
  return {
    kind: 'update',
    by: 'repair',
    tensors: done.flatMap(({ tensors }) => tensors),
    notes: done.flatMap(({ notes }) => notes),
  }
}
