import type { Numbers } from '@pare/metric'
import { type NdArray, numbersOf } from '../data/ndarray.js'
import type { Layout } from './layout.js'
import type { NeededOutcome } from './outcome.js'
import { isText, textsOf } from './texts.js'

/** Labels of places that do not count, unless the user names others. */
const IGNORED = -100
/** As segmentation data sets mark the edges of things. */
const IGNORED_PIXEL = 255

/** Labels as numbers: names by the list of classes, or, where the model answers with names too, as they are met. */
export function labelNumbers(label: NdArray, { context }: Pick<NeededOutcome, 'context'>): Numbers {
  return isText(label) ? Float64Array.from(textsOf(label), context.numberOf) : numbersOf(label)
}

/** Whether a label says that its place does not count. */
export function ignoredBy({ classes, rank }: Layout, { context }: Pick<NeededOutcome, 'context'>): (label: number) => boolean {
  const isPixels = rank > 1 && !(classes > IGNORED_PIXEL && Number.isFinite(classes))
  const ignored = new Set([IGNORED, ...(context.ignore ?? (isPixels ? [IGNORED_PIXEL] : []))])
  return (label) => ignored.has(label)
}

/** What keeps the labels from being classes of the model. */
export function labelProblems(layout: Layout, outcome: NeededOutcome): string[] {
  const { batch, needs, output, context } = outcome
  const { label } = batch
  if (label === undefined) return [NO_LABELS]
  if (isText(label) && !isText(output) && context.names === undefined) {
    return [
      `labels are names ('${textsOf(label)[0]}'), and the model answers with numbers: list its classes in order, classes: [cat, dog].`,
    ]
  }
  const values = labelNumbers(label, outcome)
  const sampleOf = (at: number) => batch.first + Math.floor(at / (values.length / batch.size))
  if (layout.labels === 'indicators') return indicatorProblems(values, layout, { many: needs.many === true, sampleOf })
  const isIgnored = ignoredBy(layout, outcome)
  const wrong = values.findIndex((one) => !(Number.isInteger(one) && one >= 0 && one < layout.classes) && !isIgnored(one))
  if (wrong < 0 || layout.kind === 'classes') return []
  const written = isText(label) ? `'${textsOf(label)[wrong]}'` : values[wrong]
  const counted = values.filter((one) => !isIgnored(one))
  const isFromOne = values[wrong] === layout.classes && counted.every((one) => one >= 1 && one <= layout.classes)
  const cure = !Number.isInteger(values[wrong])
    ? ' Labels that are fractions are targets: measure r2, mae, mse or spearman.'
    : isFromOne
      ? ` They seem to count from 1: if the first output of the model is class 1, say --classes ${Array.from({ length: Math.min(3, layout.classes) }, (_, i) => i + 1).join(',')}${layout.classes > 3 ? ',…' : ''}.`
      : ''
  return [
    `label ${written} of sample ${sampleOf(wrong)} is not one of the model's ${layout.classes} classes, 0 to ${layout.classes - 1}.${cure}`,
  ]
}

/** What is said of data without labels, with what to do. */
export const NO_LABELS =
  "the data have no labels: name their column, or array, with --label, which is 'label', 'labels', 'y' or 'target' otherwise."

function indicatorProblems(
  values: Numbers,
  { classes }: Layout,
  { many, sampleOf }: { readonly many: boolean; readonly sampleOf: (at: number) => number },
): string[] {
  const wrong = values.findIndex((one) => one !== 0 && one !== 1)
  if (wrong >= 0)
    return [
      `there is a label for each of ${classes} classes, and ${values[wrong]} of sample ${sampleOf(wrong)} is neither 0 nor 1.`,
    ]
  if (many) return []
  for (let at = 0; at < values.length; at += classes) {
    if (isOneHot(values.subarray(at, at + classes))) continue
    return [
      `sample ${sampleOf(at)} has several labels or none, and this metric takes one: measure f1:average=micro, auc or average-precision.`,
    ]
  }
  return []
}

/** Whether exactly one of 0 and 1 is 1. */
export function isOneHot(label: Numbers): boolean {
  let sum = 0
  for (let i = 0; i < label.length; i++) sum += label[i]!
  return sum === 1
}
