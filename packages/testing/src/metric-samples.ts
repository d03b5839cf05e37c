import { type MetricNeeds, type MetricSample, type Numbers, sampleOf } from '@pare/metric'

/** Numbers between 0 and 1 that follow from a seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface SampleSetOptions {
  /** Default: 40 */
  readonly samples?: number
  /** Default: 4 */
  readonly classes?: number
  /** Default: 1 */
  readonly places?: number
  /** Default: 1 */
  readonly seed?: number
}

/** Samples of classes: logits that lean towards the label. */
export function classSamples({ samples = 40, classes = 4, places = 1, seed = 1 }: SampleSetOptions = {}): MetricSample[] {
  const random = randomNumbers(seed)
  const vector = () => Float64Array.from({ length: classes }, () => 4 * random() - 2)
  return Array.from({ length: samples }, (_, i) => {
    const label = Float64Array.from({ length: places }, (_, at) => (i + at < classes ? i + at : Math.floor(random() * classes)))
    const rows = Array.from(label, (one) => vector().map((score, at) => score + Number(at === one)))
    const reference = rows.map((row) => row.map((score) => score + random() - 0.5))
    return sampleOf({ rows, label, reference, isSingle: places === 1, shape: places === 1 ? [classes] : [places, classes] })
  })
}

/** Samples with several labels at once. */
export function manyLabelSamples({ samples = 40, classes = 4, seed = 1 }: SampleSetOptions = {}): MetricSample[] {
  const random = randomNumbers(seed)
  return Array.from({ length: samples }, (_, i) => {
    const label = Float64Array.from({ length: classes }, (_, one) => Number(i === one || random() < 0.4))
    const row = label.map((one) => one + 3 * random() - 1.5 - 0.5)
    return sampleOf({ rows: [row], label, isMany: true })
  })
}

/** Samples of values and their targets. */
export function valueSamples({ samples = 40, classes: width = 3, seed = 1 }: SampleSetOptions = {}): MetricSample[] {
  const random = randomNumbers(seed)
  const vector = (): Numbers => Float64Array.from({ length: width }, () => 2 * random() - 1)
  return Array.from({ length: samples }, () => {
    const label = vector()
    const row = label.map((value) => value + 0.5 * (random() - 0.5))
    return sampleOf({ rows: [row], label, reference: [vector()], answers: new Float64Array(), places: width })
  })
}

/** Samples of text: what a model wrote, and one or two ways to write it. */
export function textSamples(): MetricSample[] {
  return TEXTS.map(([answer = '', ...expected]) => sampleOf({ rows: [], places: 1, isSingle: true, text: { answer, expected } }))
}

const TEXTS: readonly (readonly string[])[] = [
  ['the cat sat', 'the cat sat on the mat'],
  ['a dog', 'a dog'],
  ['one two three', 'three two one'],
  ['nothing alike', 'xyz'],
  ['The cat!', 'the cat'],
  ['abc', 'abd', 'abcd'],
  ['', 'some words'],
  ['grüße aus köln', 'grüsse aus köln'],
]

/** Windows of tokens: scores of the token after each, all but the first to be predicted. */
export function tokenSamples({ places = 4, ...options }: SampleSetOptions = {}): MetricSample[] {
  return classSamples({ ...options, places }).map((sample) => {
    const tokens = Float64Array.from(sample.label)
    const scored = Float64Array.from({ length: places }, (_, at) => Number(at > 0))
    return { ...sample, tokens, scored, bytes: tokens.map((token) => token + 1) }
  })
}

/** Images with three boxes of three classes, found almost where they are, and one that is not there. */
export function boxSamples({ samples = 12, classes = 3, seed = 9 }: SampleSetOptions = {}): MetricSample[] {
  const random = randomNumbers(seed)
  const box = () => {
    const [x, y] = [50 * random(), 50 * random()]
    return Float64Array.of(x, y, x + 5 + 20 * random(), y + 5 + 20 * random())
  }
  return Array.from({ length: samples }, () => {
    const expected = Array.from({ length: 3 }, () => ({ box: box(), class: Math.floor(classes * random()) }))
    const near = expected.map((one) => ({ ...one, box: one.box.map((side) => side + 2 * random()), score: random() }))
    const detected = [...near, { box: box(), class: 1, score: random() }]
    return sampleOf({ rows: [], places: 1, isSingle: true, boxes: { detected, expected } })
  })
}

/** Samples of the kind that a metric needs. */
export function samplesFor({ read, against }: MetricNeeds): MetricSample[] {
  switch (read) {
    case 'answers':
    case 'scores':
    case 'choices':
      return classSamples()
    case 'values':
      return against === 'group' ? groupedSamples() : valueSamples()
    case 'tokens':
      return tokenSamples()
    case 'text':
      return textSamples()
    case 'boxes':
      return boxSamples()
    default:
      throw read satisfies never
  }
}

/** Vectors of four groups that lean apart. */
function groupedSamples(): MetricSample[] {
  const random = randomNumbers(7)
  return Array.from({ length: 60 }, (_, i) => {
    const row = Float64Array.from({ length: 5 }, (_, at) => random() + (at === i % 4 ? 0.6 : 0))
    return sampleOf({ rows: [row], answers: new Float64Array(), label: Float64Array.of(i % 4) })
  })
}
