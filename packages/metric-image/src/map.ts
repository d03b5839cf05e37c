import type { Aggregate, SampleRecord } from '@pare/gate'
import { type BlindTally, defineMetric, meanOf, type Numbers, type SampleBoxes, z } from '@pare/metric'

/** IoU that a box must have with one of its class to be right: the mean over 0.5, 0.55 … 0.95. */
const LEVELS = evenly(0.5, 0.95, 10)
const RECALLS = evenly(0, 1, 101)
/** COCO looks at no more boxes of a class in one image. */
const MOST_BOXES = 100

/** Areas in pixels, both ends included, as COCO has them. */
const SIZES = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const satisfies Readonly<Record<string, readonly [number, number]>>

export const map = defineMetric({
  name: 'map',
  formula:
    'mean over classes and over IoU 0.5, 0.55 … 0.95 of the precision at 101 recalls, at most 100 boxes of a class in an image; crowds are found by any number of boxes (COCO)',
  options: {
    size: z
      .enum(['all', 'small', 'medium', 'large'])
      .default('all')
      .describe('which boxes count: small ones have up to 32² pixels, medium ones up to 96², large ones more'),
  },
  create: ({ size }) => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'boxes' },
    of: ({ boxes }) => recordOf(boxes!, SIZES[size]),
    combine: overClasses(),
    blind: () => nothingDetected(SIZES[size]),
  }),
})

/** A model that sees nothing finds nothing. */
function nothingDetected(area: Area): BlindTally {
  const contributions: number[][] = []
  return {
    add({ boxes }) {
      contributions.push(recordOf({ detected: [], expected: boxes!.expected }, area))
    },
    answer: () => ({
      answer: 'detecting nothing',
      cure: 'Check that the classes of the data are numbered as the model numbers them (--classes, or id2label of config.json), that boxes of both are in the same unit, and that images are prepared as in training.',
      contributions,
    }),
  }
}

/** Marks boxes that are expected: −1, class, how many. Others: class, score, for how many levels each of 10 what it is. */
const EXPECTED = -1
const DETECTED_WIDTH = 2 + LEVELS.length

/** What a detected box is at one level. What found a box that does not count, or none and is of another size, does not count. */
const [WRONG, RIGHT, IGNORED] = [0, 1, 2] as const

type Area = readonly [least: number, most: number]
type ExpectedBox = SampleBoxes['expected'][number] & { readonly isIgnored: boolean }

function recordOf({ detected, expected }: SampleBoxes, area: Area): number[] {
  const isOutside = (own: number) => own < area[0] || own > area[1]
  const classes = [...new Set([...detected, ...expected].map((one) => one.class))].sort((a, b) => a - b)
  return classes.flatMap((one) => {
    const truths: ExpectedBox[] = expected
      .filter((box) => box.class === one)
      .map((box) => ({ ...box, isIgnored: box.isCrowd === true || isOutside(box.area ?? areaOf(box.box)) }))
      // Those that count are looked at first.
      .sort((a, b) => Number(a.isIgnored) - Number(b.isIgnored))
    const detections = detected.filter((box) => box.class === one)
    const best = detections.sort((a, b) => b.score - a.score).slice(0, MOST_BOXES)
    const overlaps = best.map(({ box }) => truths.map((truth) => overlap(box, truth)))
    const kinds = LEVELS.map((level) =>
      matches(overlaps, truths, level).map((at, i) => {
        if (at >= 0) return truths[at]!.isIgnored ? IGNORED : RIGHT
        return isOutside(best[i]!.area ?? areaOf(best[i]!.box)) ? IGNORED : WRONG
      }),
    )
    const counted = truths.filter(({ isIgnored }) => !isIgnored).length
    return [
      ...(counted > 0 ? [EXPECTED, one, counted] : []),
      ...best.flatMap(({ score }, i) => [one, score, ...kinds.map((level) => level[i]!)]),
    ]
  })
}

/**
 * Which expected box each found, −1 for none: the best box first, each takes the one with which it overlaps most, of those that are left and count, and only
 * where there is none of those that do not. A crowd is never taken.
 */
function matches(overlaps: readonly (readonly number[])[], truths: readonly ExpectedBox[], level: number): number[] {
  const taken = new Set<number>()
  return overlaps.map((own) => {
    let best = -1
    for (const [i, value] of own.entries()) {
      if (taken.has(i) && truths[i]!.isCrowd !== true) continue
      if (best >= 0 && !truths[best]!.isIgnored && truths[i]!.isIgnored) break
      if (value >= Math.min(level, 1 - 1e-10) && (best < 0 || value >= own[best]!)) best = i
    }
    if (best >= 0) taken.add(best)
    return best
  })
}

/** Intersection over union; with a crowd over the detected box alone. */
function overlap(a: Numbers, { box: b, isCrowd }: ExpectedBox): number {
  const width = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!)
  const height = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!)
  const both = Math.max(0, width) * Math.max(0, height)
  if (both === 0) return 0
  return both / (isCrowd === true ? areaOf(a) : areaOf(a) + areaOf(b) - both)
}

function areaOf(box: Numbers): number {
  return (box[2]! - box[0]!) * (box[3]! - box[1]!)
}

/** The boxes of one class in all records. */
interface ClassBoxes {
  /** Detected ones, the best first: the record of each, and at ten levels each what it is. */
  readonly records: Uint32Array
  readonly kinds: Uint8Array
  /** Records with expected boxes, and how many each has. */
  readonly expected: readonly (readonly [record: number, count: number])[]
}

/** Resamples weigh the same records again and again: their boxes are sorted once. */
function overClasses(): Aggregate {
  const kept = new WeakMap<readonly SampleRecord[], readonly ClassBoxes[]>()
  return (records, weights) => {
    const classes = kept.get(records) ?? classesOf(records)
    kept.set(records, classes)
    const values = classes.flatMap((own) => precisionsOf(own, weights))
    // Where none is to be found, every model would be as good.
    return values.length === 0 ? Number.NaN : meanOf(values)
  }
}

/** In the order of their numbers. */
function classesOf(records: readonly SampleRecord[]): readonly ClassBoxes[] {
  const classes = new Map<number, { expected: [number, number][]; detected: { score: number; record: number; at: number }[] }>()
  const of = (one: number) => {
    const own = classes.get(one) ?? { expected: [], detected: [] }
    classes.set(one, own)
    return own
  }
  for (const [i, record] of records.entries()) {
    for (let at = 0; at < record.length; ) {
      if (record[at] === EXPECTED) {
        of(record[at + 1]!).expected.push([i, record[at + 2]!])
        at += 3
      } else {
        of(record[at]!).detected.push({ score: record[at + 1]!, record: i, at: at + 2 })
        at += DETECTED_WIDTH
      }
    }
  }
  return [...classes]
    .sort(([a], [b]) => a - b)
    .map(([, { expected, detected }]) => {
      const best = detected.sort((a, b) => b.score - a.score)
      const kinds = new Uint8Array(best.length * LEVELS.length)
      for (const [i, { record, at }] of best.entries())
        for (const level of LEVELS.keys()) kinds[i * LEVELS.length + level] = records[record]![at + level]!
      return { expected, kinds, records: Uint32Array.from(best, ({ record }) => record) }
    })
}

/** The mean over all levels; nothing for a class without boxes to be found, which has no recall. */
function precisionsOf(own: ClassBoxes, weights: ArrayLike<number> | undefined): readonly number[] {
  const weightOf = (record: number) => weights?.[record] ?? 1
  const expected = own.expected.reduce((sum, [record, count]) => sum + weightOf(record) * count, 0)
  return expected > 0 ? [meanOf(LEVELS.map((_, level) => averagePrecisionAt(own, { level, expected, weightOf })))] : []
}

/** Only where a box is right recall rises, and only there the largest precision behind a place can be. Linear in boxes. */
function averagePrecisionAt(
  { records, kinds }: ClassBoxes,
  {
    level,
    expected,
    weightOf,
  }: { readonly level: number; readonly expected: number; readonly weightOf: (record: number) => number },
): number {
  const precisions: number[] = []
  let all = 0
  for (let i = 0; i < records.length; i++) {
    const kind = kinds[i * LEVELS.length + level]
    if (kind === IGNORED) continue
    // A sample that counts several times is as many samples with the same boxes, one after the other.
    const weight = weightOf(records[i]!)
    if (kind === WRONG) all += weight
    else for (let copy = 0; copy < weight; copy++) precisions.push((precisions.length + 1) / ++all)
  }
  for (let i = precisions.length - 2; i >= 0; i--) precisions[i] = Math.max(precisions[i]!, precisions[i + 1]!)
  let [sum, at] = [0, 0]
  for (const recall of RECALLS) {
    while (at < precisions.length && (at + 1) / expected < recall) at++
    sum += precisions[at] ?? 0
  }
  return sum / RECALLS.length
}

/** As numpy.linspace rounds them: 29 × 0.01 is not 0.29, and recalls such as 29 of 100 lie on these. */
function evenly(from: number, to: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? to : from + i * ((to - from) / (count - 1))))
}
