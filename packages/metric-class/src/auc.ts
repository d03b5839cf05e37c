import { classShares, defineMetric } from '@pare/metric'
import { overRankings, type RankingSteps, rankingRecord } from './parts/ranking.js'

export const auc = defineMetric({
  name: 'auc',
  formula: 'area under the ROC curve, mean over classes against the rest: how often a sample of the class scores above another',
  create: () => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'scores', against: 'class', many: true, single: true },
    of: rankingRecord,
    combine: overRankings(areaOf),
    blind: classShares(),
  }),
})

/** Pairs of a sample of the class and another that are in order, ties being half: Mann and Whitney's U. */
function areaOf({ positives, negatives }: RankingSteps): number {
  let above = 0
  let pairs = 0
  let below = 0
  for (let step = 0; step < positives.length; step++) {
    pairs += negatives[step]! * (above + positives[step]! / 2)
    above += positives[step]!
    below += negatives[step]!
  }
  return pairs / (above * below)
}
