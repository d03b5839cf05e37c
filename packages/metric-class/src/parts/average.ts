import { type ClassCounts, choiceOption, indexOption, type MetricOptions, meanOf, ratio } from '@pare/metric'

/** How the values of classes become one, as scikit-learn names it. */
export interface Average {
  readonly kind: 'macro' | 'micro' | 'weighted' | 'binary'
  /** Of 'binary': the class that is looked for. */
  readonly positive: number
}

const NONE: ClassCounts = { hits: 0, wrong: 0, missed: 0 }

/** `average`: macro (each class counts the same), micro (each answer does), weighted (by labels), binary (of class `positive` alone, 1). */
export function averageOption(options: MetricOptions): Average {
  const kind = choiceOption(options, 'average', ['macro', 'micro', 'weighted', 'binary'])
  return { kind, positive: indexOption(options, 'positive', 1) }
}

/** The value of all classes from that of one. */
export function averageOf(
  { kind, positive }: Average,
  of: (counts: ClassCounts) => number,
): (counts: readonly ClassCounts[], byClass: ReadonlyMap<number, ClassCounts>) => number {
  return (counts, byClass) => {
    switch (kind) {
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
        return kind satisfies never
    }
  }
}

function sum(a: ClassCounts, b: ClassCounts): ClassCounts {
  return { hits: a.hits + b.hits, wrong: a.wrong + b.wrong, missed: a.missed + b.missed }
}
