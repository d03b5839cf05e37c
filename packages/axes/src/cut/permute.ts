import { editGraph, editModel, type Model, withTensors } from '@pare/onnx'
import { type Axis, atomsOf, isWhole, rootOf } from '../dependency/axis.js'
import type { Dependencies } from '../dependency/dependencies.js'
import { flattened } from '../nested/flatten.js'
import { rename, sliceConstants } from './slice-constants.js'

/** New orders, by atom: unit order[i] comes to place i. */
export type Orders = ReadonlyMap<Axis, Int32Array>

/** The model with units in another order: every constant re-arranged along its axes, read piece by piece when asked for. Computes the same. */
export function permute(whole: Model, { constants }: Dependencies, orders: Orders): Model {
  const { model, nest } = flattened(whole)
  const { own, shared, inputs } = sliceConstants(constants, (axis) => orderAlong(axis, orders))
  const arranged = withTensors(model, (tensor, id) => own.get(id) ?? tensor)
  const { graph } = arranged
  return nest(
    editModel(arranged, {
      graph: editGraph(graph, {
        nodes: graph.nodes.map((node) => rename(node, inputs)),
        initializers: [...graph.initializers, ...shared],
      }),
    }),
  )
}

/** The positions of an axis in their new order. */
export function orderAlong(axis: Axis, orders: Orders): Int32Array {
  const root = rootOf(axis)
  if (root.turned !== undefined) return turnedAlong(root.turned, orders)
  const parts = (root.sum ?? root.product)?.map((part) => orderAlong(part, orders))
  if (parts === undefined) return orders.get(root) ?? Int32Array.from({ length: root.size }, (_, i) => i)
  return root.sum === undefined ? parts.reduce(crossed) : joined(parts)
}

/** What takes the positions in their order still takes the same places, where other units are now: those come to the place from which they were taken. */
function turnedAlong({ of, order }: NonNullable<Axis['turned']>, orders: Orders): Int32Array {
  const along = orderAlong(of, orders)
  const places = new Int32Array(order.length)
  for (const [i, at] of order.entries()) places[at] = i
  return order.map((at) => places[along[at]!]!)
}

/** Why the units of an atom may not change places, if so: what a model takes in and gives out keeps its order. */
export function heldInPlace(model: Model, dependencies: Dependencies): (atom: Axis) => string | undefined {
  const listed = new Set<Axis>()
  for (const axes of dependencies.values.values()) for (const axis of axes) for (const atom of listedIn(axis)) listed.add(atom)
  const edges = new Set<Axis>()
  for (const { name } of [...model.graph.inputs, ...model.graph.outputs])
    for (const axis of dependencies.values.get(name) ?? []) for (const atom of atomsOf(axis)) edges.add(atom)
  return (atom) =>
    atom.pin ??
    (dependencies.isPlaced(atom) ? 'the graph tells its units apart by their numbers' : undefined) ??
    (listed.has(atom) ? 'a Gather takes its units by their places, some of them again or not at all' : undefined) ??
    (edges.has(atom) ? 'it is an axis of an input or output of the model' : undefined)
}

/** Atoms of which an axis has some positions by a list, or some of them again. */
function listedIn(axis: Axis): Iterable<Axis> {
  const { sum, product, turned } = rootOf(axis)
  if (turned !== undefined && !isWhole(turned)) return atomsOf(turned.of)
  return (sum ?? product ?? (turned === undefined ? [] : [turned.of])).flatMap((part) => [...listedIn(part)])
}

function joined(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((total, { length }) => total + length, 0))
  let start = 0
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) all[start + i] = start + part[i]!
    start += part.length
  }
  return all
}

function crossed(outer: Int32Array, inner: Int32Array): Int32Array {
  return new Int32Array(outer.length * inner.length).map((_, i) => {
    const n = inner.length
    return outer[Math.floor(i / n)]! * n + inner[i % n]!
  })
}
