import { classShares, commonestClasses, countsRecord, defineMetric, meanOf, overCounts, ratio } from '@pare/metric'

export const dice = defineMetric({
  name: 'dice',
  formula: 'mean over classes of 2·TP ÷ (2·TP + FP + FN), pixels of all samples together',
  create: () => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class', many: true },
    of: countsRecord,
    combine: overCounts((counts) => meanOf(counts.map(({ hits, wrong, missed }) => ratio(2 * hits, 2 * hits + wrong + missed)))),
    blind: classShares(commonestClasses(1)),
  }),
})
