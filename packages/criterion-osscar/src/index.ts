import { PareError, type UnitCriterion, type UnitGroup, type UnitReader } from '@pare/core'
import { eliminate } from './eliminate.js'
import { openProblem, type ProblemOptions } from './problem.js'
import { search } from './search.js'

export interface OsscarOptions {
  /** What is added to the diagonal of the Gram matrix, as a fraction of its mean. Default: 0.01 */
  readonly damping?: number
  /** How often, at most, some units change places with others, once it is known how many go. Default: 100 */
  readonly rounds?: number
  /** Default: one for each core, at most 16, and one for small problems. */
  readonly threads?: number
}

/**
 * OSSCAR (Meng et al. 2024, arXiv 2403.12983): which units of a group stay, chosen together. A unit costs what the weights that read it give away when it goes and the
 * other units make up for it; the cheapest goes, and so on; then units change places where that lowers the error. Costs are half of F · ‖(Ŵ − W)X‖², F what the loss
 * feels of each output, where there are training data; else each layer's error is relative to what it puts out. For n inputs of a layer n² · (n + outputs) operations.
 */
export function osscar({ damping = 0.01, rounds = 100, threads }: OsscarOptions = {}): UnitCriterion {
  if (!(damping >= 0 && damping <= 1))
    throw new PareError(`osscar: damping is ${damping}; a number from 0 to 1 was expected.`, {
      hint: 'osscar:damping=0.01 is the default.',
    })
  if (!(Number.isSafeInteger(rounds) && rounds >= 0))
    throw new PareError(`osscar: rounds is ${rounds}; a whole number from 0 on was expected.`, {
      hint: 'osscar:rounds=0 leaves the search out.',
    })
  return {
    kind: 'units',
    name: 'osscar',
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
  }
}

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
