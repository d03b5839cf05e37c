import { PareError } from '@pare/onnx'
import type { Batch } from '../data/dataset.js'
import { describe, isInteger, type NdArray, type Numbers, numbersOf, sizeOf } from '../data/ndarray.js'
import { problemsError } from '../data/problems.js'
import type { JudgedSample } from './judged-sample.js'
import type { Metric } from './metrics.js'

/** What came out for a batch. */
export interface BatchOutcome {
  readonly batch: Batch
  /** Name of the output that is measured. */
  readonly name: string
  /** [size, …]; may hold more rows than the batch has samples, which are left out. */
  readonly output: NdArray
  readonly reference?: NdArray
}

/** The samples of the batch, ready for the metrics. Throws one PareError with everything that a metric lacks. */
export function judgeBatch(outcome: BatchOutcome, metrics: readonly Metric[]): JudgedSample[] {
  const { batch, output, reference } = outcome
  const problems = metrics.flatMap((metric) =>
    needProblems(metric, outcome).map((problem) => `metric '${metric.name}': ${problem}`),
  )
  if (problems.length > 0)
    throw problemsError(
      'evaluation',
      problems,
      'choose a metric that fits the model and its data, or name the output and the label.',
    )
  const rows = splitSamples(output, batch.size)
  const referenceRows = reference && splitSamples(reference, batch.size)
  const labels = batch.label && split(numbersOf(batch.label), batch.size)
  const ids = batch.tokens === undefined ? undefined : batch.inputs[batch.tokens]
  const tokens = ids && split(numbersOf(ids), batch.size)
  const scored = ids && split(scoredTokens(batch, ids), batch.size)
  return rows.map((own, i) => ({
    rows: own,
    ...(referenceRows && { reference: referenceRows[i]! }),
    ...(labels && { label: labels[i]! }),
    ...(tokens && { tokens: tokens[i]! }),
    ...(scored && { scored: scored[i]! }),
  }))
}

/** What keeps the metric from being computed: no label, no reference, or shapes that do not go together. */
function needProblems({ needs }: Metric, outcome: BatchOutcome): string[] {
  switch (needs) {
    case 'class':
      return classProblems(outcome)
    case 'values':
      return valueProblems(outcome)
    case 'tokens':
      return tokenProblems(outcome)
    case 'reference':
      return referenceProblems(outcome)
    default:
      return needs satisfies never
  }
}

function classProblems({ batch, name, output }: BatchOutcome): string[] {
  const shape = sampleShape(output)
  const classes = shape[0] ?? 1
  const problems: string[] = []
  if (shape.length !== 1 || classes < 2)
    problems.push(
      `output '${name}' is ${describe(output.type, output.shape)}, expected scores [samples, classes].${instead(output)}`,
    )
  if (!batch.label) return [...problems, `the data have no labels.`]
  const labels = numbersOf(batch.label)
  if (labels.length !== batch.size)
    return [...problems, `labels are ${describe(batch.label.type, batch.label.shape)}, expected one class a sample.`]
  const wrong = labels.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classes))
  if (problems.length === 0 && wrong >= 0) {
    problems.push(
      `label ${labels[wrong]} of sample ${batch.first + wrong} is not one of the model's ${classes} classes, 0 to ${classes - 1}.`,
    )
  }
  return problems
}

/** What to do where there is one number a sample. */
function instead(output: NdArray): string {
  if (sampleShape(output).length > 0) return ''
  return isInteger(output.type)
    ? ' These are classes already: name the output with the scores (--output probabilities), or export the model with one that is a tensor (from scikit-learn, without ZipMap).'
    : ' One number a sample, as a model for yes or no gives it, is measured with mse or mae against labels 0 and 1; or export the model with a score for each class.'
}

function valueProblems({ batch, name, output }: BatchOutcome): string[] {
  if (!batch.label) return ['the data have no labels.']
  const width = sizeOf(output.shape.slice(1))
  if (batch.label.data.length === batch.size * width) return []
  return [
    `labels are ${describe(batch.label.type, batch.label.shape)}, output '${name}' is ${describe(output.type, output.shape)}.`,
  ]
}

function tokenProblems({ batch, name, output }: BatchOutcome): string[] {
  const ids = batch.tokens === undefined ? undefined : batch.inputs[batch.tokens]
  if (!ids) return ['the model has no input for token ids, input_ids for example.']
  const [seq, vocabulary] = sampleShape(output)
  if (seq === undefined || vocabulary === undefined || output.shape.length !== 3 || seq !== ids.shape[1]) {
    return [`output '${name}' is ${describe(output.type, output.shape)}, expected [samples, ${ids.shape[1]}, vocabulary].`]
  }
  const tokens = numbersOf(ids)
  const wrong = tokens.findIndex((token) => !(token >= 0 && token < vocabulary))
  return wrong < 0
    ? []
    : [`token ${tokens[wrong]} in sample ${batch.first + Math.floor(wrong / seq)} is outside the vocabulary of ${vocabulary}.`]
}

function referenceProblems({ name, output, reference }: BatchOutcome): string[] {
  if (!reference) return ['it compares with a reference model, and none is named.']
  const shape = sampleShape(output)
  const last = shape.at(-1) ?? 1
  if (shape.length > 2 || last < 2)
    return [`output '${name}' is ${describe(output.type, output.shape)}, expected scores with the classes on the last axis.`]
  if (String(reference.shape) === String(output.shape)) return []
  return [
    `output '${name}' is ${describe(output.type, output.shape)}, the reference's ${describe(reference.type, reference.shape)}.`,
  ]
}

/** The output's shape without the batch axis and without axes of 1 at the end. */
function sampleShape({ shape }: NdArray): number[] {
  const dims = shape.slice(1)
  while (dims.at(-1) === 1) dims.pop()
  return dims
}

/** Rows of scores of each sample: one, or one for each position where an axis comes before the classes. */
function splitSamples(output: NdArray, size: number): Numbers[][] {
  if (!(output.shape[0]! >= size)) {
    throw new PareError(
      `the output is ${describe(output.type, output.shape)} for ${size} samples, expected the samples on the first axis.`,
      {
        hint: 'name another output.',
      },
    )
  }
  const shape = sampleShape(output)
  const rows = shape.length === 2 ? shape[0]! : 1
  const width = sizeOf(output.shape.slice(1))
  const values = numbersOf(output, 0, size * width)
  return split(values, size).map((sample) => split(sample, rows))
}

/** Whether each token is to be predicted: it and the token before it count. */
function scoredTokens({ scored, inputs }: Batch, ids: NdArray): Numbers {
  if (scored) return numbersOf(scored)
  const mask = inputs.attention_mask && numbersOf(inputs.attention_mask)
  const seq = ids.shape[1]!
  return Float32Array.from({ length: ids.data.length }, (_, i) =>
    Number(i % seq > 0 && (!mask || (mask[i] !== 0 && mask[i - 1] !== 0))),
  )
}

/** `count` equal parts, as views. */
function split(values: Numbers, count: number): Numbers[] {
  const width = values.length / count
  return Array.from({ length: count }, (_, i) => values.subarray(i * width, (i + 1) * width))
}
