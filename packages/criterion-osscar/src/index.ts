import {
  dampingOption,
  defineCriterion,
  type OptionsOf,
  threadsOption,
  type UnitCriterion,
  type UnitGroup,
  type UnitReader,
  z,
} from '@pare/core'
import { eliminate } from './eliminate.js'
import { openProblem, type ProblemOptions } from './problem.js'
import { search } from './search.js'

export type OsscarOptions = OptionsOf<typeof osscar>

/**
 * OSSCAR (Meng et al. 2024, arXiv 2403.12983): which units of a group stay, chosen together. A unit costs what the weights that read it give away when it goes and the
 * other units make up for it; the cheapest goes, and so on; then units change places where that lowers the error. Costs are half of F · ‖(Ŵ − W)X‖², F what the loss
 * feels of each output, where there are training data; else each layer's error is relative to what it puts out. For n inputs of a layer n² · (n + outputs) operations.
 */
export const osscar = defineCriterion({
  name: 'osscar',
  about:
    'Which units of a group stay, chosen together: a unit costs what the weights that read it give away when it goes and the other units make up for it (Meng et al. 2024, arXiv 2403.12983).',
  options: {
    damping: dampingOption(0.01),
    rounds: z
      .int()
      .min(0)
      .default(100)
      .describe('how often, at most, some units change places with others, once it is known how many go'),
    threads: threadsOption,
  },
  create: ({ damping, rounds, threads }): Omit<UnitCriterion, 'name'> => ({
    kind: 'units',
    jointly: true,
    weighsByLoss: true,
    async score(groups, { readers, removals, signal }) {
      const scores: Float64Array[] = []
      for await (const own of readers(groups)) {
        signal?.throwIfAborted()
        const group = groups[scores.length]!
        scores.push(await scoresOf(group, own, { damping, rounds, threads, removed: removals?.get(group.id) }))
      }
      return scores
    },
  }),
})

export default osscar

interface Choosing extends ProblemOptions {
  readonly rounds: number
  /** How many go, where that is known. */
  readonly removed: number | undefined
}

async function scoresOf(
  { units }: UnitGroup,
  readers: readonly UnitReader[],
  { rounds, removed, ...options }: Choosing,
): Promise<Float64Array> {
  await using problem = await openProblem(units, readers, options)
  // Where it is not known how many go, the last one has a price too.
  const { order, costs } = eliminate(problem, removed ?? units)
  if (removed === undefined) return rising(units, order, costs)
  const error = costs.reduce((a, b) => a + b, 0)
  const out = search(problem, { out: new Set(order), error, rounds })
  return Float64Array.from({ length: units }, (_, unit) => (out.has(unit) ? 0 : 1))
}

/** The price of each unit, in the order in which they go never less than before: who goes for one price goes for every higher one. */
function rising(units: number, order: readonly number[], costs: readonly number[]): Float64Array {
  const scores = new Float64Array(units)
  let price = 0
  for (const [i, unit] of order.entries()) {
    // A little above the one before, so that ties do not change the order.
    price = Math.max(costs[i]!, price + Math.max(price * STEP, Number.MIN_VALUE))
    scores[unit] = price
  }
  return scores
}

const STEP = 2 ** -40
