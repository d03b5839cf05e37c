import { editNode, editTensor, keyOf, type Node, type Tensor } from '@pare/onnx'
import type { Axis } from '../dependency/axis.js'
import type { ConstantAxes } from '../dependency/constant-axes.js'
import { slicedPayload } from './sliced.js'

/** Slices by id, slices under new names for readers that need others, and what those readers read: by output of the node, input and name. */
export interface Slices {
  readonly own: ReadonlyMap<string, Tensor>
  readonly shared: readonly Tensor[]
  readonly inputs: ReadonlyMap<string, ReadonlyMap<number, string>>
}

/** The positions of an axis that its constants have afterwards, in their new order. */
export type PositionsOf = (axis: Axis) => Int32Array

export function sliceConstants(constants: readonly ConstantAxes[], positionsOf: PositionsOf): Slices {
  const own = new Map<string, Tensor>()
  const shared: Tensor[] = []
  const inputs = new Map<string, Map<number, string>>()
  for (const same of groupBy(constants, ({ id }) => id).values()) {
    const variants = groupBy(same, ({ axes }) => axes.map((axis) => positionsOf(axis).join()).join(';'))
    for (const [i, readers] of [...variants.values()].entries()) {
      const slice = sliceOf(readers[0]!, positionsOf)
      if (i === 0) {
        if (slice !== undefined) own.set(readers[0]!.id, slice)
        continue
      }
      const name = `${readers[0]!.id}/slice${i}`
      shared.push(editTensor(slice ?? readers[0]!.tensor, { name }))
      for (const { node, input } of readers.flatMap((each) => each.readers)) {
        const key = keyOf(node)
        inputs.set(key, (inputs.get(key) ?? new Map<number, string>()).set(input, name))
      }
    }
  }
  return { own, shared, inputs }
}

function sliceOf({ tensor, axes }: ConstantAxes, positionsOf: PositionsOf): Tensor | undefined {
  const kept = axes.map(positionsOf)
  if (kept.every((positions, i) => positions.length === axes[i]!.size && positions.every((position, at) => position === at)))
    return undefined
  return editTensor(tensor, { shape: kept.map(({ length }) => length), data: slicedPayload(tensor, kept) })
}

/** The node, reading the slices made for it. */
export function rename(node: Node, inputs: Slices['inputs']): Node {
  const renamed = inputs.get(keyOf(node))
  return renamed === undefined ? node : editNode(node, { inputs: node.inputs.map((name, i) => renamed.get(i) ?? name) })
}

function groupBy<T>(items: readonly T[], by: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = by(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
