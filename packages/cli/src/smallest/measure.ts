import type { Scores } from '@pare/evaluate'
import type { Demand, Verdict } from '@pare/gate'
import type { Work } from '../engine/work.js'
import { measure, measurePair, type ReferenceScores, referenceKey } from '../pipeline/measure.js'
import type { EvaluationSettings } from '../settings/data/evaluation.js'
import type { SmallestSettings } from '../settings/smallest.js'
import { Failure } from '../terminal/failure.js'
import type { CandidateSize, TriedCandidate } from './candidate.js'

/** Search samples from which on a quarter of them is looked at first. */
const MANY = 400
const FIRST_SHARE = 0.25

/** How candidates come out on the search data. */
export interface CandidateMeasuring {
  readonly metric: string
  /** With which a drop must be below what is allowed. */
  readonly certainty: number
  /** Of the reference. */
  readonly value: number
  /** Of the search data. */
  readonly samples: number
  /** As the gate judges it, on a quarter of the samples where its interval decides already, else on all. */
  judge(file: string, size: CandidateSize): Promise<Omit<TriedCandidate, 'ratio' | 'bits' | 'size'>>
}

interface Measured {
  readonly reference: { readonly path: string; readonly bytes: number; readonly macs: number | null }
  readonly smallest: SmallestSettings
  /** Of the gate. */
  readonly demands: readonly Demand[]
  readonly seed: number
}

/** Measures the reference on the search data. */
export async function measureCandidates(
  { reference, smallest, demands: gate, seed }: Measured,
  work: Work,
): Promise<CandidateMeasuring> {
  const { findAggregates } = await import('@pare/evaluate')
  const { judgeDemands } = await import('@pare/gate')
  const { evaluation, maxDrop } = smallest
  const { metrics, modules } = evaluation.request
  const demands = searchDemands(gate, smallest)
  const metric = demands[0]!.metric ?? metrics[0]!
  const aggregates = await findAggregates(metrics, modules)
  const references: ReferenceScores = new Map()
  const whole = await referenceOn(evaluation)
  const isPlain = demands.length === 1 && Object.keys(demands[0]!).every((limit) => limit === 'maxDrop' || limit === 'certainty')
  const few = whole.samples >= MANY ? firstPartOf(evaluation, seed) : undefined
  if (few !== undefined) await referenceOn(few)
  return {
    metric,
    ...{ certainty: demands[0]!.certainty!, value: whole.value, samples: whole.samples },
    async judge(file, size) {
      if (few !== undefined) {
        const { verdict, samples, pruned } = await judged(file, size, few)
        const early = earlyOutcome(verdict)
        if (early !== undefined) return { outcome: early, ...outcomeOf(verdict, pruned), samples, isEarly: true }
      }
      const { verdict, samples, pruned } = await judged(file, size, evaluation)
      if (verdict.verdict === 'incomplete') throw unjudged(verdict)
      return { outcome: verdict.verdict, ...outcomeOf(verdict, pruned), samples }
    },
  }

  async function referenceOn(part: EvaluationSettings): Promise<{ readonly value: number; readonly samples: number }> {
    const request = { ...part.request, model: reference.path, ...(part.comparing.length > 0 && { reference: reference.path }) }
    const scores = await measure(request, part.limits, work)
    references.set(referenceKey(reference.path, part), scores)
    const value = scores.metrics[metric]
    if (value === undefined) {
      const why = scores.unmeasured.find((one) => one.metric === metric)?.reason ?? 'it was not measured'
      throw new Failure('infrastructure', `pare: ${metric} of the reference has no value on the search data: ${why}.`)
    }
    return { value, samples: scores.samples }
  }

  async function judged(file: string, size: CandidateSize, part: EvaluationSettings) {
    const pair = await measurePair({ reference: reference.path, pruned: file, evaluation: part }, references, work)
    const verdict = judgeDemands({
      reference: pair.reference.measurements,
      pruned: pair.pruned.measurements,
      demands,
      metric: metrics[0]!,
      aggregateOf: (name) => aggregates.get(name),
      facts: pair.pruned.facts,
      size: { before: reference.bytes, after: size.bytes },
      macs: reference.macs === null || size.macs === null ? undefined : { before: reference.macs, after: size.macs },
    })
    return { verdict, samples: pair.pruned.samples, pruned: pair.pruned }
  }

  /** Where the 95 % interval of the drop lies on one side of the limit. */
  function earlyOutcome({ verdict, drop }: Verdict): 'pass' | 'fail' | undefined {
    if (drop === undefined || verdict === 'incomplete') return undefined
    const allowed = typeof maxDrop === 'number' ? maxDrop : maxDrop.relative * Math.abs(whole.value)
    const [low, high] = drop.interval
    if (low > allowed) return 'fail'
    return isPlain && verdict === 'pass' && high <= allowed ? 'pass' : undefined
  }

  function outcomeOf({ drop, verdict, reasons }: Verdict, { metrics: own }: Scores): Partial<TriedCandidate> {
    const [reason] = verdict === 'pass' ? [] : reasons
    return {
      ...(own[metric] !== undefined && { value: own[metric] }),
      ...(drop && { drop: { value: drop.value, interval: drop.interval } }),
      ...(reason !== undefined && { reason }),
    }
  }
}

/** What the gate demands, with the drop of the target; what is not measured of candidates is left to the gate. */
export function searchDemands(
  gate: readonly Demand[],
  { maxDrop, certainty }: Pick<SmallestSettings, 'maxDrop' | 'certainty'>,
): readonly Demand[] {
  return gate.map(({ maxLatency: _, maxRegression: __, ...demand }, i) =>
    i === 0 ? { ...demand, maxDrop, certainty: certainty ?? demand.certainty ?? USUAL_CERTAINTY } : demand,
  )
}

/** Of the candidates that pass by what was measured alone, the smallest is likely to be worse than it looks. */
const USUAL_CERTAINTY = 0.9

/** The first quarter of the places that a draw by lot gives samples. */
function firstPartOf(evaluation: EvaluationSettings, seed: number): EvaluationSettings {
  const { from, to } = evaluation.request.part ?? { from: 0, to: 1 }
  return {
    ...evaluation,
    request: { ...evaluation.request, part: { seed, from, to: from + (to - from) * FIRST_SHARE } },
  }
}

function unjudged({ reasons }: Verdict): Failure {
  return new Failure('infrastructure', `pare: candidates cannot be judged on the search data: ${reasons.join(' ')}`, {
    hint: 'give the search more data with --search-data, or correct what is said of the gate',
  })
}
