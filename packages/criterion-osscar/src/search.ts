import { ascending } from './eliminate.js'
import type { GroupProblem } from './problem.js'

/** Less than this share of what is removed is rounding, and no gain. */
const LEAST = 1e-9

/**
 * Local search (OSSCAR, algorithm 2): the cheapest few units go, and those come back that help most; where that does not lower the error it is undone, and half as
 * many are tried, down to one. The error of `out` is `error`. Returns the units that are out then.
 */
export function search(
  problem: GroupProblem,
  { out, error, rounds }: { readonly out: ReadonlySet<number>; readonly error: number; readonly rounds: number },
): ReadonlySet<number> {
  const now = new Set(out)
  let current = error
  let few = Math.min(Math.ceil(problem.units / 16), now.size, problem.units - now.size)
  for (let round = 0; round < rounds && few >= 1; round++) {
    const going = ascending(problem.changes(), (unit) => !now.has(unit)).slice(0, few)
    const cost = problem.turn(going)
    const gains = problem.changes()
    const coming = ascending(gains, (unit) => now.has(unit) || going.includes(unit)).slice(-few)
    const gain = problem.turn(coming)
    if (gain - cost > LEAST * current) {
      for (const unit of going) now.add(unit)
      for (const unit of coming) now.delete(unit)
      current -= gain - cost
      continue
    }
    problem.turn(coming)
    problem.turn(going)
    few = Math.floor(few / 2)
  }
  return now
}
