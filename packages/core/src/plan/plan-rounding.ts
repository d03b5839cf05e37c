import { type Model, PareError } from '@pare/onnx'
import { weightsOf } from '../analyse/analyse.js'
import type { UpdateStep } from '../apply/update.js'
import { requestsFor } from '../calibrate/measure.js'
import type { RoundingGrid, Solver, Weight } from '../contract/contract.js'
import type { PlanOptions } from './plan.js'
import { solveStages } from './plan-solve.js'

export interface RoundingRequest {
  /** One that rounds. */
  readonly solver: Solver
  /** By name of the weight: what it is rounded to. Others stay as they are. */
  readonly grids: ReadonlyMap<string, RoundingGrid>
  /** The model before elements of its weights were masked, where nothing else has changed them but solvers: its weights' outputs are to be met, so that rounding makes up for pruning, too. Default: the model's own */
  readonly whole?: Model
  /** Whether blocks of the model meet what the blocks before let through once they are rounded. Default: true */
  readonly sequential?: boolean
}

/** Has a solver round weights, block by block: their numbers lie on grids then, zeros are zeros, and what is not measured is left as it is, with a note. */
export async function planRounding(
  model: Model,
  { solver, grids, whole, sequential = true }: RoundingRequest,
  options: PlanOptions,
): Promise<UpdateStep> {
  if (solver.rounds !== true)
    throw new PareError(`solver '${solver.name}' does not round weights to a grid.`, { hint: 'gptq does.' })
  const notes: string[] = []
  const weights = weightsOf(model).filter((weight) => {
    if (!grids.has(weight.id)) return false
    const reason = whyNot(weight, solver)
    if (reason !== undefined) notes.push(`${reason} It is rounded to the nearest.`)
    return reason === undefined
  })
  if (weights.length === 0) return { kind: 'update', by: solver.name, tensors: [], notes }
  const wholes = new Map((whole === undefined ? [] : weightsOf(whole)).map((weight) => [weight.id, weight]))
  const [, update] = await solveStages(
    {
      ...{ step: { ...UNSTRUCTURED, sequential }, weights, pattern: { kind: 'free' }, model, solver, scope: 'tensor' },
      mask: {
        kind: 'mask',
        structure: '',
        criterion: solver.name,
        scope: 'tensor',
        saliency: WEIGHT,
        precision: 'f32',
        weights: [],
      },
      zerosOf: () => 0,
      gridOf: ({ id }) => grids.get(id)!,
      targetOf: ({ id, tensor: { shape } }) => {
        const before = wholes.get(id)
        return before?.tensor.shape.join() === shape.join() ? before : undefined
      },
    },
    options,
  )
  return { ...update, notes: [...notes, ...update.notes] }
}

const WEIGHT = { op: 'weight' } as const
/** Nothing is chosen. */
const UNSTRUCTURED = { structure: { name: 'rounding', find: () => ({ groups: [], declined: [] }) } }

function whyNot(weight: Weight, { needs }: Solver): string | undefined {
  try {
    requestsFor(weight, needs)
    return undefined
  } catch (error) {
    if (error instanceof PareError) return error.message
    throw error
  }
}
