import type { Model } from '@pare/onnx'
import { PareError, present } from '@pare/onnx'
import { weightsOf } from '../analyse/analyse.js'
import { applyStep } from '../apply/apply.js'
import { cpu } from '../backend/cpu.js'
import { buffersOf, precisionOf } from '../backend/stream.js'
import { trace } from '../backend/trace.js'
import { isWithinLayer } from '../calibrate/site.js'
import { statisticsFor } from '../calibrate/statistics/statistics.js'
import type { Criterion, Probe, UnitCriterion, UnitGroup } from '../contract/contract.js'
import { openProbe } from '../probe/probe.js'
import { unreadGroup } from '../probe/readers.js'
import { shareFor, triesFor } from '../select/targets.js'
import { limitsOf, type UnitLimits } from '../select/unit-options.js'
import { scoreUnits, type UnitScoring } from '../select/unit-scores.js'
import { lowest, rankUnits, type UnitRanking, unitsOf } from '../select/units.js'
import type { CutStep, PlanOptions, PruneStep, UnitTarget } from './plan.js'

export interface CutRequest {
  readonly step: PruneStep & { readonly target: UnitTarget; readonly criterion: Criterion | UnitCriterion }
  /** Units that the step may remove. */
  readonly groups: readonly UnitGroup[]
  /** The model that is cut. */
  readonly model: Model
  /** The model as it was before all steps: budgets are fractions of it. */
  readonly original: Model
}

/** Scores units, ranks them, and takes as many as the target asks for. */
export async function planCut(asked: CutRequest, options: PlanOptions): Promise<CutStep> {
  const request = judgeable(asked)
  const { step, groups } = request
  const { criterion } = step
  const limits = limitsOf(step)
  const units = unitsOf(groups)
  const scored = criterion.kind === 'units' ? 0 : groups.length
  const progress = counted(scored + ('ratio' in step.target ? 0 : triesFor(units)), options)
  const rank = await rankingOf(request, { limits, progress }, options)
  const stepAt = (share: number): CutStep => cutStep(request, limits, rank(share))
  const settled = (share: number) => settledStep({ request, limits, step: stepAt(share) }, options)
  if ('ratio' in step.target) return settled(step.target.ratio)
  const without = (share: number) => applyStep(request.model, stepAt(share), options)
  const { latency, sizes } = options
  const search = {
    budget: step.target,
    model: request.original,
    structure: step.structure.name,
    units,
    without,
    latency,
    sizes,
    progress,
  }
  return settled(await shareFor(search))
}

/** With the criterion that judges otherwise, where the first cannot. */
function judgeable({ step, groups, model, original }: CutRequest): CutRequest {
  const { otherwise, ...rest } = step
  const criterion = otherwise !== undefined && unreadGroup(model, groups) !== undefined ? otherwise : step.criterion
  return { step: { ...rest, criterion }, groups, model, original }
}

/** Which units of each group go, for a share of all. */
async function rankingOf(
  request: CutRequest,
  { limits, progress }: { readonly limits: UnitLimits; readonly progress: () => void },
  options: PlanOptions,
): Promise<(share: number) => readonly (readonly number[])[]> {
  const { criterion } = request.step
  if (criterion.kind !== 'units') return rankUnits(await scoresOf({ ...request, criterion }, options, progress), limits)
  const removals = removalCounts({ ...request, limits })
  return rankUnits(await triedScores({ ...request, criterion, removals }, options), { ...limits, comparable: true })
}

function cutStep({ step, groups }: CutRequest, { scope }: UnitLimits, removed: readonly (readonly number[])[]): CutStep {
  return {
    ...{ kind: 'cut', structure: step.structure.name, criterion: step.criterion.name, scope, target: step.target },
    groups: groups.map(({ id, units }, i) => ({ id, units, removed: removed[i]! })),
  }
}

interface Settling {
  readonly request: CutRequest
  readonly limits: UnitLimits
  /** By scores that units had before it was known how many go. */
  readonly step: CutStep
}

/** The step, with as many units of each group as it has, chosen anew by a criterion that judges units together and did not know how many go. */
async function settledStep({ request, limits, step }: Settling, options: PlanOptions): Promise<CutStep> {
  const { criterion } = request.step
  if (criterion.kind !== 'units' || criterion.jointly !== true || removalCounts({ ...request, limits }) !== undefined) return step
  const removals = new Map(step.groups.map(({ id, removed }) => [id, removed.length]))
  const ranked = await triedScores({ ...request, criterion, removals }, options)
  return cutStep(
    request,
    limits,
    ranked.map(({ scores }, i) => lowest(scores, step.groups[i]!.removed.length)),
  )
}

/** Tells of one thing more each time it is called, and stops the work where that was asked for. */
function counted(total: number, { signal, onProgress }: PlanOptions): () => void {
  let done = 0
  return () => {
    signal?.throwIfAborted()
    onProgress?.({ done: ++done, total })
  }
}

/** Scores of a criterion that tries or compares units. */
async function triedScores(
  {
    criterion,
    groups,
    model,
    removals,
  }: CutRequest & { readonly criterion: UnitCriterion; readonly removals: Probe['removals'] },
  options: PlanOptions,
): Promise<UnitRanking[]> {
  await using probe = openProbe(model, { ...options, criterion: criterion.name, ...present({ removals }) })
  const scores = await criterion.score(groups, probe)
  return groups.map((group, i) => {
    const { id, units } = group
    const own = scores[i]
    if (own?.length === units && !own.some(Number.isNaN)) return { units, ...leastOf(group), scores: own }
    throw new PareError(
      `criterion '${criterion.name}' gives ${own?.length ?? 'no'} scores, or NaN, for the ${units} units of '${id}'; a number for each was expected.`,
      { hint: 'this is a fault of the criterion: tell its author.' },
    )
  })
}

/** How many units of each group go, where that follows from the target alone. */
function removalCounts({ step, groups, limits }: Pick<CutRequest, 'step' | 'groups'> & { limits: UnitLimits }) {
  if (!('ratio' in step.target) || limits.scope !== 'group') return undefined
  const alike = groups.map((group) => ({ units: group.units, ...leastOf(group), scores: new Float64Array(group.units) }))
  const removed = rankUnits(alike, limits)(step.target.ratio)
  return new Map(groups.map(({ id }, i) => [id, removed[i]!.length]))
}

const leastOf = (group: UnitGroup) => present({ least: group.kind === 'coupled' ? group.least : undefined })

type Scoring = Omit<CutRequest, 'original'> & { readonly criterion: Criterion }

async function scoresOf(
  { step, criterion, groups, model }: Scoring,
  options: PlanOptions,
  progress: () => void,
): Promise<UnitRanking[]> {
  const statistics = await statisticsById(criterion, { groups, model }, options)
  const precision = precisionOf(
    groups.flatMap(({ slices }) => slices),
    statistics && [...statistics.values()].map(({ stats }) => stats),
  )
  const backend = options.backend ?? cpu
  const kernel = backend.compile(trace(criterion), precision)
  const scoring = {
    precision,
    buffers: buffersOf(kernel, backend),
    progress: () => options.signal?.throwIfAborted(),
    kernel,
    norm: step.norm ?? 'l1',
    seed: options.seed,
    criterion: criterion.name,
    readersOnly: criterion.readersOnly ?? false,
    ...present({ statistics }),
  }
  const ranked: UnitRanking[] = []
  for (const group of groups) {
    ranked.push({ units: group.units, ...leastOf(group), scores: await scoreUnits(group, scoring) })
    progress()
  }
  return ranked
}

/**
 * What the scored weights of groups meet in calibration data, by id. Undefined for a criterion that does not look at data. Where a recurrent layer keeps what a
 * weight meets to itself, the other weights of a unit speak for it.
 */
async function statisticsById(
  criterion: Criterion,
  { groups, model }: Pick<CutRequest, 'groups' | 'model'>,
  options: PlanOptions,
): Promise<UnitScoring['statistics']> {
  const all = weightsOf(model)
  const within = new Set(all.filter((weight) => isWithinLayer(weight, criterion.needs)).map(({ id }) => id))
  const outside = new Set(all.map(({ id }) => id).filter((id) => !within.has(id)))
  const scored = groups.map(({ slices }) => slices.filter(({ scored }) => scored).map(({ id }) => id))
  const ids = new Set(scored.flatMap((own) => (own.some((id) => outside.has(id)) ? own.filter((id) => !within.has(id)) : own)))
  const weights = all.filter(({ id }) => ids.has(id))
  const statistics = await statisticsFor(criterion, { model, weights }, options)
  return statistics && new Map(weights.map((weight) => [weight.id, { weight, stats: statistics.of(weight) }]))
}
