import { classShares, commonestClasses, countsRecord, type Metric, meanOf, overCounts, ratio } from '@pare/metric'

export function balancedAccuracy(): Metric {
  return {
    name: 'balanced-accuracy',
    formula: 'mean over the classes of the labels of the share that is found: TP ÷ (TP + FN)',
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class' },
    of: countsRecord,
    combine: overCounts((counts) =>
      meanOf(counts.filter(({ hits, missed }) => hits + missed > 0).map(({ hits, missed }) => ratio(hits, hits + missed))),
    ),
    blind: classShares(commonestClasses(1)),
  }
}
