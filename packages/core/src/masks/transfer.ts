import { type Model, PareError, type Tensor, withTensors } from '@pare/onnx'
import { weightsOf } from '../analyse/analyse.js'
import { applyStep } from '../apply/apply.js'
import type { UpdateStep } from '../apply/update.js'
import { type MaskedWeight, type MaskStep, maskedBy, type Plan, type PlanStep } from '../plan/plan.js'
import { maskedByBits, zerosOf } from './zeros.js'

export interface Transfer {
  /** The model that the plan was made for. */
  readonly from: Model
  /** One with other numbers in the same tensors. */
  readonly to: Model
}

/**
 * The steps of a plan for another model of the same topology, such as one that was trained on: what a step made zero in `from` it makes zero in `to`, whatever
 * numbers stand there; cuts and permutations are of positions, and stay as they are. Throws PareError for steps that bring numbers of their own, and where a
 * tensor that a step touches is another one in `to`.
 */
export async function transferSteps(
  { seed, steps }: Pick<Plan, 'seed' | 'steps'>,
  { from, to }: Transfer,
): Promise<readonly PlanStep[]> {
  const update = steps.find((step) => step.kind === 'update')
  if (update !== undefined) throw ownNumbers(update)
  const states: Model[] = []
  for (const step of steps) states.push(await applyStep(states.at(-1) ?? from, step, { seed }))
  checkAlike(touchedBy(steps, { from, to: states.at(-1) ?? from }), to)
  const transferred: PlanStep[] = []
  let current = to
  for (const [i, step] of steps.entries()) {
    const own = step.kind === 'mask' ? await asBits(step, { from: states[i]!, to: current }) : step
    current = await applyStep(current, own, { seed })
    transferred.push(own)
  }
  return transferred
}

/** The step with the zeros that it left in `from`, as bits for `to`. */
async function asBits(step: MaskStep, { from, to }: Transfer): Promise<MaskStep> {
  const [left, own] = [from, to].map((model) => new Map(weightsOf(model).map((weight) => [weight.id, weight])))
  const weights: MaskedWeight[] = []
  for (const { id } of step.weights) {
    const weight = own!.get(id)
    if (weight === undefined) throw different(id, 'multiplies nothing with it')
    weights.push(await maskedByBits(weight, await zerosOf(left!.get(id)!.tensor)))
  }
  return { ...step, weights }
}

/** The tensors that the steps change in any way, as the model has them from the beginning. */
function touchedBy(steps: readonly PlanStep[], { from, to }: Transfer): ReadonlyMap<string, Tensor> {
  const masked = new Set(maskedBy(steps).map(({ id }) => id))
  const after = tensorsOf(to)
  return new Map([...tensorsOf(from)].filter(([id, tensor]) => masked.has(id) || after.get(id) !== tensor))
}

function tensorsOf(model: Model): ReadonlyMap<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  withTensors(model, (tensor, id) => {
    tensors.set(id, tensor)
    return tensor
  })
  return tensors
}

function checkAlike(tensors: ReadonlyMap<string, Tensor>, to: Model): void {
  const own = tensorsOf(to)
  const problems = [...tensors].flatMap(([id, tensor]) => {
    const other = own.get(id)
    if (other === undefined) return [`'${id}', ${formOf(tensor)}, is not there`]
    return formOf(other) === formOf(tensor) ? [] : [`'${id}' is ${formOf(other)} and not ${formOf(tensor)}`]
  })
  if (problems.length === 0) return
  const more = problems.length > SHOWN ? `, and ${problems.length - SHOWN} more` : ''
  throw new PareError(
    `the plan changes tensors that this model has otherwise: ${problems.slice(0, SHOWN).join('; ')}${more}.`,
    SAME_TOPOLOGY,
  )
}

const SHOWN = 3

const SAME_TOPOLOGY = {
  hint: 'export both models from the same code with the same options: names, shapes and types of their tensors must be the same.',
}

function formOf({ type, shape }: Tensor): string {
  return `${type}[${shape}]`
}

function different(id: string, has: string): PareError {
  return new PareError(`the plan masks '${id}', and this model ${has}.`, SAME_TOPOLOGY)
}

function ownNumbers({ by, tensors }: UpdateStep): PareError {
  const what = tensors.length === 1 ? `'${tensors[0]!.id}'` : `${tensors.length} tensors`
  return new PareError(
    `the plan gives ${what} numbers of its own (by ${by}), and these belong to the model that it was made for.`,
    {
      hint: 'write the masks of that model to a file with --masks, and prune the other one with --mask and that file; then repair or train it on.',
    },
  )
}
