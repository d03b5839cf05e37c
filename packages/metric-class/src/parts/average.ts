import { type ClassCounts, meanOf, ratio, z } from '@pare/metric'

/** How the values of classes become one, as scikit-learn names it. */
export interface Average {
  readonly average: 'macro' | 'micro' | 'weighted' | 'binary'
  /** Of 'binary': the class that is looked for. */
  readonly positive: number
}

const NONE: ClassCounts = { hits: 0, wrong: 0, missed: 0 }

export const AVERAGE_OPTIONS = {
  average: z
    .enum(['macro', 'micro', 'weighted', 'binary'])
    .default('macro')
    .describe(
      'macro: each class counts the same; micro: each answer does; weighted: by labels; binary: of the class `positive` alone',
    ),
  positive: z.int().min(0).default(1).describe('the class that is looked for, of average=binary'),
}

/** The value of all classes from that of one. */
export function averageOf(
  { average, positive }: Average,
  of: (counts: ClassCounts) => number,
): (counts: readonly ClassCounts[], byClass: ReadonlyMap<number, ClassCounts>) => number {
  return (counts, byClass) => {
    switch (average) {
      case 'macro':
        return meanOf(counts.map(of))
      case 'micro':
        return of(counts.reduce(sum, NONE))
      case 'weighted': {
        const labels = (one: ClassCounts) => one.hits + one.missed
        const all = counts.reduce((total, one) => total + labels(one), 0)
        return ratio(
          counts.reduce((total, one) => total + labels(one) * of(one), 0),
          all,
        )
      }
      case 'binary':
        return of(byClass.get(positive) ?? NONE)
      default:
        return average satisfies never
    }
  }
}

function sum(a: ClassCounts, b: ClassCounts): ClassCounts {
  return { hits: a.hits + b.hits, wrong: a.wrong + b.wrong, missed: a.missed + b.missed }
}
