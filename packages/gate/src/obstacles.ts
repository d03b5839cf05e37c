import { figure, formatCount, plural } from './figure.js'
import type { Aggregate, Measurement, PerSample, SampleFacts, SampleRecord } from './measurement.js'
import { valueFrom } from './value.js'

/** Why two measurements cannot be compared, in sentences. Empty: they can. */
export function obstacles(
  reference: Measurement | undefined,
  pruned: Measurement | undefined,
  {
    facts,
    aggregate,
  }: { readonly facts?: Pick<SampleFacts, 'group'> | undefined; readonly aggregate?: Aggregate | undefined } = {},
): string[] {
  const problems = [...unusable('reference', reference, aggregate), ...unusable('pruned', pruned, aggregate)]
  if (problems.length > 0 || !reference || !pruned) return problems
  if (reference.metric !== pruned.metric) {
    return [`The reference model has ${reference.metric}, the pruned model ${pruned.metric}: not the same metric.`]
  }
  const [before, after] = [reference.samples, pruned.samples]
  if (before.kind !== after.kind) {
    return [
      `${reference.metric} has ${before.kind} samples for the reference model and ${after.kind} samples for the pruned model.`,
    ]
  }
  const [n, m] = [sampleCount(before), sampleCount(after)]
  if (n !== m)
    return [
      `The reference model was measured on ${plural(n, 'sample')} and the pruned model on ${plural(m, 'sample')}: not the same data.`,
    ]
  if (facts?.group !== undefined && facts.group.of.length !== n) {
    return [
      `${reference.metric} has ${plural(n, 'sample')}, but the column ${facts.group.by} has ${plural(facts.group.of.length, 'row')}.`,
    ]
  }
  return mismatch(before, after)
}

export function sampleCount(perSample: PerSample): number {
  return columns(perSample)[0]?.length ?? 0
}

/** What is wrong with one measurement: at most one sentence. */
function unusable(name: string, one: Measurement | undefined, aggregate: Aggregate | undefined): string[] {
  if (!one) return [`The ${name} model was not measured.`]
  const subject = `The ${name} model's ${one.metric}`
  const lists = columns(one.samples)
  const n = sampleCount(one.samples)
  if (n === 0) return [`${subject} was measured on no samples.`]
  if (lists.some((list) => list.length !== n))
    return [`${subject} has lists of ${lists.map((l) => l.length).join(' and ')} samples.`]
  const isBad = (value: number | SampleRecord) =>
    !(typeof value === 'number' ? Number.isFinite(value) : value.every(Number.isFinite))
  const bad = Math.min(...lists.map((list) => list.findIndex(isBad)).filter((at) => at >= 0))
  if (bad < n) return [`${subject} is not a finite number on sample ${bad} of ${formatCount(n)}.`]
  if (!Number.isFinite(one.value)) return [`${subject} is ${one.value}, not a finite number.`]
  if (n === 1 && one.samples.kind !== 'proportion') return [`${subject} was measured on 1 sample; an interval needs at least 2.`]
  return contradiction(subject, one, aggregate)
}

/** Samples that are impossible, or do not add up to the value: a mistake of whoever measured. Rounding to single precision is allowed. */
function contradiction(subject: string, { value, samples: perSample }: Measurement, aggregate: Aggregate | undefined): string[] {
  if (perSample.kind === 'proportion') {
    const odd = perSample.correct.findIndex((one) => one !== 0 && one !== 1)
    if (odd >= 0) return [`${subject} is ${perSample.correct[odd]} on sample ${odd}, neither right (1) nor wrong (0).`]
  }
  if (perSample.kind === 'records' && aggregate === undefined) {
    return [`${subject} has records, and nothing that makes a value of them.`]
  }
  const expected = valueFrom(perSample, aggregate)
  if (Math.abs(value - expected) <= 1e-5 * Math.max(1, Math.abs(expected))) return []
  return [`${subject} is given as ${figure(value)}, but its samples make ${figure(expected)}.`]
}

/** Where labels or token counts, which both models share, differ. */
function mismatch(before: PerSample, after: PerSample): string[] {
  const [first, second] = [shared(before), shared(after)]
  const at = first.findIndex((value, i) => value !== second[i])
  if (at < 0) return []
  return [
    `The two models saw different samples: sample ${at} has ${first[at]} for the reference model and ${second[at]} for the pruned model.`,
  ]
}

function shared(perSample: PerSample): readonly number[] {
  if (perSample.kind === 'f1') return perSample.label
  return perSample.kind === 'perplexity' || perSample.kind === 'ratio' ? perSample.counts : []
}

function columns(perSample: PerSample): (readonly (number | SampleRecord)[])[] {
  const { kind: _, ...lists } = perSample
  return Object.values(lists)
}
