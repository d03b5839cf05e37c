import { type MetricSample, type Numbers, sampleOf } from '@pare/metric'

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
