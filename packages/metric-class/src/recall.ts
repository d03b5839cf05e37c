import { classShares, commonestClasses, countsRecord, type Metric, type MetricOptions, overCounts, ratio } from '@pare/metric'
import { averageOf, averageOption } from './parts/average.js'

export function recall(options: MetricOptions = {}): Metric {
  return {
    name: 'recall',
    formula: 'mean over classes of TP ÷ (TP + FN), 0 for a class that is no label',
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class', many: true },
    of: countsRecord,
    combine: overCounts(averageOf(averageOption(options), ({ hits, missed }) => ratio(hits, hits + missed))),
    blind: classShares(commonestClasses(1)),
  }
}
