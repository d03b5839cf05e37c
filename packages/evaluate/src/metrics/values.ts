import { type MetricSample, type Numbers, type ReadableSample, sampleOf } from '@pare/metric'
import { describe, numbersOf, sizeOf } from '../data/ndarray.js'
import { labelNumbers } from './labels.js'
import type { NeededOutcome } from './outcome.js'
import { isText } from './texts.js'

/** What keeps the values of the output from being compared. */
export function valueProblems({ batch, name, output, reference, needs }: NeededOutcome): string[] {
  const own = describe(output.type, output.shape)
  if (isText(output)) return [`output '${name}' is ${own}, expected numbers.`]
  if (needs.against === 'reference') {
    if (String(reference!.shape) === String(output.shape)) return []
    return [`output '${name}' is ${own}, the reference's ${describe(reference!.type, reference!.shape)}.`]
  }
  if (!batch.label) return ['the data have no labels.']
  const width = needs.against === 'group' ? 1 : sizeOf(output.shape.slice(1))
  if (!(isText(batch.label) && needs.against === 'values') && batch.label.data.length === batch.size * width) return []
  const labels = `labels are ${describe(batch.label.type, batch.label.shape)}, output '${name}' is ${own}`
  return [needs.against === 'group' ? `${labels}; expected one label a sample.` : `${labels}.`]
}

/** Samples of values. Those whose target is NaN are left out. */
export function readValues(outcome: NeededOutcome): ReadableSample[] {
  const { batch, output, reference, needs } = outcome
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
