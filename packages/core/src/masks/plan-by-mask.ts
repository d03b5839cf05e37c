import { elementCount, PareError } from '@pare/onnx'
import type { MaskCriterion, Weight } from '../contract/contract.js'
import type { MaskedWeight, MaskStep, PlanOptions, PruneStep } from '../plan/plan.js'
import { maskedByBits } from './zeros.js'

export interface MaskByRequest {
  readonly step: PruneStep & { readonly criterion: MaskCriterion }
  readonly weights: readonly Weight[]
}

/** Masks weights as somebody else has decided. Weights that the mask does not name stay as they are. */
export async function planByMask(
  { step, weights }: MaskByRequest,
  { signal, onProgress }: Pick<PlanOptions, 'signal' | 'onProgress'>,
): Promise<MaskStep> {
  const { criterion, structure } = step
  const entries: MaskedWeight[] = []
  for (const [i, weight] of weights.entries()) {
    signal?.throwIfAborted()
    const bits = await criterion.zeros(weight)
    if (bits !== undefined) entries.push(await maskedByBits(weight, checked(bits, weight, criterion)))
    onProgress?.({ done: i + 1, total: weights.length })
  }
  const names = { structure: structure.name, criterion: criterion.name }
  // Where weights hold bits, neither a scope nor a saliency decides anything.
  return { kind: 'mask', ...names, scope: 'tensor', saliency: { op: 'weight' }, precision: 'f32', weights: entries }
}

function checked(bits: Uint8Array, { id, tensor }: Weight, { name }: MaskCriterion): Uint8Array {
  const elements = elementCount(tensor.shape)
  if (bits.length === Math.ceil(elements / 8)) return bits
  throw new PareError(
    `${name}: ${bits.length} bytes of bits for '${id}', which has ${elements} elements: ${Math.ceil(elements / 8)} were expected.`,
    { hint: 'one bit for each element, 1 where it becomes zero; noBits(elements) makes room for them.' },
  )
}
