import type { SearchFacts } from '@pare/core'
import { formatCount } from '@pare/gate'

/** '410 trials of 209 levels around fisher in 96 s: score 0.118 → 0.104' */
export function describeSearch({ around, levels, trials, seconds, best }: SearchFacts): string {
  const [first, last] = [best[0]!, best.at(-1)!]
  const gained = last.score === first.score ? 'nothing was better' : `score ${short(first.score)} → ${short(last.score)}`
  const spent = `${formatCount(trials)} ${trials === 1 ? 'trial' : 'trials'} of ${formatCount(levels)} levels`
  return `${spent} around ${around === 'uniform' ? 'equal shares' : around} in ${Math.round(seconds)} s: ${gained}`
}

/** Three digits of a number. */
export function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}
