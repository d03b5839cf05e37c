import type { Model, ValueInfo } from '@pare/onnx'
import { type Axis, atomsOf, pin } from './axis.js'

/**
 * Holds the axes of a model's inputs and outputs: whoever runs it counts on them. Heads of a cache are not held: made by a weight, multiplied apart,
 * they come in as the past and go out as the present, so that what the model gives fits what it takes.
 */
export function holdEdges({ graph }: Model, values: ReadonlyMap<string, readonly Axis[]>): void {
  const constants = new Set(graph.initializers.map(({ name }) => name))
  const inputs = atomsAt(
    graph.inputs.filter(({ name }) => !constants.has(name)),
    values,
  )
  const outputs = atomsAt(graph.outputs, values)
  const isCached = (atom: Axis) =>
    inputs.has(atom) && outputs.has(atom) && atom.roles.has('batch') && atom.roles.has('matmul-out') && !atom.roles.has('norm')
  for (const [atom, name] of inputs) if (!isCached(atom)) pin(atom, `it is an axis of the input '${name}'`)
  for (const [atom, name] of outputs) if (!isCached(atom)) pin(atom, `it is an axis of the output '${name}'`)
}

/** Each atom with the first value that has it. */
function atomsAt(infos: readonly ValueInfo[], values: ReadonlyMap<string, readonly Axis[]>): Map<Axis, string> {
  const atoms = new Map<Axis, string>()
  for (const { name } of infos) {
    for (const axis of values.get(name) ?? []) for (const atom of atomsOf(axis)) if (!atoms.has(atom)) atoms.set(atom, name)
  }
  return atoms
}
