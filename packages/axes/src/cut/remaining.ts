import { type Axis, rootOf } from '../dependency/axis.js'

/** Units that go, by atom: 1 for each unit that is removed. */
export type Removals = ReadonlyMap<Axis, Uint8Array>

/** Which positions of an axis stay: 1 for each. */
export function keptMask(axis: Axis, removals: Removals): Uint8Array {
  const root = rootOf(axis)
  if (root.sum !== undefined) return joined(root.sum.map((part) => keptMask(part, removals)))
  if (root.product !== undefined) return root.product.map((part) => keptMask(part, removals)).reduce(crossed)
  if (root.turned !== undefined) {
    const mask = keptMask(root.turned.of, removals)
    return Uint8Array.from(root.turned.order, (at) => mask[at]!)
  }
  const removed = removals.get(root)
  return removed === undefined ? new Uint8Array(root.size).fill(1) : removed.map((gone) => 1 - gone)
}

/** The positions that stay, in order. */
export function keptPositions(axis: Axis, removals: Removals): Int32Array {
  const mask = keptMask(axis, removals)
  return Int32Array.from([...mask.keys()].filter((i) => mask[i] === 1))
}

/** Whether any of these axes loses positions. */
export function changes(axes: readonly Axis[], removals: Removals): boolean {
  return axes.some((axis) => sizeAfter(axis, removals) !== axis.size)
}

/** How many positions stay. */
export function sizeAfter(axis: Axis, removals: Removals): number {
  return keptMask(axis, removals).reduce((total, kept) => total + kept, 0)
}

function joined(masks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(masks.reduce((total, { length }) => total + length, 0))
  let at = 0
  for (const mask of masks) {
    all.set(mask, at)
    at += mask.length
  }
  return all
}

function crossed(outer: Uint8Array, inner: Uint8Array): Uint8Array {
  return joined([...outer].map((kept) => (kept === 1 ? inner : new Uint8Array(inner.length))))
}
