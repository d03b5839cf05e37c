import { type ClassCounts, classShares, commonestClasses, countsRecord, defineMetric, overCounts, ratio } from '@pare/metric'
import { AVERAGE_OPTIONS, averageOf } from './parts/average.js'

export const f1 = defineMetric({
  name: 'f1',
  formula: 'mean over classes of 2·TP ÷ (2·TP + FP + FN)',
  options: AVERAGE_OPTIONS,
  create(options) {
    const aggregate = overCounts(averageOf(options, f1Of))
    const isMacro = options.average === 'macro'
    return {
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
  },
})

function f1Of({ hits, wrong, missed }: ClassCounts): number {
  return ratio(2 * hits, 2 * hits + wrong + missed)
}
