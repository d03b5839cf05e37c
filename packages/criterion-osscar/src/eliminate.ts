import type { GroupProblem } from './problem.js'

/** Rounds in which a group loses all of its units, at most: in larger groups several go at once. */
const ROUNDS = 512

/** Units in the order in which they go, with what each adds to the error. */
export interface Elimination {
  readonly order: readonly number[]
  readonly costs: readonly number[]
}

/** Backward elimination: of all units that are in, the cheapest goes, the others make up for it, and so on until `count` are out. */
export function eliminate(problem: GroupProblem, count: number): Elimination {
  const order: number[] = []
  const costs: number[] = []
  const isOut = new Uint8Array(problem.units)
  const few = Math.ceil(problem.units / ROUNDS)
  while (order.length < count) {
    const changes = problem.changes()
    const chosen = ascending(changes, (unit) => isOut[unit] === 0).slice(0, Math.min(few, count - order.length))
    const cost = problem.turn(chosen)
    for (const unit of chosen) {
      isOut[unit] = 1
      order.push(unit)
      costs.push(cost / chosen.length)
    }
  }
  return { order, costs }
}

/** Units in order of their changes, ties in order of position. */
export function ascending(changes: Float64Array, isWanted: (unit: number) => boolean): number[] {
  return [...changes.keys()].filter(isWanted).sort((a, b) => changes[a]! - changes[b]! || a - b)
}
