import { type Model, PareError } from '@pare/onnx'
import { weightsOf } from './analyse.js'
import { applyStep } from './apply.js'
import { statisticsFor } from './calibrate/statistics.js'
import type { Criterion } from './contract.js'
import { cpu } from './cpu.js'
import type { CutStep, PlanOptions, PruneStep, UnitTarget } from './plan.js'
import { newBuffers, precisionOf } from './stream.js'
import { shareFor, triesFor } from './targets.js'
import { trace } from './trace.js'
import { limitsOf } from './unit-options.js'
import { type Sliced, scoreUnits, type UnitScoring } from './unit-scores.js'
import { type Ranked, rankUnits, unitsOf } from './units.js'

/** Units that the step may remove. */
export interface CutGroup extends Sliced {
  readonly id: string
}

export interface CutRequest {
  readonly step: PruneStep & { readonly target: UnitTarget; readonly criterion: Criterion }
  readonly groups: readonly CutGroup[]
  /** The model that is cut. */
  readonly model: Model
  /** The model as it was before all steps: budgets are fractions of it. */
  readonly original: Model
}

/** Scores units, ranks them, and takes as many as the target asks for. */
export async function planCut(request: CutRequest, options: PlanOptions): Promise<CutStep> {
  const { step, groups } = request
  const limits = limitsOf(step)
  const units = unitsOf(groups)
  const progress = counted(groups.length + ('ratio' in step.target ? 0 : triesFor(units)), options)
  const removedAt = rankUnits(await scoresOf(request, options, progress), limits)
  const stepAt = (share: number): CutStep => {
    const removed = removedAt(share)
    return {
      kind: 'cut',
      structure: step.structure.name,
      criterion: step.criterion.name,
      scope: limits.scope,
      target: step.target,
      groups: groups.map(({ id, units }, i) => ({ id, units, removed: removed[i]! })),
    }
  }
  if ('ratio' in step.target) return stepAt(checkRatio(step.target.ratio))
  const without = (share: number) => applyStep(request.model, stepAt(share), options)
  const search = { budget: step.target, model: request.original, structure: step.structure.name, units, without, progress }
  return stepAt(await shareFor(search))
}

/** Tells of one thing more each time it is called, and stops the work where that was asked for. */
function counted(total: number, { signal, onProgress }: PlanOptions): () => void {
  let done = 0
  return () => {
    signal?.throwIfAborted()
    onProgress?.({ done: ++done, total })
  }
}

async function scoresOf({ step, groups, model }: CutRequest, options: PlanOptions, progress: () => void): Promise<Ranked[]> {
  const met = await metBy(step.criterion, { groups, model }, options)
  const precision = precisionOf(groups.flatMap(({ slices }) => slices))
  const scoring = {
    precision,
    buffers: newBuffers(),
    progress: () => options.signal?.throwIfAborted(),
    kernel: (options.backend ?? cpu).compile(trace(step.criterion), precision),
    norm: step.norm ?? 'l1',
    seed: options.seed,
    readersOnly: step.criterion.readersOnly ?? false,
    ...(met && { met }),
  }
  const ranked: Ranked[] = []
  for (const group of groups) {
    ranked.push({ units: group.units, scores: await scoreUnits(group, scoring) })
    progress()
  }
  return ranked
}

/** What the scored weights of groups meet in calibration data, by id. Undefined for a criterion that does not look at data. */
async function metBy(
  criterion: Criterion,
  { groups, model }: Pick<CutRequest, 'groups' | 'model'>,
  options: PlanOptions,
): Promise<UnitScoring['met']> {
  const ids = new Set(groups.flatMap(({ slices }) => slices.filter(({ scored }) => scored).map(({ id }) => id)))
  const weights = weightsOf(model).filter(({ id }) => ids.has(id))
  const statistics = await statisticsFor(criterion, { model, weights }, options)
  return statistics && new Map(weights.map((weight) => [weight.id, { weight, stats: statistics.of(weight) }]))
}

function checkRatio(ratio: number): number {
  if (ratio >= 0 && ratio < 1) return ratio
  throw new PareError(`ratio is ${ratio}; a number from 0 to below 1 was expected.`, {
    hint: 'something of each group must remain; for a third of the units: --ratio 0.33',
  })
}
