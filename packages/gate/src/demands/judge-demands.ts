import { judgesMetric } from '../limits.js'
import type { Aggregate, Demand, DemandVerdict, Measurement, SampleFacts, Verdict } from '../measurement.js'
import { combined } from './combined.js'
import type { Foresight } from './foresight.js'
import { holm } from './holm.js'
import type { ModelFigures } from './model-limits.js'
import { findParts, judgeParts, type PartsOfDemand } from './parts.js'
import { factsOf, type Part, subset } from './subset.js'
import { aboutOf, incomplete, judgeWhole } from './whole.js'

/** Everything that was measured of two models over the same samples, and what is demanded of them. */
export interface DemandsCase extends ModelFigures {
  readonly reference: readonly Measurement[]
  readonly pruned: readonly Measurement[]
  readonly demands: readonly Demand[]
  /** Of demands that name none. */
  readonly metric: string
  /** Default: each sample stands alone, and there are no slices */
  readonly facts?: SampleFacts | undefined
  /** Makes a value of the records of a metric. */
  readonly aggregateOf?: ((metric: string) => Aggregate | undefined) | undefined
  /** Judges drops, but for those of parts, by what other samples are likely to show. Default: by these */
  readonly foresight?: Foresight | undefined
}

/**
 * Passes or fails a pruned model by several demands, each of which must be met. A demand on all samples or on one slice is judged as by `judge`. Of
 * demands on every part, by a column or by class, a part is broken only beyond chance, with Holm's correction over all such parts of the gate at 5 %, or,
 * with certainty, unless it is shown to be kept.
 */
export function judgeDemands(cases: DemandsCase): Verdict {
  const judgements = cases.demands.map((demand) => judgeOne(demand, cases))
  const judged = judgements.flatMap((one) => ('verdict' in one ? [] : one.parts.flatMap(({ chance }) => chance ?? [])))
  const corrected = holm(judged)
  const verdicts: DemandVerdict[] = []
  let at = 0
  for (const one of judgements) {
    if ('verdict' in one) verdicts.push(one)
    else {
      const own = one.parts.map(({ chance }) => (chance === undefined ? undefined : corrected[at++]))
      verdicts.push(judgeParts(one, { corrected: own, total: judged.length }))
    }
  }
  return combined(verdicts)
}

function judgeOne(demand: Demand, cases: DemandsCase): DemandVerdict | PartsOfDemand {
  const { latency, size, macs, base, aggregateOf, foresight } = cases
  const metric = demand.metric ?? cases.metric
  const figures = { latency, size, macs, base }
  const aggregate = aggregateOf?.(metric)
  const common = { metric, aggregate, figures, foresight }
  // A gate of one demand has always wanted the metric, too.
  if (!judgesMetric(demand) && cases.demands.length > 1) return judgeWhole(demand, { ...common, facts: undefined })
  const of = (measurements: readonly Measurement[]) => measurements.find((one) => one.metric === metric)
  const [reference, pruned] = [of(cases.reference), of(cases.pruned)]
  const facts = cases.facts && factsOfJudged(cases.facts, reference)
  const isSplit = demand.where !== undefined || demand.by !== undefined || demand.classes
  if (!isSplit) return judgeWhole(demand, { ...common, facts, pair: { reference, pruned } })
  const about = aboutOf(demand, metric)
  const missing = [reference === undefined ? 'reference' : '', pruned === undefined ? 'pruned' : ''].filter(
    (model) => model !== '',
  )
  if (reference === undefined || pruned === undefined)
    return incomplete(demand, about, [`${metric} of the ${missing.join(' and of the ')} model was not measured.`])
  const split = demand.classes ? classesOf(cases, reference) : slicesOf(demand, metric, facts)
  if (typeof split === 'string') return incomplete(demand, about, [split])
  const [judgedBefore, judgedAfter] = demand.classes ? [recalls(reference), recalls(pruned)] : [reference, pruned]
  if (demand.where === undefined)
    return findParts({ demand, about, parts: split, reference: judgedBefore, pruned: judgedAfter, facts, aggregate })
  const [part] = split
  return judgeWhole(demand, {
    ...common,
    facts: factsOf(facts, part!.samples),
    pair: { reference: subset(reference, part!, aggregate), pruned: subset(pruned, part!, aggregate) },
    whole: reference,
  })
}

/** Of the samples that the metric judges. */
function factsOfJudged(facts: SampleFacts, reference: Measurement | undefined): SampleFacts | undefined {
  return reference?.judged === undefined ? facts : factsOf(facts, reference.judged)
}

type NamedPart = Part & { readonly short: string }

/** The slices that a demand is about, or a sentence why there is none. */
function slicesOf({ where, by }: Demand, metric: string, facts: SampleFacts | undefined): NamedPart[] | string {
  const [column = '', wanted] = where === undefined ? [by] : splitOnce(where)
  const columns = facts?.slices ?? []
  const slices = columns.find((one) => one.by === column)
  if (slices === undefined) {
    const names = columns.map((one) => one.by).join(', ')
    return `The data have no column '${column}' to tell samples apart by; ${names === '' ? 'there is none' : `there are: ${names}`}.`
  }
  const samples = new Map<string, number[]>()
  for (const [i, name] of slices.of.entries()) {
    const own = samples.get(slices.names[name]!) ?? []
    own.push(i)
    samples.set(slices.names[name]!, own)
  }
  const parts = [...samples].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
  const part = ([short, own]: [string, number[]]) => ({ name: `${metric} where ${column} = ${short}`, short, samples: own })
  if (wanted === undefined) return parts.map(part)
  const own = samples.get(wanted)
  const names = parts.map(([name]) => name)
  const some = names.length > 10 ? `${names.slice(0, 10).join(', ')} and ${names.length - 10} more` : names.join(', ')
  return own === undefined ? `No sample has ${column} = ${wanted}; there are: ${some}.` : [part([wanted, own])]
}

/** 'language=de' → ['language', 'de']. */
function splitOnce(where: string): [string, string] {
  const at = where.indexOf('=')
  return [where.slice(0, at).trim(), where.slice(at + 1).trim()]
}

/** The samples of each label: of F1 they are known, of other metrics they are those of an F1 that was measured beside it. */
function classesOf({ reference: all }: DemandsCase, reference: Measurement): NamedPart[] | string {
  const labelled = reference.samples.kind === 'f1' ? reference : all.find(({ samples }) => samples.kind === 'f1')
  if (labelled === undefined || labelled.samples.kind !== 'f1') return `The labels of the samples are not known: measure f1, too.`
  const { label } = labelled.samples
  const own = recalls(reference).samples
  if (own.kind !== 'proportion')
    return `${reference.metric} is not right or wrong in each sample, so classes have none of their own.`
  if (own.correct.length !== label.length)
    return `f1 judges ${label.length} samples and ${reference.metric} ${own.correct.length}, so it is not known which class each has.`
  const samples = new Map<number, number[]>()
  for (const [i, one] of label.entries()) {
    const members = samples.get(one) ?? []
    members.push(i)
    samples.set(one, members)
  }
  const what = reference.samples.kind === 'f1' ? 'recall' : reference.metric
  return [...samples]
    .sort(([a], [b]) => a - b)
    .map(([one, members]) => ({ name: `${what} of class ${one}`, short: String(one), samples: members }))
}

/** Which answers are right: of a class, F1 is judged by the share of its samples that is found. */
function recalls(measurement: Measurement): Measurement {
  const { samples } = measurement
  if (samples.kind !== 'f1') return measurement
  return {
    ...measurement,
    samples: { kind: 'proportion', correct: samples.label.map((one, i) => Number(one === samples.predicted[i])) },
  }
}
