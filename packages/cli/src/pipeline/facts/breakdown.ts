import type { ModelAnswers } from '@pare/evaluate'
import { type Aggregate, type Measurement, subset } from '@pare/gate'
import { present } from '@pare/onnx'
import { type BreakdownFields, classFindings } from '@pare/report'
import type { PairScores } from './pair-scores.js'

/** Classes of which the whole matrix is kept, and pairs of label and answer. */
const MOST_CLASSES = 50
const MOST_CELLS = 50
/** Samples that changed sides. */
const MOST_CHANGED = 100_000
const BINS = 10

/** Labels and both models' answers. Samples whose label does not count are left out; `samples` are the numbers of the others. */
interface AnswerPair {
  readonly samples: readonly number[]
  readonly labels: readonly number[]
  readonly before: ModelAnswers
  readonly after: ModelAnswers
  readonly nameOf: (label: number) => string
}

/** What the metric of a whole data set hides: classes, slices, and samples that changed sides. Of what is not known the field is absent. */
export function breakdownOf(
  comparison: PairScores,
  { metric, aggregate }: { readonly metric: string | undefined; readonly aggregate: Aggregate | undefined },
): BreakdownFields {
  const slices = metric === undefined ? [] : slicesOf(comparison, metric, aggregate)
  const pair = pairOf(comparison)
  return { ...(pair && answersBreakdown(pair, comparison)), ...(slices.length > 0 && { slices }) }
}

function pairOf({ reference, pruned }: PairScores): AnswerPair | undefined {
  const { labels, answers: after, classNames } = pruned
  const before = reference.answers
  if (labels === undefined || before === undefined || after === undefined) return undefined
  if (before.predicted.length !== labels.length) return undefined
  const samples = labels.flatMap((label, i) => (label < 0 && before.predicted[i] === label ? [] : [i]))
  if (samples.length === 0) return undefined
  const taken = ({ predicted, confidence }: ModelAnswers): ModelAnswers => ({
    predicted: samples.map((i) => predicted[i]!),
    ...(confidence && { confidence: samples.map((i) => confidence[i]!) }),
  })
  return {
    ...{ samples, labels: samples.map((i) => labels[i]!), before: taken(before), after: taken(after) },
    nameOf: (label) => classNames?.[label] ?? String(label),
  }
}

function answersBreakdown(pair: AnswerPair, comparison: PairScores): BreakdownFields {
  const classes = classesOf(pair)
  const findings = classFindings(classes)
  return {
    classes,
    confusion: confusionOf(pair),
    changed: changedOf(pair, comparison),
    ...present({ reliability: reliabilityOf(pair) }),
    ...(findings.length > 0 && { findings }),
  }
}

/** All that is a label or an answer, ascending. */
function numbersIn({ labels, before, after }: AnswerPair): number[] {
  return [...new Set([...labels, ...before.predicted, ...after.predicted].values())].sort((a, b) => a - b)
}

function classesOf(pair: AnswerPair): NonNullable<BreakdownFields['classes']> {
  const { labels, before, after, nameOf } = pair
  const counts = new Map(
    numbersIn(pair).map((number) => [
      number,
      { samples: 0, right: { before: 0, after: 0 }, lost: 0, gained: 0, answered: { before: 0, after: 0 } },
    ]),
  )
  for (const [i, label] of labels.entries()) {
    const own = counts.get(label)!
    const [was, is] = [before.predicted[i]!, after.predicted[i]!]
    own.samples++
    own.right.before += Number(was === label)
    own.right.after += Number(is === label)
    own.lost += Number(was === label && is !== label)
    own.gained += Number(was !== label && is === label)
    counts.get(was)!.answered.before++
    counts.get(is)!.answered.after++
  }
  return Array.from(counts, ([number, { samples, right, ...rest }]) => ({
    ...{ name: nameOf(number), samples, right },
    ...(samples > 0 && { share: { before: right.before / samples, after: right.after / samples } }),
    ...rest,
  }))
}

function confusionOf(pair: AnswerPair): NonNullable<BreakdownFields['confusion']> {
  const { labels, before, after, nameOf } = pair
  const cells = new Map<string, { label: number; answer: number; before: number; after: number }>()
  const count = (label: number, answer: number, when: 'before' | 'after') => {
    const key = `${label} ${answer}`
    const cell = cells.get(key) ?? { label, answer, before: 0, after: 0 }
    cell[when]++
    cells.set(key, cell)
  }
  for (const [i, label] of labels.entries()) {
    count(label, before.predicted[i]!, 'before')
    count(label, after.predicted[i]!, 'after')
  }
  const difference = (cell: { before: number; after: number }) => Math.abs(cell.after - cell.before)
  const most = [...cells.values()].filter((cell) => difference(cell) > 0).sort((a, b) => difference(b) - difference(a))
  const named = most.slice(0, MOST_CELLS).map((cell) => ({ ...cell, label: nameOf(cell.label), answer: nameOf(cell.answer) }))
  const numbers = numbersIn(pair)
  if (numbers.length > MOST_CLASSES) return { cells: named }
  const matrix = (when: 'before' | 'after') =>
    numbers.map((label) => numbers.map((answer) => cells.get(`${label} ${answer}`)?.[when] ?? 0))
  return { cells: named, matrix: { names: numbers.map(nameOf), before: matrix('before'), after: matrix('after') } }
}

function changedOf(
  { samples, labels, before, after, nameOf }: AnswerPair,
  { pruned }: PairScores,
): NonNullable<BreakdownFields['changed']> {
  const places = [...labels.keys()]
  const was = (i: number) => before.predicted[i] === labels[i]
  const is = (i: number) => after.predicted[i] === labels[i]
  const lost = places.filter((i) => was(i) && !is(i))
  const gained = places.filter((i) => !was(i) && is(i))
  const { ids } = pruned.facts ?? {}
  const all = [...lost, ...gained].slice(0, MOST_CHANGED).map((i) => {
    const sample = samples[i]!
    const [label, own, other] = [labels[i]!, after.predicted[i]!, before.predicted[i]!].map(nameOf)
    const text = pruned.texts?.[sample]
    return { id: ids?.[sample] ?? String(sample), label: label!, before: other!, after: own!, ...present({ text }) }
  })
  return { lost: lost.length, gained: gained.length, samples: all }
}

function reliabilityOf({ labels, before, after }: AnswerPair): BreakdownFields['reliability'] {
  if (before.confidence === undefined || after.confidence === undefined) return undefined
  return { before: binsOf(labels, before), after: binsOf(labels, after) }
}

/** Guo et al., On Calibration of Modern Neural Networks (2017, arXiv:1706.04599), equation 5, with bins of equal width. */
function binsOf(labels: readonly number[], { predicted, confidence = [] }: ModelAnswers) {
  const sums = Array.from({ length: BINS }, () => ({ samples: 0, confidence: 0, right: 0 }))
  for (const [i, label] of labels.entries()) {
    const bin = sums[Math.max(0, Math.min(BINS - 1, Math.floor(confidence[i]! * BINS)))]!
    bin.samples++
    bin.confidence += confidence[i]!
    bin.right += Number(predicted[i] === label)
  }
  const bins = sums.flatMap(({ samples, confidence: sure, right }, i) =>
    samples === 0 ? [] : [{ low: i / BINS, high: (i + 1) / BINS, samples, confidence: sure / samples, right: right / samples }],
  )
  const error = bins.reduce((sum, bin) => sum + (bin.samples / labels.length) * Math.abs(bin.right - bin.confidence), 0)
  return { error, bins }
}

function slicesOf(
  { reference, pruned }: PairScores,
  metric: string,
  aggregate: Aggregate | undefined,
): NonNullable<BreakdownFields['slices']> {
  const find = (all: readonly Measurement[]) => all.find((one) => one.metric === metric)
  const [before, after] = [find(reference.measurements), find(pruned.measurements)]
  const { facts } = pruned
  if (facts === undefined || before === undefined || after === undefined) return []
  const value = (measurement: Measurement, samples: readonly number[]) => {
    const value = subset(measurement, { name: metric, samples }, aggregate).value
    return Number.isFinite(value) ? value : undefined
  }
  return facts.slices.flatMap(({ by, names, of }) => {
    const judged = before.judged === undefined ? of : before.judged.map((i) => of[i]!)
    const places = names.map((): number[] => [])
    for (const [place, name] of judged.entries()) places[name]!.push(place)
    return names.flatMap((name, i) => {
      const samples = places[i]!
      if (samples.length === 0) return []
      const values = present({ before: value(before, samples), after: value(after, samples) })
      return [{ by, name, samples: samples.length, ...values }]
    })
  })
}
