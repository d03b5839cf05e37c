import type { Model } from '@pare/onnx'
import { operatorName } from '@pare/onnx'
import { maskedBy, type PlanStep } from '../plan/plan.js'
import { weightsOf } from './analyse.js'

/** One weight and what became of it. */
export interface Layer {
  readonly name: string
  /** Operator that reads it first. */
  readonly op: string
  readonly shape: readonly number[]
  readonly elements: number
  readonly sparsity: { readonly before: number; readonly after: number }
}

/** The weights of a model that the steps masked, in the order of the graph, with their sparsity before the first and after the last step. */
export function layersOf(model: Model, steps: readonly PlanStep[]): Layer[] {
  const entries = maskedBy(steps)
  const first = new Map([...entries].reverse().map((entry) => [entry.id, entry]))
  const last = new Map(entries.map((entry) => [entry.id, entry]))
  return weightsOf(model).flatMap(({ id, tensor, uses }) => {
    const before = first.get(id)
    const after = last.get(id)
    if (before === undefined || after === undefined) return []
    // A step that cuts may stand between two that mask: each says how many elements it saw.
    const sparsity = { before: before.zeros / before.elements, after: after.masked / after.elements }
    return [{ name: id, op: operatorName(uses[0]!.node), shape: tensor.shape, elements: after.elements, sparsity }]
  })
}

/** Sparsity over all of these layers. 0 where there are none. */
export function sparsityOf(layers: readonly Layer[]): { before: number; after: number } {
  const elements = layers.reduce((total, layer) => total + layer.elements, 0)
  const zeros = (when: 'before' | 'after') =>
    layers.reduce((total, layer) => total + Math.round(layer.sparsity[when] * layer.elements), 0)
  return elements === 0 ? { before: 0, after: 0 } : { before: zeros('before') / elements, after: zeros('after') / elements }
}
