import { type Grouping, totals } from '../groups.js'
import { clopperPearson, multinomial, recovered } from './proportion.js'
import { studentQuantile } from './student.js'

/** Samples on which only the reference was right, and on which only the pruned model was, group by group. */
export interface GroupTally {
  readonly lost: Float64Array
  readonly gained: Float64Array
  readonly grouping: Grouping
}

export function tallyGroups(reference: readonly number[], pruned: readonly number[], grouping: Grouping): GroupTally {
  const count = grouping.sizes.length
  const side = (sign: number) =>
    totals(
      reference.map((before, i) => Number(sign * (before - pruned[i]!) > 0)),
      { of: grouping.of, count },
    )
  return { lost: side(1), gained: side(-1), grouping }
}

/** The same of shares: of each group what it weighs, and how much of that was lost and gained. */
export interface GroupShares {
  readonly lost: Float64Array
  readonly gained: Float64Array
  readonly weights: Float64Array
}

/**
 * Two-sided confidence interval of the drop of a proportion whose samples belong together in groups: the limits of Korn and Graubard (1998) of both
 * discordant proportions, exact ones for as many samples as would tell as much if each stood alone, with Student's correction for few groups, combined as
 * for samples that stand alone (`proportionInterval`). How alike the samples of a group are is estimated by the variance of the group totals. From
 * few groups with a discordant sample it cannot be: one more, alike throughout, is imagined where there is none, and the less of one the more there are.
 */
export function clusteredInterval({ lost, gained, grouping }: GroupTally, level: number): [low: number, high: number] {
  return combine({ lost, gained, weights: grouping.sizes }, { level, leastDesign: 1 })
}

/** The same of parts of what each group weighs: of tokens, say. Parts may be smaller than one token, and then vary less than tokens that are right or wrong. */
export function sharesInterval(shares: GroupShares, level: number): [low: number, high: number] {
  return combine(shares, { level, leastDesign: 0 })
}

function combine(
  { lost, gained, weights }: GroupShares,
  { level, leastDesign }: { readonly level: number; readonly leastDesign: number },
): [low: number, high: number] {
  const [p, q] = [sideOf(lost, weights, leastDesign), sideOf(gained, weights, leastDesign)]
  const correlation = Math.max(multinomial(p.rate, q.rate), -correlationOf(p.residuals, q.residuals))
  return recovered({ rate: p.rate, limits: limitsOf(p, level) }, { rate: q.rate, limits: limitsOf(q, level) }, correlation)
}

interface Side {
  readonly rate: number
  readonly residuals: Float64Array
  readonly samples: number
  /** How many samples of a group tell as much as one that stands alone. */
  readonly design: number
  readonly freedom: number
}

function sideOf(counts: Float64Array, weights: Float64Array, leastDesign: number): Side {
  const samples = sum(weights)
  const groups = weights.length
  const effective = samples ** 2 / sum(weights.map((weight) => weight * weight))
  const rate = sum(counts) / samples
  const residuals = counts.map((count, g) => count - rate * weights[g]!)
  const squares = sum(residuals.map((residual) => residual * residual))
  // As many groups of equal counts would tell as much: one that lost much beside many that lost hardly anything is one.
  const countSquares = sum(counts.map((count) => count * count))
  const seen = countSquares > 0 ? sum(counts) ** 2 / countSquares : 0
  const alone = samples * rate * (1 - rate)
  const measured = alone > 0 ? (squares * groups) / (groups - 1) / alone : 1
  // Where all samples of a group are alike, a group tells as much as one sample: the effect is the size of the group that a sample finds itself in.
  const alike = samples / effective
  const imagined = 1 / (seen + 1)
  const design = Math.max(leastDesign, (seen * measured + imagined * alike) / (seen + imagined))
  return { rate, residuals, samples, design, freedom: effective - 1 }
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}

function limitsOf({ rate, samples, design, freedom }: Side, level: number): [number, number] {
  const tail = (1 - level) / 2
  const few = (studentQuantile(tail, samples - 1) / studentQuantile(tail, freedom)) ** 2
  const effective = (samples / design) * few
  return clopperPearson(rate * effective, effective, level)
}

function correlationOf(a: Float64Array, b: Float64Array): number {
  let [aa, ab, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    aa += a[i]! * a[i]!
    ab += a[i]! * b[i]!
    bb += b[i]! * b[i]!
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0
}
