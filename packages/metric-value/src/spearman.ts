import { columnMetric, correlation } from './parts/columns.js'

export const spearman = columnMetric(
  { name: 'spearman', formula: 'correlation of the ranks of outputs and labels over all samples, equals sharing theirs' },
  ({ outputs, targets, weights }) =>
    correlation({ outputs: ranksOf(outputs, weights), targets: ranksOf(targets, weights), weights }),
)

/** Ranks among values that count as often as their weights say; equals have the mean of theirs. */
function ranksOf(values: readonly number[], weights: readonly number[]): number[] {
  const order = Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!)
  const ranks = new Array<number>(values.length)
  let before = 0
  for (let from = 0; from < order.length; ) {
    let to = from
    let count = 0
    while (to < order.length && values[order[to]!] === values[order[from]!]) count += weights[order[to++]!]!
    for (; from < to; from++) ranks[order[from]!] = before + (count + 1) / 2
    before += count
  }
  return ranks
}
