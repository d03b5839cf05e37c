import type { Metric, ReadableSample } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { describe } from '../data/ndarray.js'
import { problemsError } from '../data/problems.js'
import { boxProblems, readBoxes } from './detection/boxes.js'
import { labelProblems, NO_LABELS } from './labels.js'
import { type Layout, layoutOf } from './layout.js'
import { choiceProblems, readChoices } from './likeliest.js'
import { readWritten, textProblems } from './model-text.js'
import { type BatchOutcome, type NeededOutcome, startContext } from './outcome.js'
import { readPlaces } from './places.js'
import { readTokens, tokenProblems } from './tokens.js'
import { readValues, valueProblems } from './values.js'

/** The samples of the batch for each of the metrics. Throws one PareError with everything that they lack. */
export function judgeBatch(whole: BatchOutcome, metrics: readonly Metric[]): ReadableSample[][] {
  const outcome = whole.batch.isMasked === true ? withFittedMasks(whole) : whole
  const { output, batch } = outcome
  if (!(output.shape[0]! >= batch.size)) {
    throw new PareError(
      `the output is ${describe(output.type, output.shape)} for ${batch.size} samples, expected the samples on the first axis.`,
      { hint: 'name another output.' },
    )
  }
  const context = outcome.context ?? startContext()
  const readers = metrics.map((metric) => readerFor({ ...outcome, context, needs: metric.needs }))
  const problems = readers.flatMap((reader, i) =>
    typeof reader === 'function' ? [] : reader.map((problem) => `metric '${metrics[i]!.name}': ${problem}`),
  )
  if (problems.length > 0) {
    throw problemsError(
      'evaluation',
      problems,
      'choose a metric that fits the model and its data, or name the output and the label.',
    )
  }
  return readers.map((reader) => (typeof reader === 'function' ? reader() : []))
}

/** Masks in the size of the output, by the nearest pixel, where that has fewer or more than the input: [samples, classes, height, width], or without classes. */
function withFittedMasks(outcome: BatchOutcome): BatchOutcome {
  const { output, batch } = outcome
  const label = batch.label!
  const [samples, height, width] = label.shape as [number, number, number]
  const [high, wide] = sizeOfPlanes(output.shape, [height, width])
  if (high === height && wide === width) return outcome
  const data = new Int32Array(samples * high * wide)
  for (let i = 0; i < samples; i++)
    for (let y = 0; y < high; y++)
      for (let x = 0; x < wide; x++) {
        const [row, column] = [Math.floor(((y + 0.5) * height) / high), Math.floor(((x + 0.5) * width) / wide)]
        data[(i * high + y) * wide + x] = Number(label.data[(i * height + row) * width + column])
      }
  return { ...outcome, batch: { ...batch, label: { type: 'int32', shape: [samples, high, wide], data } } }
}

/** Height and width of an output of pixels, whichever axis counts the classes: the pair that is as much higher than wide as the input. */
function sizeOfPlanes(shape: readonly number[], [height, width]: readonly [number, number]): readonly [number, number] {
  if (shape.length === 3) return [shape[1]!, shape[2]!]
  const pairs = [[shape[2]!, shape[3]!] as const, [shape[1]!, shape[2]!] as const]
  const isLike = ([high, wide]: readonly [number, number]) => Math.abs((high * width) / (wide * height) - 1) < 0.05
  return shape.length === 4 ? (pairs.find(isLike) ?? [height, width]) : [height, width]
}

/** Reads the batch, or says what keeps it from being read. */
type Reader = (() => ReadableSample[]) | string[]

function readerFor(outcome: NeededOutcome): Reader {
  const { needs, reference } = outcome
  if (needs.against === 'reference' && reference === undefined) return ['it compares with a reference model, and none is named.']
  const ready = (problems: string[], read: (outcome: NeededOutcome) => ReadableSample[]): Reader =>
    problems.length > 0 ? problems : () => read(outcome)
  switch (needs.read) {
    case 'answers':
    case 'scores':
      return placesReader(outcome)
    case 'values':
      return ready(valueProblems(outcome), readValues)
    case 'tokens':
      return ready(tokenProblems(outcome), readTokens)
    case 'text':
      return ready(textProblems(outcome), readWritten)
    case 'boxes':
      return ready(boxProblems(outcome), readBoxes)
    case 'choices':
      return ready(choiceProblems(outcome), readChoices)
    default:
      return needs.read satisfies never
  }
}

function placesReader(outcome: NeededOutcome): Reader {
  const { needs, output, reference, name, batch } = outcome
  const isLabelled = needs.against === 'class'
  if (isLabelled && batch.label === undefined) return [NO_LABELS]
  const layout = layoutOf(outcome)
  if ('problem' in layout) return [layout.problem]
  if (!isLabelled && String(reference!.shape) !== String(output.shape)) {
    return [
      `output '${name}' is ${describe(output.type, output.shape)}, the reference's ${describe(reference!.type, reference!.shape)}.`,
    ]
  }
  const problems = isLabelled ? placeProblems(layout, outcome) : []
  return problems.length > 0 ? problems : () => readPlaces(outcome, layout)
}

function placeProblems(layout: Layout, outcome: NeededOutcome): string[] {
  const { batch, needs } = outcome
  const problems = labelProblems(layout, outcome)
  const labels = layout.labels === 'indicators' ? batch.size * layout.classes : batch.size * layout.places
  if (batch.label!.data.length !== labels) {
    const { type, shape } = batch.label!
    return [`labels are ${describe(type, shape)}, expected one class for each of ${layout.places} places of a sample.`]
  }
  if (needs.single === true && layout.places > 1)
    return [...problems, `there are ${layout.places} answers a sample, and it takes one: measure accuracy, f1 or cross-entropy.`]
  return problems
}
