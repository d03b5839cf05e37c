import type { Scores } from '@pare/evaluate'
import type { Demand, Foresight, Verdict } from '@pare/gate'
import type { Work } from '../engine/work.js'
import { lookAt } from '../pipeline/first-look.js'
import { measure, measurePair, type ReferenceScores, referenceKey } from '../pipeline/measure.js'
import type { EvaluationSettings } from '../settings/data/evaluation.js'
import { type SmallestSettings, SPLIT } from '../settings/smallest.js'
import { Failure } from '../terminal/failure.js'
import type { CandidateSize, TriedCandidate } from './candidate.js'

/** Search samples from which on a quarter of them is looked at first. */
const MANY = 400
const FIRST_SHARE = 0.25

/** How candidates come out on the search data. */
export interface CandidateMeasuring {
  readonly metric: string
  /** With which what is chosen must pass on other samples. */
  readonly certainty: number
  /** Of the reference. */
  readonly value: number
  /** Of the search data. */
  readonly samples: number
  /** The largest drop that is allowed. */
  readonly allowed: number
  /** Whether the gate is likely to pass it, by all search samples, or by a quarter of them where that loses too much already. */
  judge(file: string, size: CandidateSize): Promise<Omit<TriedCandidate, 'ratio' | 'bits' | 'size'>>
}

interface CandidateDemands {
  readonly reference: { readonly path: string; readonly bytes: number; readonly macs: number | null }
  readonly smallest: SmallestSettings
  /** Of the gate. */
  readonly demands: readonly Demand[]
  /** Of the gate's data, where it has any and that is known. */
  readonly gateSamples: number | undefined
  /** Sequences of candidates that are tried until one fails: each gets its part of what may go wrong. */
  readonly sequences: number
  readonly seed: number
}

/** Measures the reference on the search data. */
export async function measureCandidates(
  { reference, smallest, demands: gate, gateSamples, sequences, seed }: CandidateDemands,
  work: Work,
): Promise<CandidateMeasuring> {
  const { findAggregates } = await import('@pare/evaluate')
  const { judgeDemands } = await import('@pare/gate')
  const { maxDrop, free } = smallest
  const { metrics, modules } = smallest.evaluation.request
  const demands = searchDemands(gate, smallest)
  const metric = demands[0]!.metric ?? metrics[0]!
  const aggregates = await findAggregates(metrics, modules)
  const references: ReferenceScores = new Map()
  const evaluation = free > 1 ? await withDivergence(smallest.evaluation, reference.path, work) : smallest.evaluation
  const whole = await referenceOn(evaluation)
  const { certainty = USUAL_CERTAINTY, isSplit } = smallest
  const allowed = typeof maxDrop === 'number' ? maxDrop : maxDrop.relative * Math.abs(whole.value)
  const judging = isSplit ? (whole.samples * (1 - SPLIT)) / SPLIT : gateSamples
  const few = whole.samples >= MANY ? firstPartOf(evaluation, seed) : undefined
  if (few !== undefined) await referenceOn(few)
  return {
    metric,
    ...{ allowed, certainty, value: whole.value, samples: whole.samples },
    async judge(file, size) {
      if (few !== undefined) {
        const { verdict, samples, pruned } = await judged(file, size, few)
        if (isTooMuch(verdict)) return { outcome: 'fail', ...outcomeOf(verdict, pruned), samples, isEarly: true }
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
      foresight: foresightOf(pair.pruned.samples),
    })
    return { verdict, samples: pair.pruned.samples, pruned: pair.pruned }
  }

  /**
   * Candidates of one form are tried from the ratio that loses less on, in the order of what they lose: of such a sequence the first that is no pass ends it, and
   * none needs a correction (fixed-sequence testing). Of several sequences each has its part of the uncertainty (Bonferroni).
   */
  function foresightOf(samples: number): Foresight {
    return { share: judging === undefined ? 0 : samples / judging, certainty: 1 - (1 - certainty) / sequences }
  }

  /** Where the 95 % interval of the drop lies above the limit. */
  function isTooMuch({ drop, verdict }: Verdict): boolean {
    return verdict === 'fail' && drop !== undefined && drop.interval[0] > allowed
  }

  function outcomeOf({ drop, verdict, reasons }: Verdict, { metrics: own }: Scores): Partial<TriedCandidate> {
    const [reason] = verdict === 'pass' ? [] : reasons
    return {
      ...(own[metric] !== undefined && { value: own[metric] }),
      ...(drop && { drop: { value: drop.value, interval: drop.interval } }),
      ...(free > 1 && own[DIVERGENCE] !== undefined && { kl: own[DIVERGENCE] }),
      ...(reason !== undefined && { reason }),
    }
  }
}

/** The metric that tells how near outputs are to the reference's. */
const DIVERGENCE = 'kl'

/** With the divergence from the reference, too, where the outputs have one. */
async function withDivergence(evaluation: EvaluationSettings, model: string, work: Work): Promise<EvaluationSettings> {
  const { request, comparing } = evaluation
  if (request.metrics.includes(DIVERGENCE)) return evaluation
  const metrics = [...request.metrics, DIVERGENCE]
  // Whether it can be measured is seen on the first samples, as before every evaluation.
  const look = await lookAt({ ...request, metrics, model, readingMs: 0 }, evaluation.limits, work)
  if (look instanceof Error || look.problem !== undefined) return evaluation
  return { ...evaluation, request: { ...request, metrics }, comparing: [...comparing, DIVERGENCE] }
}

/** What the gate demands, with the drop of the target; what is not measured of candidates is left to the gate. */
export function searchDemands(gate: readonly Demand[], { maxDrop }: Pick<SmallestSettings, 'maxDrop'>): readonly Demand[] {
  return gate.map(({ maxLatency: _, maxRegression: __, ...demand }, i) => (i === 0 ? { ...demand, maxDrop } : demand))
}

const USUAL_CERTAINTY = 0.95

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
