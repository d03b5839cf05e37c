import type { Numbers, SampleBoxes } from '@pare/metric'

export type Detection = SampleBoxes['detected'][number]

export interface SuppressionLimits {
  /** Boxes of one class that overlap a better one by more (IoU) go. */
  readonly overlap: number
  /** How many boxes are kept at most. */
  readonly most: number
}

/**
 * Greedy suppression of each class on its own (as Ultralytics has it): best boxes first, equals in their order. Boxes × boxes that are kept, at
 * worst.
 */
export function suppressed(boxes: readonly Detection[], { overlap, most }: SuppressionLimits): readonly Detection[] {
  const kept: Detection[] = []
  const byClass = new Map<number, Numbers[]>()
  for (const each of boxes.toSorted((a, b) => b.score - a.score)) {
    if (kept.length === most) break
    const others = byClass.get(each.class) ?? []
    if (others.some((other) => overlapOf(each.box, other) > overlap)) continue
    byClass.set(each.class, [...others, each.box])
    kept.push(each)
  }
  return kept
}

/** Intersection over union of two boxes, given by corners. */
function overlapOf(a: Numbers, b: Numbers): number {
  const width = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!)
  const height = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!)
  if (width <= 0 || height <= 0) return 0
  const shared = width * height
  return shared / (areaOf(a) + areaOf(b) - shared)
}

const areaOf = (box: Numbers) => (box[2]! - box[0]!) * (box[3]! - box[1]!)
