import type { BlindAnswer, BlindTally, Contribution, Metric, MetricSample, Numbers } from './contract.js'
import { renumberedLabels } from './renumbered.js'
import { sampleOf } from './sample.js'
import { bestOf } from './scores.js'

const CHECK_LABELS =
  "Check that the labels belong to these inputs and are numbered as the model's classes are, and that inputs are scaled as in training."

/** How a blind answer is told of, by how often each class is a label. */
type Words = (counts: ReadonlyMap<number, number>) => Pick<BlindAnswer, 'answer' | 'cure'>

/**
 * The shares of the labels as probabilities, the same for every sample: of all answers that ignore the input the best for likelihoods, and for what
 * ranks classes the commonest come first.
 */
export function classShares(words: Words = sharesInWords): (metric: Metric) => BlindTally {
  return (metric) => {
    const samples: CountedLabels[] = []
    const [labels, answers]: [number[], number[]] = [[], []]
    const counts = new Map<number, number>()
    let [classes, rows, isSimple] = [0, 0, true]
    return {
      add(sample) {
        const own = countedLabels(sample)
        samples.push(own)
        for (const [one, count] of own.counts) counts.set(one, (counts.get(one) ?? 0) + count)
        rows += sample.isMany ? 1 : sample.label.length
        classes = Math.max(classes, sample.classes)
        isSimple &&= sample.isSingle && !sample.isMany && sample.answers.length === 1
        if (isSimple) {
          labels.push(sample.label[0]!)
          answers.push(sample.answers[0]!)
        }
      },
      answer() {
        const row = Float64Array.from({ length: classes }, (_, at) => (counts.get(at) ?? 0) / rows)
        const contributions = samples.map((sample) => replayed(metric, sample, row))
        const renumbered = isSimple ? renumberedLabels({ labels, answers, classes }) : undefined
        return { ...words(counts), contributions, ...(renumbered && { renumbered }) }
      },
    }
  }
}

/** How often each class is a label of the sample: of an answer that is the same at all places their order does not matter. */
interface CountedLabels extends Pick<MetricSample, 'isSingle' | 'isMany' | 'shape'> {
  readonly counts: readonly (readonly [label: number, count: number])[]
}

function countedLabels({ label, isSingle, isMany, shape }: MetricSample): CountedLabels {
  const counts = [...countsOf(isMany ? ones(label) : label)]
  return { counts, isSingle, isMany, shape }
}

/** Always naming the `k` commonest classes. */
export function commonestClasses(k: number): Words {
  return (counts) => ({ answer: `always answering ${listed(commonest(counts, k))}`, cure: CHECK_LABELS })
}

/** Always naming the choice that is right most often, by where it stands. */
export const commonestChoice: Words = (counts) => ({
  answer: `always answering choice ${commonest(counts, 1)[0]}, counted from 0`,
  cure: 'Check that the answers are numbered as the choices are. Small models often do no better on such questions.',
})

function sharesInWords(): ReturnType<Words> {
  return { answer: 'always giving each class the share of its labels', cure: CHECK_LABELS }
}

function replayed(metric: Metric, { counts, ...sample }: CountedLabels, row: Numbers): Contribution | undefined {
  const label = sample.isMany ? indicatorsOf(counts, row.length) : repeated(counts)
  const places = sample.isMany ? 1 : label.length
  if (places === 0) return undefined
  const rows = new Array<Numbers>(places).fill(row)
  const answers = new Float64Array(places).fill(bestOf(row))
  return metric.of(sampleOf({ ...sample, rows, answers, label, scale: 'probabilities' }))
}

function repeated(counts: CountedLabels['counts']): Numbers {
  const label = new Float64Array(counts.reduce((total, [, count]) => total + count, 0))
  let at = 0
  for (const [one, count] of counts) {
    label.fill(one, at, at + count)
    at += count
  }
  return label
}

function indicatorsOf(counts: CountedLabels['counts'], classes: number): Numbers {
  const label = new Float64Array(classes)
  for (const [one] of counts) label[one] = 1
  return label
}

/** The mean of the targets, at each place of the output. */
export const meanTarget = (metric: Metric): BlindTally => overTargets(metric, 'mean', mean)

/** The median of the targets, at each place of the output. */
export const medianTarget = (metric: Metric): BlindTally => overTargets(metric, 'median', median)

/** Targets up to so many have a median at each place; it is found by sorting. Beyond, the mean stands in, which no median is far from. */
const MOST_SORTED = 2 ** 23

/** Keeps all targets: as many numbers as the labels have, for a second look once their middle is known. */
function overTargets(metric: Metric, name: string, middle: (values: readonly number[]) => number): BlindTally {
  const samples: Pick<MetricSample, 'label' | 'at' | 'shape'>[] = []
  return {
    add: ({ label, at, shape }) => void samples.push({ label, at, shape }),
    answer() {
      const width = sizeOf(samples[0]?.shape)
      const isEven = samples.every(({ shape }) => sizeOf(shape) === width)
      const isSmall = samples.length * width <= MOST_SORTED
      const middles = isEven
        ? middlesAt(samples, width, isSmall ? middle : mean)
        : [mean(samples.map(({ label }) => mean([...label])))]
      const rowOf = (at: ArrayLike<number>) => Float64Array.from(at, (place) => middles[isEven ? place : 0]!)
      return {
        answer: `always answering the ${isEven && isSmall ? name : 'mean'} of the targets`,
        contributions: samples.map(({ label, at, shape }) =>
          label.length === 0 ? undefined : metric.of(sampleOf({ rows: [rowOf(at)], label, at, shape })),
        ),
        cure: 'Check that the targets belong to these inputs, and that both are scaled as in training.',
      }
    },
  }
}

function middlesAt(
  samples: readonly Pick<MetricSample, 'label' | 'at'>[],
  width: number,
  middle: (values: readonly number[]) => number,
): ArrayLike<number> {
  const columns = Array.from({ length: width }, () => [] as number[])
  for (const { label, at } of samples) for (let i = 0; i < label.length; i++) columns[at[i]!]!.push(label[i]!)
  return columns.map((column) => (column.length === 0 ? 0 : middle(column)))
}

function sizeOf(shape: readonly number[] = []): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** The class that the reference itself gives most often: a model that always gives it agrees so much. */
export function commonestAnswer(metric: Metric): BlindTally {
  const samples: Pick<MetricSample, 'referenceAnswers' | 'isSingle'>[] = []
  return {
    add: ({ referenceAnswers, isSingle }) => void samples.push({ referenceAnswers, isSingle }),
    answer() {
      const [best] = commonest(countsOf(samples.flatMap(({ referenceAnswers }) => [...referenceAnswers])), 1)
      return {
        answer: `always answering class ${best}, as the reference mostly does`,
        contributions: samples.map(({ referenceAnswers, isSingle }) =>
          referenceAnswers.length === 0
            ? undefined
            : metric.of({
                ...sampleOf({ rows: [], isSingle, referenceAnswers }),
                answers: new Float64Array(referenceAnswers.length).fill(best!),
              }),
        ),
        cure: 'Check that the reference is the trained model, and that the evaluation data are as varied as what it will meet.',
      }
    },
  }
}

/** The shares of the tokens that are predicted as probabilities: the unigram distribution of the evaluation data. */
export function tokenShares(): BlindTally {
  const windows: number[][] = []
  return {
    add({ rows, tokens, scored }) {
      const predicted: number[] = []
      for (let t = 1; t < rows.length; t++) if (!scored || scored[t]) predicted.push(tokens![t]!)
      windows.push(predicted)
    },
    answer() {
      const counts = countsOf(windows.flat())
      const total = windows.reduce((sum, { length }) => sum + length, 0)
      const cost = (tokens: readonly number[]) => tokens.reduce((sum, token) => sum + Math.log(total / counts.get(token)!), 0)
      return {
        answer: 'always giving each token its share of the evaluation data',
        contributions: windows.map((tokens) => [cost(tokens), tokens.length]),
        cure: 'Check that the text is of the language and kind that the model was trained on, and that the tokenizer is its own.',
      }
    },
  }
}

function commonest(counts: ReadonlyMap<number, number>, k: number): number[] {
  const byCount = [...counts].sort(([a, n], [b, m]) => m - n || a - b)
  return byCount.slice(0, k).map(([label]) => label)
}

function countsOf(values: Iterable<number>): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

/** The classes whose label is 1. */
function ones(label: Numbers): number[] {
  return Array.from(label.keys()).filter((at) => label[at] === 1)
}

/** 'class 3', 'classes 0 and 3', 'classes 0, 3 and 4': what is named. */
function listed(classes: readonly number[]): string {
  const sorted = [...classes].sort((a, b) => a - b)
  const [last] = sorted.slice(-1)
  return sorted.length === 1 ? `class ${last}` : `classes ${sorted.slice(0, -1).join(', ')} and ${last}`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
