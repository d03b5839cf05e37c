import { classShares, defineMetric } from '@pare/metric'
import { overRankings, type RankingSteps, rankingRecord } from './parts/ranking.js'

export const averagePrecision = defineMetric({
  name: 'average-precision',
  formula: 'Σ over thresholds of (recall − recall before) · precision, mean over classes against the rest',
  create: () => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'scores', against: 'class', many: true, single: true },
    of: rankingRecord,
    combine: overRankings(precisionOf),
    blind: classShares(),
  }),
})

function precisionOf({ positives, negatives }: RankingSteps): number {
  let above = 0
  let all = 0
  let sum = 0
  for (let step = 0; step < positives.length; step++) {
    above += positives[step]!
    all += positives[step]! + negatives[step]!
    sum += positives[step]! * (above / all)
  }
  return sum / above
}
