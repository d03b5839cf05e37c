import { classShares, commonestClasses, countsRecord, defineMetric, meanOf, overCounts, ratio } from '@pare/metric'

export const iou = defineMetric({
  name: 'iou',
  formula: 'mean over classes of TP ÷ (TP + FP + FN), pixels of all samples together',
  create: () => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class', many: true },
    of: countsRecord,
    combine: overCounts((counts) => meanOf(counts.map(({ hits, wrong, missed }) => ratio(hits, hits + wrong + missed)))),
    blind: classShares(commonestClasses(1)),
  }),
})
