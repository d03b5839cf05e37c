import { keyOf, operatorName } from '@pare/onnx'
import type { Axis } from '../dependency/axis.js'
import type { ConstantAxes } from '../dependency/constant-axes.js'
import type { Dependencies } from '../dependency/dependencies.js'
import type { QuantisedTensor } from './quantised-tensors.js'

/** Axes of the elements of a quantised tensor: [out, in] of the weight of MatMulNBits, which stores [out, blocks, bytes]. None where they are not known. */
export function elementAxes(
  { axes, readers }: ConstantAxes,
  { stored, values: { shape } }: QuantisedTensor,
  { axesAt, values: valuesOf }: Pick<Dependencies, 'axesAt' | 'values'>,
): readonly Axis[] {
  if (stored.shape.length === shape.length && stored.shape.every((size, i) => size === shape[i])) return axes
  const table = readers.find(({ node }) => operatorName(node) === 'com.microsoft.GatherBlockQuantized')?.node
  const width = table && valuesOf.get(keyOf(table))?.at(-1)
  if (width !== undefined) return width.size === shape[1] ? [axes[0]!, width] : []
  // Experts are packed along their last axis.
  if (readers.some(({ node }) => operatorName(node) === 'com.microsoft.QMoE'))
    return shape.slice(0, -1).every((size, i) => size === axes[i]?.size) ? axes.slice(0, -1) : []
  const reader = readers.find(({ node }) => operatorName(node) === 'com.microsoft.MatMulNBits')?.node
  const input = reader && axesAt(keyOf(reader), 0)?.at(-1)
  return input?.size === shape[1] ? [axes[0]!, input!] : []
}
