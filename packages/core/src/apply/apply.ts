import { cut, cutBlocks } from '@pare/axes'
import { applyStorage, editTensor, type Model, PareError, type Payload, type Tensor, withTensors } from '@pare/onnx'
import { applyQuantisation, applySmoothing } from '@pare/quantise'
import { applyVocabulary } from '@pare/vocabulary'
import { weightsOf } from '../analyse/analyse.js'
import type { Backend } from '../backend/backend.js'
import { cpu } from '../backend/cpu.js'
import type { Weight } from '../contract/contract.js'
import { checkFolded } from '../fold/fold-weights.js'
import { applyPermutation } from '../permute/apply-permutation.js'
import type { CutStep, MaskedWeight, MaskStep, Plan, PlanStep } from '../plan/plan.js'
import { type MaskBits, unpackBits } from './mask-bits.js'
import { maskedPayload } from './masked-payload.js'
import { ANOTHER, removedUnits } from './removed-units.js'
import { applyUpdate } from './update.js'

/** The model as the plan leaves it. No weight is read yet: they are masked and sliced piece by piece as their bytes are asked for. */
export async function applyPlan(
  model: Model,
  { seed, steps, folding }: Pick<Plan, 'seed' | 'steps' | 'folding'>,
): Promise<Model> {
  if (folding !== undefined) checkFolded(folding.weights, model)
  let current = model
  for (const step of steps) current = await applyStep(current, step, { seed })
  return current
}

export async function applyStep(model: Model, step: PlanStep, options: { seed: number; backend?: Backend }): Promise<Model> {
  switch (step.kind) {
    case 'mask':
      return applyMask(model, step, options)
    case 'cut':
      return applyCut(model, step)
    case 'update':
      return applyUpdate(model, step)
    case 'permute':
      return applyPermutation(model, step)
    case 'smooth':
      return applySmoothing(model, step)
    case 'quantise':
      return applyQuantisation(model, step)
    case 'vocabulary':
      return applyVocabulary(model, step)
    case 'store':
      return applyStorage(model, step)
    default:
      return step satisfies never
  }
}

async function applyCut(model: Model, step: CutStep): Promise<Model> {
  const { dependencies, removals, blocks } = await removedUnits(model, step)
  return cutBlocks(cut(model, dependencies, removals), blocks)
}

function applyMask(model: Model, step: MaskStep, { seed, backend = cpu }: { seed: number; backend?: Backend }): Model {
  const weights = new Map(weightsOf(model).map((weight) => [weight.id, weight]))
  const kernel = backend.compile(step.saliency, step.precision)
  const unpack = unpackLast()
  const masked = new Map<Tensor, Payload>()
  for (const entry of step.weights) {
    const weight = weights.get(entry.id)
    if (weight === undefined || weight.tensor.shape.reduce((a, b) => a * b, 1) !== entry.elements)
      throw anotherModel(entry, weight)
    const masking = { entry, precision: step.precision, kernel, seed, unpack: (rule: MaskBits) => unpack(rule, entry) }
    const { tensor, quantised } = weight
    if (entry.masked <= entry.zeros) continue
    const values = maskedPayload(weight, masking)
    if (quantised === undefined) masked.set(tensor, values)
    else masked.set(quantised.stored, quantised.masked(values))
  }
  if (masked.size === 0) return model
  return withTensors(model, (tensor) => {
    const data = masked.get(tensor)
    return data === undefined ? tensor : editTensor(tensor, { data })
  })
}

/** Holds the bits of one weight only: weights are read one after another. */
function unpackLast(): (rule: MaskBits, entry: MaskedWeight) => Uint8Array {
  let last: { readonly rule: MaskBits; readonly bits: Uint8Array } | undefined
  return (rule, entry) => {
    if (last?.rule !== rule) last = { rule, bits: unpackBits(rule, entry) }
    return last.bits
  }
}

function anotherModel({ id, elements }: MaskedWeight, weight: Weight | undefined): PareError {
  const has = weight === undefined ? 'has no such weight' : `has it with shape [${weight.tensor.shape}]`
  return new PareError(`the plan masks '${id}' with ${elements} elements, and this model ${has}.`, ANOTHER)
}
