import {
  type ClassCounts,
  classShares,
  commonestClasses,
  countsRecord,
  type Metric,
  type MetricOptions,
  overCounts,
  ratio,
} from '@pare/metric'
import { averageOf, averageOption } from './parts/average.js'

export function f1(options: MetricOptions = {}): Metric {
  const average = averageOption(options)
  const aggregate = overCounts(averageOf(average, f1Of))
  const isMacro = average.kind === 'macro'
  return {
    name: 'f1',
    formula: 'mean over classes of 2·TP ÷ (2·TP + FP + FN)',
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class', many: true },
    of(sample) {
      if (isMacro && sample.isSingle && !sample.isMany) return [sample.answers[0]!, sample.label[0]!]
      return countsRecord(sample)
    },
    combine: isMacro ? { f1: aggregate } : aggregate,
    blind: classShares(commonestClasses(1)),
  }
}

function f1Of({ hits, wrong, missed }: ClassCounts): number {
  return ratio(2 * hits, 2 * hits + wrong + missed)
}
