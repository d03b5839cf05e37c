import { classShares, commonestClasses, countsRecord, defineMetric, meanOf, overCounts, ratio } from '@pare/metric'

export const balancedAccuracy = defineMetric({
  name: 'balanced-accuracy',
  formula: 'mean over the classes of the labels of the share that is found: TP ÷ (TP + FN)',
  create: () => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class' },
    of: countsRecord,
    combine: overCounts((counts) =>
      meanOf(counts.filter(({ hits, missed }) => hits + missed > 0).map(({ hits, missed }) => ratio(hits, hits + missed))),
    ),
    blind: classShares(commonestClasses(1)),
  }),
})
