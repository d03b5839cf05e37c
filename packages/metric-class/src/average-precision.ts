import { classShares, type Metric } from '@pare/metric'
import { overRankings, type RankingStep, rankingRecord } from './parts/ranking.js'

export function averagePrecision(): Metric {
  return {
    name: 'average-precision',
    formula: 'Σ over thresholds of (recall − recall before) · precision, mean over classes against the rest',
    better: 'higher',
    bounded: true,
    needs: { read: 'scores', against: 'class', many: true, single: true },
    of: rankingRecord,
    combine: overRankings(precisionOf),
    blind: classShares(),
  }
}

function precisionOf(steps: readonly RankingStep[]): number {
  let above = 0
  let all = 0
  let sum = 0
  for (const { positives, negatives } of steps) {
    above += positives
    all += positives + negatives
    sum += positives * (above / all)
  }
  return sum / above
}
