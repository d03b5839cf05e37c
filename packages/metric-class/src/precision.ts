import { classShares, commonestClasses, countsRecord, defineMetric, overCounts, ratio } from '@pare/metric'
import { AVERAGE_OPTIONS, averageOf } from './parts/average.js'

export const precision = defineMetric({
  name: 'precision',
  formula: 'mean over classes of TP ÷ (TP + FP), 0 for a class that is never answered',
  options: AVERAGE_OPTIONS,
  create: (options) => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'answers', against: 'class', many: true },
    of: countsRecord,
    combine: overCounts(averageOf(options, ({ hits, wrong }) => ratio(hits, hits + wrong))),
    blind: classShares(commonestClasses(1)),
  }),
})
