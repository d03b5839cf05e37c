import { keyOf, type Node, operatorName } from '@pare/onnx'
import type { Obstacle } from '../units.js'
import type { Axis } from './axis.js'

/** Axes of what a node reads and makes, as far as they are known. */
interface AxesAround {
  readonly operands: readonly { readonly axes: readonly Axis[] | undefined }[]
  readonly outputs: readonly (readonly Axis[] | undefined)[]
}

/** Only where the trouble begins: what follows from a value that is not known is not known either. */
export function noteObstacle(
  node: Node,
  { operands, outputs, isKnown }: AxesAround & { readonly isKnown: boolean },
  obstacles: Obstacle[],
): void {
  const id = `${node.op} '${node.name || node.outputs[0]}'`
  const nested = [...node.attributes.values()].some(({ kind }) => kind === 'graph' || kind === 'graphs')
  if (nested) obstacles.push({ id, reason: 'it holds a graph of its own, and pare does not cut across its border' })
  else if (!isKnown)
    obstacles.push({
      id,
      reason: `pare does not know what operator ${operatorName(node)} does to the axes of its inputs${cureOf(node)}`,
    })
  else if (operands.every(({ axes }, i) => axes !== undefined || node.inputs[i] === '')) {
    const unknown = node.outputs.find((name, i) => name !== '' && outputs[i] === undefined)
    if (unknown !== undefined)
      obstacles.push({
        id,
        reason: `the shape of its output '${unknown}' does not follow from the model: the sizes it takes are computed in a way that pare does not follow; exporting with constant folding may help`,
      })
  }
}

/** What helps where ONNX Runtime has written a layout of its own into the model. Empty: nothing that could be said. */
export function cureOf({ domain, op }: Node): string {
  const isOfRuntime = domain === 'com.microsoft.nchwc' || (domain === 'com.microsoft' && /^Nhwc/.test(op))
  return isOfRuntime
    ? ": ONNX Runtime has rearranged the model for one machine. Prune the model it was made from, or have it saved with 'extended' optimisations at most"
    : ''
}

/** Why nothing is known of the axes at a node where the shape of a value is missing. */
export function unknownShape(node: Node, { operands, outputs }: AxesAround): string {
  const unknown = [
    ...node.inputs.filter((name, i) => name !== '' && operands[i]!.axes === undefined),
    ...node.outputs.filter((name, i) => name !== '' && outputs[i] === undefined),
  ]
  return `the shape of '${unknown[0]}' at ${node.op} '${node.name || keyOf(node)}' does not follow from the model`
}
