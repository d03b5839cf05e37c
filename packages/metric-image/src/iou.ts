import { classShares, commonestClasses, countsRecord, type Metric, meanOf, overCounts, ratio } from '@pare/metric'

export function iou(): Metric {
  return {
    name: 'iou',
    formula: 'mean over classes of TP ÷ (TP + FP + FN), pixels of all samples together',
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class', many: true },
    of: countsRecord,
    combine: overCounts((counts) => meanOf(counts.map(({ hits, wrong, missed }) => ratio(hits, hits + wrong + missed)))),
    blind: classShares(commonestClasses(1)),
  }
}
