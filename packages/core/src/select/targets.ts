import { type Model, PareError, writtenBytes } from '@pare/onnx'
import { macCount, totalMacs } from '../analyse/macs.js'
import type { AxisSizes } from '../analyse/open-sizes.js'
import { countElements } from '../analyse/zeros.js'
import type { BUDGETS } from '../choices.js'
import type { Budget, TimeModel } from '../plan/plan.js'

/** What a step shall bring down, and how to try. */
export interface BudgetSearch {
  readonly budget: Budget
  /** The model that the fraction is of. */
  readonly model: Model
  readonly structure: string
  /** All units of all groups. */
  readonly units: number
  /** The model without a share of the units. What goes for one share goes for every larger one. */
  without(share: number): Promise<Model>
  /** Sizes of axes that the model leaves open, for a target of MACs. Default: as `macCount` chooses */
  readonly sizes?: AxisSizes | undefined
  /** For a target of latency. */
  readonly latency?: TimeModel | undefined
  /** Called after each try. */
  progress(): void
}

/** Tries that `shareFor` makes at most: the ends, and one for each halving. */
export function triesFor(units: number): number {
  return 3 + Math.ceil(Math.log2(units + 1))
}

/**
 * The smallest share of the units, in steps of one unit, without which the model meets the budget. By halving: what is left falls as the share grows.
 * No weight is read. Throws PareError where even the largest share leaves too much.
 */
export async function shareFor(search: BudgetSearch): Promise<number> {
  const { budget, model, structure, units, without, progress } = search
  const [[kind, limit]] = Object.entries(budget) as [[Kind, number]]
  // Both are counted at the sizes that suit the model as it was.
  const sizes = kind === 'macs' ? (await macCount(model, search.sizes)).sizes : {}
  const all = kind === 'latency' ? 1 : await countOf(model, kind, { structure, sizes })
  const left = async (removed: number) => {
    const smaller = await without(removed / units)
    const count = kind === 'latency' ? await timeOf(smaller, search) : await countOf(smaller, kind, { structure, sizes })
    progress()
    return count / all
  }
  const lowest = await left(units)
  if (!(lowest <= limit)) throw unreachable({ structure, kind, limit, lowest })
  if ((await left(0)) <= limit) return 0
  // Too much is left without `few` of the units, and not without `enough`.
  let [few, enough] = [0, units]
  while (enough - few > 1) {
    const middle = Math.floor((few + enough) / 2)
    if ((await left(middle)) <= limit) enough = middle
    else few = middle
  }
  return enough / units
}

type Kind = (typeof BUDGETS)[number]

function timeOf(smaller: Model, { latency, model, structure }: BudgetSearch): Promise<number> {
  if (latency !== undefined) return latency(smaller, model)
  throw new PareError(`structure '${structure}' has a target of latency, and nothing here runs models.`, {
    hint: 'say --target macs=0.5 instead.',
  })
}

interface Counted {
  readonly structure: string
  readonly sizes: AxisSizes
}

async function countOf(model: Model, kind: Exclude<Kind, 'latency'>, { structure, sizes }: Counted): Promise<number> {
  switch (kind) {
    case 'parameters':
      return countElements(model)
    case 'bytes':
      return writtenBytes(model)
    case 'macs': {
      const count = await macCount(model, sizes)
      const macs = totalMacs(count)
      if (macs !== null) return macs
      throw new PareError(`structure '${structure}' has a target of MACs, and they cannot be counted: ${count.reason}.`, {
        hint: 'say --target parameters=0.5 instead.',
      })
    }
    default:
      return kind satisfies never
  }
}

interface Unreachable {
  readonly structure: string
  readonly kind: Kind
  readonly limit: number
  readonly lowest: number
}

function unreachable({ structure, kind, limit, lowest }: Unreachable): PareError {
  // Rounded up, so that what the hint says can be reached.
  const reachable = Math.ceil(lowest * 1e4) / 1e4
  return new PareError(
    `structure '${structure}' cannot bring the model to ${limit} of its ${kind}: with all units removed that may go, ${reachable} remain.`,
    {
      hint: `say --target ${kind}=${reachable} or more, allow more with --min-units and --multiple-of, or cut another structure too.`,
    },
  )
}
