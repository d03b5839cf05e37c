import { bitsOf, keyOf, type Node, operatorName, type Tensor } from '@pare/onnx'
import { unwritable } from '../sizes/resize.js'
import type { ResizeSite } from '../sizes/resizing.js'
import type { SizesRead } from '../sizes/sizes-read.js'
import { type Axis, pin } from './axis.js'

/** Pins the axes at nodes that could not be given their new sizes: what is offered can be cut. */
export function settle(nodes: readonly Node[], siteOf: (node: Node) => ResizeSite, { held }: SizesRead): void {
  for (const node of nodes)
    for (const axis of unwritable(siteOf(node))) pin(axis, `${named(node)} has sizes that are known only at run time`)
  for (const [node, axes] of held) for (const axis of axes) pin(axis, `${named(node)} computes with its size`)
}

/** Pins the axes of a tensor that cannot be sliced: text, and numbers of less than a byte that are no integers. */
export function settleConstant({ tensor, axes }: { readonly tensor: Tensor; readonly axes: readonly Axis[] }): void {
  if (bitsOf(tensor.type) >= 8 || /^u?int/.test(tensor.type)) return
  for (const axis of axes) pin(axis, `'${tensor.name}' holds ${tensor.type}, which is not sliced`)
}

/** An operator whose graphs are written out goes by the name it has in the file. */
const named = (node: Node) => `${operatorName(node).replace(/^pare\./, '')} '${node.name || keyOf(node)}'`
