import {
  isBetweenZeroAndOne,
  isDistribution,
  type MetricSample,
  type Numbers,
  type ReadableSample,
  type Scale,
  sampleOf,
} from '@pare/metric'
import { type NdArray, numbersOf } from '../data/ndarray.js'
import { ignoredBy, isOneHot, labelNumbers } from './labels.js'
import type { Layout } from './layout.js'
import type { NeededOutcome } from './outcome.js'
import { scoredTokens } from './scored.js'
import { isText, textsOf } from './texts.js'

/** Samples of classes: scores, or answers, at each place that counts. */
export function readPlaces(outcome: NeededOutcome, layout: Layout): ReadableSample[] {
  const { batch, needs, output, reference, context } = outcome
  const numbers = (array: NdArray) => (isText(array) ? Float64Array.from(textsOf(array), context.numberOf) : numbersOf(array))
  const [own, other] = [numbers(output), needs.against === 'reference' ? numbers(reference!) : undefined]
  const labels = needs.against === 'class' ? labelNumbers(batch.label!, outcome) : undefined
  const width = own.length / output.shape[0]!
  return Array.from({ length: batch.size }, (_, i) => {
    const part = (values: Numbers, length: number) => values.subarray(i * length, (i + 1) * length)
    const label = labels && part(labels, labels.length / batch.size)
    const source = { own: part(own, width), other: other && part(other, width) }
    const counted = label === undefined ? countedPlaces(outcome, layout, i) : countedLabels(label, layout, outcome)
    return readablePlaces(source, { layout, label, counted, outcome })
  })
}

/** Places whose label is not ignored. Undefined: all. */
function countedLabels(label: Numbers, layout: Layout, outcome: NeededOutcome): number[] | undefined {
  if (layout.labels === 'indicators') return undefined
  const isIgnored = ignoredBy(layout, outcome)
  if (!label.some(isIgnored)) return undefined
  return Array.from(label.keys()).filter((at) => !isIgnored(label[at]!))
}

/** Of text, the places that predict a token that is to be predicted. Undefined: all. */
export function countedPlaces({ batch }: NeededOutcome, { places }: Layout, sample: number): number[] | undefined {
  const ids = batch.tokens === undefined ? undefined : batch.inputs[batch.tokens]
  if (ids === undefined || places === 1 || ids.shape[1] !== places) return undefined
  const scored = scoredTokens(batch, ids).subarray(sample * places, (sample + 1) * places)
  return Array.from({ length: places }, (_, at) => at).filter((at) => scored[at + 1])
}

interface PlacesOf {
  readonly layout: Layout
  readonly label: Numbers | undefined
  readonly counted: readonly number[] | undefined
  readonly outcome: NeededOutcome
}

function readablePlaces(
  { own, other }: { readonly own: Numbers; readonly other: Numbers | undefined },
  { layout, label, counted, outcome }: PlacesOf,
): ReadableSample {
  const { needs, output, context } = outcome
  const isSingle = layout.places === 1
  const sources = other === undefined ? [own] : [own, other]
  const fits = (isMany: boolean) => sources.every((values) => couldBeProbabilities(values, layout, { counted, isMany }))
  return {
    read({ scale, isMany }) {
      const isIndicators = layout.labels === 'indicators'
      if (isMany && !(isIndicators && needs.many === true)) return undefined
      if (!isMany && isIndicators && !isOneHot(label!)) return undefined
      if (scale === 'probabilities' ? !fits(isMany) : layout.kind === 'classes') return undefined
      const rows = (values: Numbers) => rowsOf(values, layout, { counted, scale })
      const answers = (values: Numbers) => answersOf(values, layout, { counted, scale })
      return lazySample({
        rows: () => rows(own),
        answers: () => answers(own),
        reference: () => (other === undefined ? [] : rows(other)),
        referenceAnswers: () => (other === undefined ? NONE : answers(other)),
        rest: sampleOf({
          rows: [],
          ...{
            scale,
            isMany,
            isSingle,
            places: counted?.length ?? layout.places,
            classes: layout.kind === 'classes' ? classesIn(own, label) : layout.classes,
            shape: output.shape.slice(1),
          },
          label: classesOf(label, { isMany, isIndicators, counted }),
          ...(context.names && { names: context.names }),
        }),
      })
    },
  }
}

const NONE: Numbers = new Float64Array()

/** Of a model that answers with classes it does not say how many there are. */
function classesIn(answers: Numbers, label: Numbers = NONE): number {
  return 1 + Math.max(0, ...answers, ...label)
}

function classesOf(
  label: Numbers | undefined,
  { isMany, isIndicators, counted }: { isMany: boolean; isIndicators: boolean; counted: readonly number[] | undefined },
): Numbers {
  if (label === undefined) return NONE
  if (isIndicators) return isMany ? label : Float64Array.of(label.indexOf(1))
  return counted === undefined ? label : Float64Array.from(counted, (at) => label[at]!)
}

type LazyParts = { readonly [Part in 'rows' | 'answers' | 'reference' | 'referenceAnswers']: () => MetricSample[Part] } & {
  readonly rest: MetricSample
}

/** Rows and answers are made when a metric looks at them: of an image each pixel has one. */
function lazySample({ rest, ...parts }: LazyParts): MetricSample {
  const made = new Map<string, unknown>()
  const once = <Part>(name: string, make: () => Part): Part => {
    if (!made.has(name)) made.set(name, make())
    return made.get(name) as Part
  }
  return Object.defineProperties(
    { ...rest },
    {
      rows: { get: () => once('rows', parts.rows), enumerable: true },
      answers: { get: () => once('answers', parts.answers), enumerable: true },
      reference: { get: () => once('reference', parts.reference), enumerable: true },
      referenceAnswers: { get: () => once('referenceAnswers', parts.referenceAnswers), enumerable: true },
    },
  )
}

interface Counted {
  readonly counted: readonly number[] | undefined
}

function placesIn({ places }: Layout, { counted }: Counted): Iterable<number> {
  return counted ?? Array(places).keys()
}

function couldBeProbabilities(values: Numbers, layout: Layout, { counted, isMany }: Counted & { isMany: boolean }): boolean {
  if (layout.kind === 'classes') return true
  if (isMany) return isBetweenZeroAndOne(values)
  const row = new Float64Array(layout.kind === 'yes-no' ? 1 : layout.classes)
  for (const place of placesIn(layout, { counted })) {
    copyScores(values, layout, { place, row })
    if (layout.kind === 'yes-no' ? !isBetweenZeroAndOne(row) : !isDistribution(row)) return false
  }
  return true
}

function rowsOf(values: Numbers, layout: Layout, { counted, scale }: Counted & { readonly scale: Scale }): readonly Numbers[] {
  if (layout.kind === 'classes') return Array.from(placesIn(layout, { counted }), (place) => Float64Array.of(values[place]!))
  return Array.from(placesIn(layout, { counted }), (place) => {
    if (layout.kind === 'yes-no') return yesAndNo(values[place]!, scale)
    if (layout.inner === 1) return values.subarray(startOf(place, layout), startOf(place, layout) + layout.classes)
    const row = new Float64Array(layout.classes)
    copyScores(values, layout, { place, row })
    return row
  })
}

/** Of one number scores of two classes: a probability p is (1 − p, p), of a logit z the softmax of (0, z) is that of its sigmoid. */
function yesAndNo(value: number, scale: Scale): Numbers {
  return scale === 'probabilities' ? Float64Array.of(1 - value, value) : Float64Array.of(0, value)
}

function answersOf(values: Numbers, layout: Layout, { counted, scale }: Counted & { readonly scale: Scale }): Numbers {
  const answers = new Float64Array(counted?.length ?? layout.places)
  let i = 0
  for (const place of placesIn(layout, { counted })) answers[i++] = answerAt(values, layout, { place, scale })
  return answers
}

function answerAt(values: Numbers, layout: Layout, { place, scale }: { place: number; scale: Scale }): number {
  const own = values[place]!
  if (layout.kind === 'classes') return own
  if (layout.kind === 'yes-no') return Number.isNaN(own) ? own : Number(own > (scale === 'probabilities' ? 0.5 : 0))
  const { classes, inner } = layout
  const start = startOf(place, layout)
  let best = 0
  for (let one = 0; one < classes; one++) {
    const score = values[start + one * inner]!
    if (Number.isNaN(score)) return Number.NaN
    if (score > values[start + best * inner]!) best = one
  }
  return best
}

function copyScores(values: Numbers, layout: Layout, { place, row }: { place: number; row: Float64Array }): void {
  const start = layout.kind === 'yes-no' ? place : startOf(place, layout)
  for (let one = 0; one < row.length; one++) row[one] = values[start + one * layout.inner]!
}

/** Where the scores of a place begin: places are numbered as the output is without its axis of classes. */
function startOf(place: number, { classes, first, inner }: Layout): number {
  return (Math.floor(place / inner) * (first + classes) + first) * inner + (place % inner)
}
