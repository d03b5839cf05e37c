import { classShares, commonestClasses, countsRecord, defineMetric, overCounts, ratio } from '@pare/metric'
import { AVERAGE_OPTIONS, averageOf } from './parts/average.js'

export const recall = defineMetric({
  name: 'recall',
  formula: 'mean over classes of TP ÷ (TP + FN), 0 for a class that is no label',
  options: AVERAGE_OPTIONS,
  create: (options) => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class', many: true },
    of: countsRecord,
    combine: overCounts(averageOf(options, ({ hits, missed }) => ratio(hits, hits + missed))),
    blind: classShares(commonestClasses(1)),
  }),
})
