import { describe, isInteger, type NdArray, sizeOf } from '../data/ndarray.js'
import type { NeededOutcome } from './outcome.js'
import { isText } from './texts.js'

/** Where the classes of an output are. */
export interface Layout {
  /** 'scores': over classes at each place. 'yes-no': one number at each place. 'classes': the output says the class of each place itself. */
  readonly kind: 'scores' | 'yes-no' | 'classes'
  /** Of the labels: a class at each place, or 0 and 1 for each class. */
  readonly labels: 'class' | 'indicators'
  readonly classes: number
  /** How many numbers stand before the first class on their axis; of `scores`. */
  readonly first: number
  readonly places: number
  /** Places between two classes at the same place; of `scores`. */
  readonly inner: number
  /** Axes of the places that are longer than 1. */
  readonly rank: number
}

/** The layout, or why there is none. */
export type LayoutResult = Layout | { readonly problem: string }

/** Found by the shapes of output and labels, of text by the tokens; or as the user says. */
export function layoutOf(outcome: NeededOutcome): LayoutResult {
  const axis = axisOf(outcome)
  const { firstClass = 0 } = outcome.context
  if (firstClass === 0 || 'problem' in axis) return axis
  if (axis.kind === 'scores' && axis.labels === 'class' && axis.classes - firstClass > 1)
    return { ...axis, classes: axis.classes - firstClass, first: firstClass }
  const { output, name } = outcome
  return {
    problem: `firstClass is ${firstClass}, and output '${name}' is ${describe(output.type, output.shape)}: no axis on which two classes follow them.`,
  }
}

function axisOf(outcome: NeededOutcome): LayoutResult {
  const { output, batch, context } = outcome
  const shape = output.shape.slice(1)
  const label = batch.label?.shape.slice(1).filter((size) => size !== 1)
  if (isText(output) || isInteger(output.type)) return classLayout(outcome, label)
  if (context.classAxis !== undefined) return statedLayout(shape, context.classAxis, outcome)
  const axes = Array.from(shape.keys()).filter((axis) => shape[axis]! > 1)
  if (label !== undefined) {
    const fitting = axes.filter((axis) => String(withoutAxis(shape, axis)) === String(label))
    if (fitting.length === 1) return scoresAt(shape, fitting[0]!)
    if (fitting.length > 1) return { problem: ambiguous(outcome) }
    if (String(shape.filter((size) => size !== 1)) === String(label)) return sameShape(shape, label)
  }
  if (outcome.needs.against === 'reference') return unlabelled(shape, axes, outcome)
  return { problem: expected(outcome) }
}

function classLayout(outcome: NeededOutcome, label: readonly number[] | undefined): LayoutResult {
  const { output, needs } = outcome
  const shape = output.shape.slice(1).filter((size) => size !== 1)
  const places = sizeOf(shape)
  if (needs.read === 'scores') return { problem: expected(outcome) }
  if (needs.against === 'class' && String(shape) !== String(label)) return { problem: expected(outcome) }
  return { kind: 'classes', labels: 'class', classes: Number.POSITIVE_INFINITY, first: 0, places, inner: 1, rank: shape.length }
}

function statedLayout(shape: readonly number[], stated: number, outcome: NeededOutcome): LayoutResult {
  const axis = stated < 0 ? shape.length + stated : stated - 1
  if (Number.isInteger(axis) && axis >= 0 && axis < shape.length && shape[axis]! > 1) return scoresAt(shape, axis)
  const { output, name } = outcome
  return {
    problem: `classAxis is ${stated}, and output '${name}' is ${describe(output.type, output.shape)}: no axis of several classes, the samples being axis 0.`,
  }
}

/** No labels say it: a vector has one axis, and of text each token has scores. */
function unlabelled(shape: readonly number[], axes: readonly number[], outcome: NeededOutcome): LayoutResult {
  const { batch } = outcome
  if (axes.length === 0) return yesNo(shape)
  if (axes.length === 1) return scoresAt(shape, axes[0]!)
  const ids = batch.tokens === undefined ? undefined : batch.inputs[batch.tokens]
  if (shape.length === 2 && ids?.shape[1] === shape[0]) return scoresAt(shape, 1)
  return { problem: ambiguous(outcome) }
}

/** Labels of the output's own shape: one for each class, or yes and no at each place. */
function sameShape(shape: readonly number[], label: readonly number[]): Layout {
  if (label.length !== 1) return yesNo(shape)
  return { ...scoresAt(shape, shape.indexOf(label[0]!)), labels: 'indicators' }
}

function scoresAt(shape: readonly number[], axis: number): Layout {
  const inner = sizeOf(shape.slice(axis + 1))
  const places = inner * sizeOf(shape.slice(0, axis))
  return {
    kind: 'scores',
    labels: 'class',
    classes: shape[axis]!,
    first: 0,
    places,
    inner,
    rank: withoutAxis(shape, axis).length,
  }
}

function yesNo(shape: readonly number[]): Layout {
  const rank = shape.filter((size) => size !== 1).length
  return { kind: 'yes-no', labels: 'class', classes: 2, first: 0, places: sizeOf(shape), inner: 1, rank }
}

function withoutAxis(shape: readonly number[], axis: number): readonly number[] {
  return shape.filter((size, i) => i !== axis && size !== 1)
}

function ambiguous({ name, output }: NeededOutcome): string {
  return `output '${name}' is ${describe(output.type, output.shape)}, and which of its axes counts the classes does not show. Say it: classAxis: 1 is the one after the samples, -1 the last.`
}

function expected({ name, output, batch, needs }: NeededOutcome): string {
  const labels = batch.label === undefined ? '' : `, labels are ${describe(batch.label.type, batch.label.shape)}`
  const wanted = needs.read === 'scores' && isClasses(output) ? 'scores, and these are classes already' : EXPECTED
  return `output '${name}' is ${describe(output.type, output.shape)}${labels}; expected ${wanted}.${isClasses(output) ? SCORES : ''}`
}

function isClasses(output: NdArray): boolean {
  return isText(output) || isInteger(output.type)
}

const EXPECTED = 'scores [samples, classes] with a class for each sample, or scores with one more axis than the labels'
const SCORES =
  ' Measure accuracy or f1, or name the output with the scores (--output probabilities); from scikit-learn export the model without ZipMap, so that they are a tensor.'
