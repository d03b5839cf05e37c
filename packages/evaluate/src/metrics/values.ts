import { type MetricSample, type Numbers, type ReadableSample, sampleOf } from '@pare/metric'
import { describe, type NdArray, numbersOf, sizeOf } from '../data/ndarray.js'
import { labelNumbers, NO_LABELS } from './labels.js'
import type { NeededOutcome } from './outcome.js'
import { isText } from './texts.js'

/** What keeps the values of the output from being compared. */
export function valueProblems(outcome: NeededOutcome): string[] {
  const { name, output, needs } = outcome
  if (isText(output)) return [`output '${name}' is ${describe(output.type, output.shape)}, expected numbers.`]
  if (needs.pairs !== undefined) return textPairProblems(outcome)
  if (needs.with === undefined) return targetProblems(outcome)
  const problems = pairProblems(outcome, needs.with)
  return problems.length > 0 ? problems : targetProblems({ ...outcome, output: cosinesOf(towersOf(outcome), outcome.batch.size) })
}

/** What keeps vectors of two texts, [samples, 2, width], from being compared with each other, or their cosine with a label. */
function textPairProblems(outcome: NeededOutcome): string[] {
  const { batch, needs, output } = outcome
  if (batch.pairs === undefined) return ['the data are no rows of two texts, or are not read as such here.']
  if (needs.against === 'pair') return []
  const own = halvesOf(output, batch.size)
  return targetProblems({ ...outcome, output: cosinesOf(own, batch.size) })
}

/** The first and the second vector of each sample. */
function halvesOf(output: NdArray, size: number): readonly [NdArray, NdArray] {
  const width = output.shape[2]!
  const half = (at: 0 | 1): NdArray => {
    const data = new Float64Array(size * width)
    for (let i = 0; i < size; i++) data.set(numbersOf(output, (2 * i + at) * width, (2 * i + at + 1) * width), i * width)
    return { type: 'float64', shape: [size, width], data }
  }
  return [half(0), half(1)]
}

/** What keeps two outputs from being the two sides of a pair. */
function pairProblems({ name, output, outputs = {} }: NeededOutcome, other: string): string[] {
  const second = Object.hasOwn(outputs, other) ? outputs[other]! : undefined
  const own = `output '${name}' is ${describe(output.type, output.shape)}`
  if (second === undefined || other === name)
    return [`with names '${other}', expected another output than '${name}': one of ${Object.keys(outputs).join(', ')}.`]
  if (isText(second) || String(second.shape) !== String(output.shape) || output.shape.length < 2)
    return [`${own}, '${other}' is ${describe(second.type, second.shape)}, expected two of one shape [samples, …].`]
  return []
}

const towersOf = ({ output, outputs, needs }: NeededOutcome) => [output, outputs![needs.with!]!] as const

/** [samples]: the cosine between both arrays of a sample. A vector of zeros points nowhere: 0. */
function cosinesOf(both: readonly [NdArray, NdArray], size: number): NdArray {
  const width = sizeOf(both[0].shape.slice(1))
  const [own, other] = both.map((array) => numbersOf(array, 0, size * width))
  const data = Float64Array.from({ length: size }, (_, i) => {
    let [product, a, b] = [0, 0, 0]
    for (let at = i * width; at < (i + 1) * width; at++) {
      product += own![at]! * other![at]!
      a += own![at]! ** 2
      b += other![at]! ** 2
    }
    return a === 0 || b === 0 ? 0 : product / Math.sqrt(a * b)
  })
  return { type: 'float64', shape: [size], data }
}

function targetProblems({ batch, name, output, reference, needs }: NeededOutcome): string[] {
  const own = describe(output.type, output.shape)
  if (needs.against === 'reference') {
    if (String(reference!.shape) === String(output.shape)) return []
    return [`output '${name}' is ${own}, the reference's ${describe(reference!.type, reference!.shape)}.`]
  }
  if (!batch.label) return [NO_LABELS]
  const width = needs.against === 'group' ? 1 : sizeOf(output.shape.slice(1))
  if (!(isText(batch.label) && needs.against === 'values') && batch.label.data.length === batch.size * width) return []
  const labels = `labels are ${describe(batch.label.type, batch.label.shape)}, output '${name}' is ${own}`
  return [needs.against === 'group' ? `${labels}; expected one label a sample.` : `${labels}.`]
}

/** Samples of values. Those whose target is NaN are left out. */
export function readValues(outcome: NeededOutcome): ReadableSample[] {
  const { batch, reference, needs } = outcome
  if (needs.against === 'pair') return readTextPairs(outcome)
  const output =
    needs.pairs !== undefined
      ? cosinesOf(halvesOf(outcome.output, batch.size), batch.size)
      : needs.with === undefined
        ? outcome.output
        : cosinesOf(towersOf(outcome), batch.size)
  const width = sizeOf(output.shape.slice(1))
  const own = numbersOf(output, 0, batch.size * width)
  const other = needs.against === 'reference' ? numbersOf(reference!, 0, batch.size * width) : undefined
  const labels = needs.against === 'reference' ? undefined : labelNumbers(batch.label!, outcome)
  const shape = output.shape.slice(1)
  return Array.from({ length: batch.size }, (_, i) => {
    const row = own.subarray(i * width, (i + 1) * width)
    if (needs.against === 'group') return asRead({ row, shape, label: labels!.subarray(i, i + 1) })
    if (labels === undefined) return asRead({ row, shape, reference: [other!.subarray(i * width, (i + 1) * width)] })
    return asRead({ shape, ...withTargets(row, labels.subarray(i * width, (i + 1) * width)) })
  })
}

/** Samples whose values are the vector of the first text, and whose label is that of the second. */
function readTextPairs({ batch, output }: NeededOutcome): ReadableSample[] {
  const width = output.shape[2]!
  const [first, second] = halvesOf(output, batch.size).map((half) => numbersOf(half))
  const part = (values: Numbers, i: number) => values.subarray(i * width, (i + 1) * width)
  return Array.from({ length: batch.size }, (_, i) => asRead({ row: part(first!, i), shape: [width], label: part(second!, i) }))
}

function withTargets(row: Numbers, label: Numbers): Partial<MetricSample> & { readonly row: Numbers } {
  if (!label.some(Number.isNaN)) return { row, label }
  const at = Array.from(label.keys()).filter((place) => !Number.isNaN(label[place]!))
  const part = (values: Numbers) => Float64Array.from(at, (place) => values[place]!)
  return { row: part(row), label: part(label), at }
}

/** Values are what they are: there is one way to read them. */
function asRead({ row, ...parts }: Partial<MetricSample> & { readonly row: Numbers }): ReadableSample {
  const sample = sampleOf({ rows: [row], answers: NONE, places: row.length, isSingle: true, ...parts, referenceAnswers: NONE })
  return { read: ({ scale, isMany }) => (scale === 'logits' && !isMany ? sample : undefined) }
}

const NONE: Numbers = new Float64Array()
