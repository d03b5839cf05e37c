import type { Demand, Foresight, Verdict } from '@pare/gate'
import { present } from '@pare/onnx'
import type { Work } from '../engine/work.js'
import type { PairScores } from '../pipeline/facts/pair-scores.js'
import { lookAt } from '../pipeline/first-look.js'
import { measure, measurePair, type ReferenceScores, referenceKey } from '../pipeline/measure.js'
import type { EvaluationSettings } from '../settings/data/evaluation.js'
import { referenceRequest, requestOf } from '../settings/data/partner.js'
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
  const { maxDrop, free, certainty = USUAL_CERTAINTY, isSplit } = smallest
  const demands = searchDemands(gate, smallest)
  const metric = demands[0]!.metric ?? smallest.evaluation.request.metrics[0]!
  const references: ReferenceScores = new Map()
  const referenceOn = (part: EvaluationSettings) => measureReference(part, { path: reference.path, metric, references }, work)
  const evaluation = free > 1 ? await withDivergence(smallest.evaluation, reference.path, work) : smallest.evaluation
  const { value, samples } = await referenceOn(evaluation)
  const few = samples >= MANY ? firstPartOf(evaluation, seed) : undefined
  if (few !== undefined) await referenceOn(few)
  const allowed = typeof maxDrop === 'number' ? maxDrop : maxDrop.relative * Math.abs(value)
  const judging = isSplit ? (samples * (1 - SPLIT)) / SPLIT : gateSamples
  const foresightOf = (samples: number): Foresight => ({
    share: judging === undefined ? 0 : samples / judging,
    certainty: sequenceCertainty(certainty, sequences),
  })
  const judgeOn = await pairJudge(smallest.evaluation, { reference, demands, references, foresightOf }, work)
  return {
    ...{ metric, allowed, certainty, value, samples },
    async judge(file, size) {
      if (few !== undefined) {
        const first = await judgeOn(few, file, size)
        if (isTooMuch(first.verdict, allowed)) return { ...outcomeOf(first, { metric, free }), isEarly: true }
      }
      const judged = await judgeOn(evaluation, file, size)
      if (judged.verdict.verdict === 'incomplete') throw unjudged(judged.verdict)
      return outcomeOf(judged, { metric, free })
    },
  }
}

interface ReferenceMeasuring {
  readonly path: string
  readonly metric: string
  /** Collects. */
  readonly references: ReferenceScores
}

/** The metric of the reference on some of the search data. Throws a Failure where it has no value. */
async function measureReference(part: EvaluationSettings, { path, metric, references }: ReferenceMeasuring, work: Work) {
  const own = referenceRequest(part, path)
  const { model: reference, encoder: referenceEncoder } = own
  const request = part.comparing.length > 0 ? { ...own, reference, ...present({ referenceEncoder }) } : own
  const scores = await measure(request, part.limits, work)
  references.set(referenceKey(path, part), scores)
  const value = scores.metrics[metric]
  if (value === undefined) {
    const why = scores.unmeasured.find((one) => one.metric === metric)?.reason ?? 'it was not measured'
    throw new Failure('infrastructure', `pare: ${metric} of the reference has no value on the search data: ${why}.`)
  }
  return { value, samples: scores.samples }
}

interface JudgeOptions extends Pick<CandidateDemands, 'reference' | 'demands'> {
  readonly references: ReferenceScores
  readonly foresightOf: (samples: number) => Foresight
}

interface JudgedCandidate {
  readonly verdict: Verdict
  readonly scores: PairScores['pruned']
}

/** Judges candidates beside the reference, each over some of the search data. */
async function pairJudge(
  { request: { metrics, modules } }: EvaluationSettings,
  { reference, demands, references, foresightOf }: JudgeOptions,
  work: Work,
): Promise<(part: EvaluationSettings, file: string, size: CandidateSize) => Promise<JudgedCandidate>> {
  const { findAggregates } = await import('@pare/evaluate')
  const { judgeDemands } = await import('@pare/gate')
  const aggregates = await findAggregates(metrics, modules)
  return async (part, file, size) => {
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
    return { verdict, scores: pair.pruned }
  }
}

/**
 * Candidates of one form are tried from the ratio that loses less on, in the order of what they lose: of such a sequence the first that is no pass ends it, and
 * none needs a correction (fixed-sequence testing). Of several sequences each has its part of the uncertainty (Bonferroni).
 */
function sequenceCertainty(certainty: number, sequences: number): number {
  return 1 - (1 - certainty) / sequences
}

/** Where the 95 % interval of the drop lies above the limit. */
function isTooMuch({ drop, verdict }: Verdict, allowed: number): boolean {
  return verdict === 'fail' && drop !== undefined && drop.interval[0] > allowed
}

function outcomeOf(
  { verdict: { drop, verdict, reasons }, scores: { metrics: own, samples } }: JudgedCandidate,
  { metric, free }: { readonly metric: string; readonly free: number },
) {
  const [reason] = verdict === 'pass' ? [] : reasons
  return {
    outcome: verdict === 'pass' ? verdict : ('fail' as const),
    ...present({ value: own[metric], drop: drop && { value: drop.value, interval: drop.interval } }),
    ...present({ kl: free > 1 ? own[DIVERGENCE] : undefined, reason }),
    samples,
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
  const look = await lookAt({ ...requestOf(evaluation, model), metrics, readingMs: 0 }, evaluation.limits, work)
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
