import { type Measurement, type PerSample, valueFrom } from '@pare/gate'
import { PareError } from '@pare/onnx'
import type { Numbers } from '../data/ndarray.js'
import {
  type BlindTally,
  commonestAnswer,
  commonestClasses,
  commonestForF1,
  labelShares,
  meanTarget,
  medianTarget,
  noAnswer,
  tokenShares,
} from './blind.js'
import type { JudgedSample } from './judged-sample.js'
import { bestOf, divergence, isDistribution, negativeLogLikelihood, rankOf, type Scale } from './scores.js'

/** What a metric needs besides the model's output. */
export type Need = 'class' | 'values' | 'tokens' | 'reference'

interface Family {
  readonly better: Measurement['better']
  readonly bounded: boolean
  readonly needs: Need
  /** The formula, for README and help. */
  readonly formula: string
  /** Results of one sample, NaN in them where it cannot be judged. One number, or two where `collect` takes two columns. */
  of(sample: JudgedSample, scale: Scale, option: number): readonly [number, number?]
  collect(first: readonly number[], second: readonly number[]): PerSample
  /** Finds what the metric is for the best answer that ignores the input. */
  blind(option: number): BlindTally
}

const proportion: Family['collect'] = (correct) => ({ kind: 'proportion', correct })
const mean: Family['collect'] = (values) => ({ kind: 'mean', values })
const agreementOf: Family['collect'] = (values, rows) => (rows.every((count) => count === 1) ? proportion : mean)(values, rows)

/** The metrics by name; 'top-5' is the entry 'top-k' with k = 5. A new metric is a new entry. */
const FAMILIES: Readonly<Record<string, Family>> = {
  accuracy: {
    ...{ better: 'higher', bounded: true, needs: 'class', formula: 'share of samples whose best class is the label' },
    of: ({ rows, label }) => [below(rankOf(rows[0]!, label![0]!), 1)],
    collect: proportion,
    blind: () => commonestClasses(1),
  },
  'top-k': {
    ...{ better: 'higher', bounded: true, needs: 'class', formula: 'share of samples whose label is among the k best classes' },
    of: ({ rows, label }, _, k) => [below(rankOf(rows[0]!, label![0]!), k)],
    collect: proportion,
    blind: commonestClasses,
  },
  f1: {
    ...{ better: 'higher', bounded: true, needs: 'class', formula: 'mean over classes of 2·TP ÷ (2·TP + FP + FN)' },
    of: ({ rows, label }) => [bestOf(rows[0]!), label![0]!],
    collect: (predicted, label) => ({ kind: 'f1', predicted, label }),
    blind: commonestForF1,
  },
  'cross-entropy': {
    ...{ better: 'lower', bounded: false, needs: 'class', formula: 'mean of −log p(label)' },
    of: ({ rows, label }, scale) => [negativeLogLikelihood(rows[0]!, label![0]!, scale)],
    collect: mean,
    blind: labelShares,
  },
  perplexity: {
    ...{
      better: 'lower',
      bounded: false,
      needs: 'tokens',
      formula: 'exp(Σ −log p(token | tokens before it) ÷ tokens predicted)',
    },
    of: likelihoodOfTokens,
    collect: (sums, counts) => ({ kind: 'perplexity', sums, counts }),
    blind: tokenShares,
  },
  mse: {
    ...{ better: 'lower', bounded: false, needs: 'values', formula: 'mean of (output − label)²' },
    of: ({ rows, label }) => [meanOver(rows, label!, (difference) => difference * difference)],
    collect: mean,
    blind: meanTarget,
  },
  mae: {
    ...{ better: 'lower', bounded: false, needs: 'values', formula: 'mean of |output − label|' },
    of: ({ rows, label }) => [meanOver(rows, label!, Math.abs)],
    collect: mean,
    blind: medianTarget,
  },
  agreement: {
    ...{
      better: 'higher',
      bounded: true,
      needs: 'reference',
      formula: 'share of rows whose best class is that of the reference model',
    },
    of: (sample) => [meanOfRows(sample, (row, reference) => equal(bestOf(row), bestOf(reference))), sample.rows.length],
    collect: agreementOf,
    blind: () => commonestAnswer(agreementOf),
  },
  kl: {
    ...{
      better: 'lower',
      bounded: false,
      needs: 'reference',
      formula: 'mean of Σ p·(log p − log q), p the reference model’s probabilities',
    },
    of: (sample, scale) => [meanOfRows(sample, (row, reference) => divergence(reference, row, scale))],
    collect: mean,
    blind: noAnswer,
  },
}

export interface Metric extends Omit<Family, 'of' | 'blind'> {
  readonly name: string
  of(sample: JudgedSample, scale: Scale): readonly [number, number?]
  blind(): BlindTally
}

/** Names of all metrics, as printed in messages and help. */
export const METRIC_NAMES: readonly string[] = Object.keys(FAMILIES)

/** The metric of that name. Throws PareError for an unknown one. */
export function findMetric(name: string): Metric {
  const [, k] = /^top-([1-9]\d*)$/.exec(name) ?? []
  const isFamily = Object.hasOwn(FAMILIES, name) && name !== 'top-k'
  const family = k !== undefined ? FAMILIES['top-k'] : isFamily ? FAMILIES[name] : undefined
  if (!family) {
    throw new PareError(`metric '${name}' is unknown.`, {
      hint: `expected one of ${METRIC_NAMES.join(', ').replace('top-k', 'top-5 (any number)')}.`,
    })
  }
  return { ...family, name, of: (sample, scale) => family.of(sample, scale, Number(k)), blind: () => family.blind(Number(k)) }
}

/** Collects one metric over samples that are added in order. */
export interface MetricTally {
  /** False where the sample cannot be judged: the metric then has no value. */
  add(sample: JudgedSample): boolean
  measurement(): Measurement
}

/** Whether the output is logits or probabilities shows once all samples are seen; until a row is no distribution, both are kept. */
export function startTally(metric: Metric): MetricTally {
  const columns = { logits: [[], []] as [number[], number[]], probabilities: [[], []] as [number[], number[]] }
  let scale: Scale = 'probabilities'
  const push = (sample: JudgedSample, to: Scale) => {
    const [first, second = 0] = metric.of(sample, to)
    columns[to][0].push(first)
    columns[to][1].push(second)
    return Number.isFinite(first) && Number.isFinite(second)
  }
  return {
    add(sample) {
      const logits = push(sample, 'logits')
      if (scale === 'probabilities' && ![...sample.rows, ...(sample.reference ?? [])].every(isDistribution)) scale = 'logits'
      return scale === 'probabilities' ? push(sample, scale) && logits : logits
    },
    measurement() {
      const samples = metric.collect(...columns[scale])
      return { metric: metric.name, value: valueFrom(samples), better: metric.better, bounded: metric.bounded, samples }
    },
  }
}

/** Sum of −log p(token t | tokens before t) over the scored tokens, and their number. Row t − 1 predicts token t. */
function likelihoodOfTokens({ rows, tokens, scored }: JudgedSample, scale: Scale): [number, number] {
  let total = 0
  let count = 0
  for (let t = 1; t < rows.length; t++) {
    if (scored && !scored[t]) continue
    total += negativeLogLikelihood(rows[t - 1]!, tokens![t]!, scale)
    count++
  }
  return [total, count]
}

function meanOver(rows: readonly Numbers[], label: Numbers, loss: (difference: number) => number): number {
  let total = 0
  let at = 0
  for (const row of rows) for (let i = 0; i < row.length; i++) total += loss(row[i]! - label[at++]!)
  return total / at
}

/** Mean over the rows; of text, over the rows that predict a scored token. */
function meanOfRows({ rows, reference, scored }: JudgedSample, of: (row: Numbers, reference: Numbers) => number): number {
  let total = 0
  let count = 0
  for (const [i, row] of rows.entries()) {
    if (scored && rows.length === scored.length && !scored[i + 1]) continue
    total += of(row, reference![i]!)
    count++
  }
  return total / count
}

function below(rank: number, k: number): number {
  return Number.isNaN(rank) ? rank : Number(rank < k)
}

function equal(a: number, b: number): number {
  return Number.isNaN(a + b) ? Number.NaN : Number(a === b)
}
