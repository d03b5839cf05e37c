import { classShares, commonestClasses, countsRecord, type Metric, meanOf, overCounts, ratio } from '@pare/metric'

export function dice(): Metric {
  return {
    name: 'dice',
    formula: 'mean over classes of 2·TP ÷ (2·TP + FP + FN), pixels of all samples together',
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class', many: true },
    of: countsRecord,
    combine: overCounts((counts) => meanOf(counts.map(({ hits, wrong, missed }) => ratio(2 * hits, 2 * hits + wrong + missed)))),
    blind: classShares(commonestClasses(1)),
  }
}
