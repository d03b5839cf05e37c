import { chanceOfF1 } from './f1.js'
import { figure, plural, rough } from './figure.js'
import { type Grouping, groupingOf, membersOf, totals } from './groups.js'
import type { Aggregate, Blind, Measurement, SampleFacts } from './measurement.js'
import { sampleCount } from './obstacles.js'
import { resampleRecords } from './records.js'
import { betaCdf } from './statistics/beta.js'
import { tallyGroups } from './statistics/clustered.js'
import { tally } from './statistics/proportion.js'

/** A reference counts as better than a blind answer where chance alone would make it look so less often than this. */
const LEVEL = 0.05

/**
 * Why nothing can be learnt from a drop of this metric, in sentences with the cure. Empty: the model's answers depend on what it is shown, and
 * are better than the best answer that ignores it. Of a measurement without `blind` and `same` nothing is known, and nothing is said.
 */
export function worthless(measurement: Measurement, { facts, aggregate }: WorthContext = {}): string[] {
  const { same, blind } = measurement
  if (same !== undefined) return [sameText(same, measurement)]
  if (blind === undefined) return []
  if (isNoHigher(measurement, blind)) return [blindText(measurement, blind, undefined)]
  const chance = chanceOf(measurement, blind, { grouping: groupingOf(facts?.group), aggregate })
  return chance < LEVEL ? [] : [blindText(measurement, blind, chance)]
}

/** What a measurement is worth may depend on which of its samples belong together. */
interface WorthContext {
  /** Default: each sample stands alone */
  readonly facts?: Pick<SampleFacts, 'group'> | undefined
  /** Makes a value of records. */
  readonly aggregate?: Aggregate | undefined
}

interface Together {
  readonly grouping: Grouping | undefined
  readonly aggregate: Aggregate | undefined
}

function isNoHigher({ value, better }: Measurement, blind: Blind): boolean {
  return better === 'higher' ? !(value > blind.value) : !(value < blind.value)
}

/**
 * The one-sided probability that a model no better than the blind answer does as well as this one, over the same samples, or over groups of those that
 * belong together. Exact for proportions and F1; for means, ratios and perplexity Student's test of the paired differences, which also works for a handful of
 * samples; for records the share of resamples in which the model is no better.
 */
function chanceOf({ samples: own, better }: Measurement, { samples: blind }: Blind, { grouping, aggregate }: Together): number {
  const sums = (values: readonly number[]) =>
    grouping === undefined ? values : Array.from(totals(values, { of: grouping.of, count: grouping.sizes.length }))
  if (own.kind === 'proportion' && blind.kind === 'proportion') {
    if (grouping === undefined) return chanceOfProportion(own.correct, blind.correct)
    const { lost, gained } = tallyGroups(own.correct, blind.correct, grouping)
    return chanceOfGroups(Array.from(lost, (one, g) => one - gained[g]!))
  }
  if (own.kind === 'f1') return chanceOfF1(own.label, own.predicted, grouping && membersOf(grouping))
  if (own.kind === 'mean' && blind.kind === 'mean') return chanceOfMean(sums(differences(own.values, blind.values, better)))
  if (own.kind === 'perplexity' && blind.kind === 'perplexity')
    return chanceOfMean(sums(differences(own.sums, blind.sums, better)))
  if (own.kind === 'ratio' && blind.kind === 'ratio') return chanceOfMean(sums(differences(own.sums, blind.sums, better)))
  if (own.kind === 'records' && blind.kind === 'records' && aggregate !== undefined) {
    const members = grouping ? membersOf(grouping) : own.records.map((_, i) => Int32Array.of(i))
    const pair = { before: own.records, after: blind.records, aggregate, sign: better === 'higher' ? -1 : 1 } as const
    const { drops } = resampleRecords(pair, members)
    return (drops.filter((drop) => drop <= 0).length + 1) / (drops.length + 1)
  }
  throw new RangeError(`gate: a metric of ${own.kind} samples is compared with a blind answer of ${blind.kind} samples`)
}

/** By how many more samples of each group it is right than the blind answer: the exact sign test, or Student's, of which one suffices. */
function chanceOfGroups(better: readonly number[]): number {
  const [won, lost] = [1, -1].map((sign) => better.filter((one) => sign * one > 0).length)
  return Math.min(chanceOfMean(better), won === 0 ? 1 : betaCdf(0.5, won!, lost! + 1))
}

/**
 * Two exact tests, of which one suffices: the binomial one against the rate of the blind answer, which needs fewest samples where that rate is
 * far below, and McNemar's on the samples where the two differ, which needs fewest where the rate is high and the model seldom departs from it.
 */
function chanceOfProportion(own: readonly number[], blind: readonly number[]): number {
  const { lost, gained, n } = tally(own, blind)
  const right = own.reduce((total, one) => total + one, 0)
  // P(X ≥ k) of a binomial X is the distribution function of Beta(k, n − k + 1) at its rate.
  const binomial = betaCdf((right - lost + gained) / n, right, n - right + 1)
  return Math.min(binomial, lost === 0 ? 1 : betaCdf(0.5, lost, gained + 1))
}

/** By how much each sample is better than with the blind answer. */
function differences(own: readonly number[], blind: readonly number[], better: Measurement['better']): number[] {
  const sign = better === 'higher' ? 1 : -1
  return own.map((value, i) => sign * (value - blind[i]!))
}

/** Student's one-sided test that the mean is not above 0. */
function chanceOfMean(values: readonly number[]): number {
  const n = values.length
  const mean = values.reduce((total, value) => total + value, 0) / n
  if (!(mean > 0) || n < 2) return 1
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0)
  if (squares === 0) return 0
  const t2 = (mean * mean * n * (n - 1)) / squares
  // P(T ≥ t) of Student's T with f degrees of freedom is half of I_x(f ÷ 2, ½) at x = f ÷ (f + t²).
  return betaCdf((n - 1) / (n - 1 + t2), (n - 1) / 2, 0.5) / 2
}

function sameText(same: NonNullable<Measurement['same']>, { metric, samples: own }: Measurement): string {
  const all = `all ${plural(sampleCount(own), 'sample')}`
  const nothing = `so ${metric} cannot show what pruning costs`
  switch (same) {
    case 'zeros':
      return `The inputs are 0 in ${all}, ${nothing}. Check the file of evaluation data: its values were lost when it was written.`
    case 'inputs':
      return `The inputs are the same in ${all}, ${nothing}. Check the file of evaluation data: one sample seems to be repeated.`
    case 'outputs':
      return `The output is the same for ${all}, whatever the input, ${nothing}. Check that the model is the trained one, that inputs are scaled as in training, and which output is measured.`
    default:
      return same satisfies never
  }
}

function blindText(measurement: Measurement, blind: Blind, chance: number | undefined): string {
  const { metric, value, better, bounded, samples: own, renumbered } = measurement
  const set = plural(sampleCount(own), 'sample')
  const cannotFail = bounded && better === 'higher' && blind.value === 1
  const judged =
    chance === undefined
      ? 'is no better'
      : `is not better beyond chance (one-sided p = ${rough(chance)}, needed is less than ${LEVEL})`
  // Of an F1 above that of a constant answer: what it was compared with is its own answers, shuffled.
  const isShuffled = own.kind === 'f1' && chance !== undefined
  const rival = isShuffled
    ? 'the same answers in another order'
    : `${blind.answer}, without looking at the input, which gets ${figure(blind.value)}`
  const sentence = cannotFail
    ? `${metric} cannot fail on these ${set}: ${blind.answer}, without looking at the input, is always right.`
    : `${metric} of ${figure(value)} on ${set} ${judged} than ${rival}: it cannot show what pruning costs.`
  const other = renumbered && ` With ${renumbered.how} accuracy would be ${figure(renumbered.accuracy)}.`
  return `${sentence}${other ?? ''} ${blind.cure}`
}
