import type { Blind, PerSample, Renumbered } from '@pare/gate'
import { present } from '@pare/onnx'
import type { Numbers } from '../data/ndarray.js'
import type { JudgedSample } from './judged-sample.js'
import { renumberedLabels } from './renumbered.js'
import { bestOf } from './scores.js'

/** What of a measurement tells whether the metric is worth anything, less the value, which follows from the samples. */
export interface BlindAnswer extends Omit<Blind, 'value'> {
  readonly renumbered?: Renumbered
}

/** Collects the labels over samples that are added in order, and finds the best answer for all of them that ignores the input. */
export interface BlindTally {
  add(sample: JudgedSample): void
  /** Undefined where the metric has no such answer. */
  answer(): BlindAnswer | undefined
}

const CHECK_LABELS =
  "Check that the labels belong to these inputs and are numbered as the model's classes are, and that inputs are scaled as in training."

/** The `k` commonest labels, where naming the right one among them counts. */
export function commonestClasses(k: number): BlindTally {
  return overClasses((labels, classes) => {
    const best = k >= classes ? [...Array(classes).keys()] : commonest(labels, k)
    const hits = new Set(best)
    return {
      answer: k >= classes ? `naming all ${classes} classes` : `always answering ${listed(best)}`,
      samples: { kind: 'proportion', correct: labels.map((label) => Number(hits.has(label))) },
      cure: k >= classes ? 'Measure accuracy, or top-k with fewer classes.' : CHECK_LABELS,
    }
  })
}

/** The commonest label, for macro F1: its own F1 is the largest of all constant answers. */
export function commonestForF1(): BlindTally {
  return overClasses((labels) => {
    const [best] = commonest(labels, 1)
    const predicted = labels.map(() => best!)
    return { answer: `always answering class ${best}`, samples: { kind: 'f1', predicted, label: labels }, cure: CHECK_LABELS }
  })
}

/** The shares of the labels as probabilities: −log of its share for each label. */
export function labelShares(): BlindTally {
  return overClasses((labels) => {
    const counts = countsOf(labels)
    return {
      answer: 'always giving each class the share of its labels',
      samples: { kind: 'mean', values: labels.map((label) => Math.log(labels.length / counts.get(label)!)) },
      cure: CHECK_LABELS,
    }
  })
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
        samples: { kind: 'perplexity', sums: windows.map(cost), counts: windows.map(({ length }) => length) },
        cure: 'Check that the text is of the language and kind that the model was trained on, and that the tokenizer is its own.',
      }
    },
  }
}

/** The mean of the targets, at each place of the output. */
export function meanTarget(): BlindTally {
  return overTargets('mean', mean, (difference) => difference * difference)
}

/** The median of the targets, at each place of the output. */
export function medianTarget(): BlindTally {
  return overTargets('median', median, Math.abs)
}

/** The class that the reference itself gives most often: a model that always gives it agrees so much. */
export function commonestAnswer(collect: (values: readonly number[], rows: readonly number[]) => PerSample): BlindTally {
  const answers: number[][] = []
  const rows: number[] = []
  return {
    add({ reference, scored }) {
      const isCounted = (i: number) => !scored || reference!.length !== scored.length || Boolean(scored[i + 1])
      answers.push(reference!.filter((_, i) => isCounted(i)).map(bestOf))
      rows.push(reference!.length)
    },
    answer() {
      const [best] = commonest(answers.flat(), 1)
      const shares = answers.map((own) => mean(own.map((answer) => Number(answer === best))))
      return {
        answer: `always answering class ${best}, as the reference mostly does`,
        samples: collect(shares, rows),
        cure: 'Check that the reference is the trained model, and that the evaluation data are as varied as what it will meet.',
      }
    },
  }
}

/** Of what has no answer without an input: a distance between two models. */
export function noAnswer(): BlindTally {
  return { add() {}, answer: () => undefined }
}

function overClasses(answerFor: (labels: readonly number[], classes: number) => BlindAnswer): BlindTally {
  const labels: number[] = []
  const answers: number[] = []
  let classes = 0
  return {
    add({ rows, label }) {
      labels.push(label![0]!)
      answers.push(bestOf(rows[0]!))
      classes = rows[0]!.length
    },
    answer() {
      const renumbered = renumberedLabels({ labels, answers, classes })
      return { ...answerFor(labels, classes), ...present({ renumbered }) }
    },
  }
}

/** Targets up to so many have a median at each place; it is found by sorting. Beyond, the mean stands in, which no median is far from. */
const MOST_SORTED = 2 ** 23

/** Keeps all targets: as many numbers as the labels have, for a second look once their middle is known. */
function overTargets(
  name: string,
  middle: (values: readonly number[]) => number,
  loss: (difference: number) => number,
): BlindTally {
  const targets: Numbers[] = []
  return {
    add: ({ label }) => void targets.push(label!),
    answer() {
      const width = targets[0]?.length ?? 0
      const isEven = targets.every(({ length }) => length === width)
      const isSmall = targets.length * width <= MOST_SORTED
      const centre = isSmall ? middle : mean
      const middles = isEven
        ? Float64Array.from({ length: width }, (_, at) => centre(targets.map((target) => target[at]!)))
        : [mean(targets.map(meanOf))]
      const lossOf = (target: Numbers) => {
        let total = 0
        for (let i = 0; i < target.length; i++) total += loss(target[i]! - middles[isEven ? i : 0]!)
        return total / target.length
      }
      return {
        answer: `always answering the ${isEven && isSmall ? name : 'mean'} of the targets`,
        samples: { kind: 'mean', values: targets.map(lossOf) },
        cure: 'Check that the targets belong to these inputs, and that both are scaled as in training.',
      }
    },
  }
}

function commonest(labels: readonly number[], k: number): number[] {
  const byCount = [...countsOf(labels)].sort(([a, n], [b, m]) => m - n || a - b)
  return byCount.slice(0, k).map(([label]) => label)
}

function countsOf(values: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

/** 'class 3', 'class 0 or 3', 'one of the classes 0, 3 and 4': what is named. */
function listed(classes: readonly number[]): string {
  const sorted = [...classes].sort((a, b) => a - b)
  const [last] = sorted.slice(-1)
  return sorted.length === 1 ? `class ${last}` : `classes ${sorted.slice(0, -1).join(', ')} and ${last}`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function meanOf(values: Numbers): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / values.length
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
