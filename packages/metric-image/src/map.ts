import type { SampleRecord } from '@pare/gate'
import { type Metric, meanOf, type Numbers, type SampleBoxes } from '@pare/metric'

/** IoU that a box must have with one of its class to be right: the mean over 0.5, 0.55 … 0.95. */
const LEVELS = Array.from({ length: 10 }, (_, i) => 0.5 + i * 0.05)
const RECALLS = 101
/** COCO looks at no more boxes of a class in one image. */
const MOST_BOXES = 100

export function map(): Metric {
  return {
    name: 'map',
    formula:
      'mean over classes and over IoU 0.5, 0.55 … 0.95 of the precision at 101 recalls, at most 100 boxes of a class in an image (COCO)',
    better: 'higher',
    bounded: true,
    needs: { read: 'boxes' },
    of: ({ boxes }) => recordOf(boxes!),
    combine: meanPrecision,
  }
}

/** Marks boxes that are expected: −1, class, how many. Others: class, score, for how many levels each of 10 whether it is right. */
const EXPECTED = -1
const DETECTED_WIDTH = 2 + LEVELS.length

function recordOf({ detected, expected }: SampleBoxes): number[] {
  const classes = [...new Set([...detected, ...expected].map((one) => one.class))].sort((a, b) => a - b)
  return classes.flatMap((one) => {
    const truths = expected.filter((box) => box.class === one).map(({ box }) => box)
    const found = detected.filter((box) => box.class === one)
    const best = found.sort((a, b) => b.score - a.score).slice(0, MOST_BOXES)
    const overlaps = best.map(({ box }) => truths.map((truth) => overlap(box, truth)))
    const right = LEVELS.map((level) => matches(overlaps, level))
    return [
      ...(truths.length > 0 ? [EXPECTED, one, truths.length] : []),
      ...best.flatMap(({ score }, i) => [one, score, ...right.map((level) => Number(level[i]))]),
    ]
  })
}

/** The best box first, each takes the expected box with which it overlaps most, of those that are left. */
function matches(overlaps: readonly (readonly number[])[], level: number): boolean[] {
  const taken = new Set<number>()
  return overlaps.map((own) => {
    let best = -1
    for (const [i, value] of own.entries()) {
      if (!taken.has(i) && value >= Math.min(level, 1 - 1e-10) && (best < 0 || value >= own[best]!)) best = i
    }
    if (best >= 0) taken.add(best)
    return best >= 0
  })
}

function overlap(a: Numbers, b: Numbers): number {
  const width = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!)
  const height = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!)
  const both = Math.max(0, width) * Math.max(0, height)
  return both === 0 ? 0 : both / (areaOf(a) + areaOf(b) - both)
}

function areaOf(box: Numbers): number {
  return (box[2]! - box[0]!) * (box[3]! - box[1]!)
}

interface ClassBoxes {
  expected: number
  readonly detected: { readonly score: number; readonly weight: number; readonly right: readonly number[] }[]
}

function meanPrecision(records: readonly SampleRecord[], weights?: ArrayLike<number>): number {
  const classes = new Map<number, ClassBoxes>()
  const of = (one: number) => {
    const own = classes.get(one) ?? { expected: 0, detected: [] }
    classes.set(one, own)
    return own
  }
  for (const [i, record] of records.entries()) {
    const weight = weights?.[i] ?? 1
    if (weight === 0) continue
    for (let at = 0; at < record.length; ) {
      if (record[at] === EXPECTED) {
        of(record[at + 1]!).expected += weight * record[at + 2]!
        at += 3
      } else {
        const right = record.slice(at + 2, at + DETECTED_WIDTH)
        of(record[at]!).detected.push({ score: record[at + 1]!, weight, right })
        at += DETECTED_WIDTH
      }
    }
  }
  // A class without boxes to be found has no recall, and does not count.
  const counted = [...classes].filter(([, { expected }]) => expected > 0).sort(([a], [b]) => a - b)
  return meanOf(counted.map(([, own]) => meanOf(LEVELS.map((_, level) => averagePrecisionAt(own, level)))))
}

function averagePrecisionAt({ expected, detected }: ClassBoxes, level: number): number {
  const order = [...detected].sort((a, b) => b.score - a.score)
  const [recalls, precisions]: [number[], number[]] = [[], []]
  let [hits, all] = [0, 0]
  for (const { weight, right } of order) {
    // A sample that counts several times is as many samples with the same boxes, one after the other.
    for (let copy = 0; copy < weight; copy++) {
      hits += right[level]!
      all++
      recalls.push(hits / expected)
      precisions.push(hits / all)
    }
  }
  for (let i = precisions.length - 2; i >= 0; i--) precisions[i] = Math.max(precisions[i]!, precisions[i + 1]!)
  let [sum, at] = [0, 0]
  for (let step = 0; step < RECALLS; step++) {
    while (at < recalls.length && recalls[at]! < step / (RECALLS - 1)) at++
    sum += precisions[at] ?? 0
  }
  return sum / RECALLS
}
