import { isConstant } from './match.js'
import type { LayerRepair, Measurements, Renewal } from './treatment.js'
import { readFloats, updatedVector } from './updates.js'

/** Mean and population variance of a normalisation's input, as the pruned model has it. The variance of a channel that is constant stays. */
export async function renewNormalization(
  { of, input }: Renewal,
  measurements: Measurements,
  { readers }: { readonly readers: ReadonlyMap<string, number> },
): Promise<LayerRepair> {
  const moments = measurements.moments(input)
  const before = await readFloats(of.variance.constant)
  const variance = before.map((value, c) => (isConstant(moments, c) ? value : moments.variance[c]!))
  const { type } = of.mean.constant.tensor
  const tensors = [
    await updatedVector(of.mean, moments.mean, { type, readers }),
    await updatedVector(of.variance, variance, { type, readers }),
  ]
  return { how: 'normalization', tensors, notes: [] }
}
