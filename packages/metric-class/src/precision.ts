import { classShares, commonestClasses, countsRecord, type Metric, type MetricOptions, overCounts, ratio } from '@pare/metric'
import { averageOf, averageOption } from './parts/average.js'

export function precision(options: MetricOptions = {}): Metric {
  return {
    name: 'precision',
    formula: 'mean over classes of TP ÷ (TP + FP), 0 for a class that is never answered',
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class', many: true },
    of: countsRecord,
    combine: overCounts(averageOf(averageOption(options), ({ hits, wrong }) => ratio(hits, hits + wrong))),
    blind: classShares(commonestClasses(1)),
  }
}
