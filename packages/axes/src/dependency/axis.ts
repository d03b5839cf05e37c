import { PareError } from '@pare/onnx'
import type { Role } from '../units.js'

/**
 * A dimension of a tensor, as far as it is known: one atom, or what an atom turned out to be made of. Several dimensions that must keep the same
 * positions are one axis: `unify` makes them so. Reshape splits an axis into a product, Concat and Split into a sum; both split every
 * dimension that is tied to it, wherever it occurs. What neither can say is positions of another one in an order of their own.
 */
export interface Axis {
  readonly size: number
  /** Set where this axis turned out to be another one. */
  same?: Axis
  /** Set where it is several axes, one after another. */
  sum?: readonly Axis[]
  /** Set where it is several axes, the outermost first: position = (i₀ · n₁ + i₁) · n₂ + … */
  product?: readonly Axis[]
  /** Set where it is positions of another axis in an order of its own, some of them perhaps again or not at all: its position i is `order[i]` of that. */
  readonly turned?: { readonly of: Axis; readonly order: Int32Array }
  /** Why nothing may be removed from it. */
  pin?: string
  /** How many positions stay at least, and why. */
  least?: { readonly count: number; readonly reason: string }
  /** What happens along it, from operators that treat its positions in a way of their own. */
  readonly roles: Set<Role>
}

export function atom(size: number, pin?: string): Axis {
  if (!(Number.isSafeInteger(size) && size >= 0)) {
    throw new PareError(`an axis is divided so that ${size} positions are left, expected a whole number from 0 on.`, {
      hint: 'counts in its attributes, such as group and num_heads, must be whole, above 0, and divide the axis: export the model again.',
    })
  }
  return pin === undefined ? { size, roles: new Set() } : { size, roles: new Set(), pin }
}

/** The axis that `axis` has become. */
export function rootOf(axis: Axis): Axis {
  let root = axis
  while (root.same !== undefined) root = root.same
  // Shorten the way for the next time.
  for (let at = axis; at !== root; ) {
    const next = at.same!
    at.same = root
    at = next
  }
  return root
}

export function sumOf(parts: readonly Axis[]): Axis {
  const some = parts.filter(({ size }) => size > 0)
  if (some.length < 2) return some[0] ?? parts[0] ?? atom(0)
  return { size: parts.reduce((total, { size }) => total + size, 0), sum: some, roles: new Set() }
}

export function productOf(factors: readonly Axis[]): Axis {
  const some = factors.filter(({ size }) => size !== 1)
  if (some.length < 2) return some[0] ?? factors[0] ?? atom(1)
  return { size: factors.reduce((total, { size }) => total * size, 1), product: some, roles: new Set() }
}

/** Positions of an axis, in this order. */
export function turnedOf(axis: Axis, order: Int32Array): Axis {
  const straight = straightened(axis)
  const places = order.map((at) => straight.order[at]!)
  if (places.length === straight.of.size && places.every((at, i) => at === i)) return straight.of
  return { size: order.length, turned: { of: straight.of, order: places }, roles: new Set() }
}

/** Whether positions in an order of their own are all of the axis, each once. */
export function isWhole({ of, order }: NonNullable<Axis['turned']>): boolean {
  return order.length === of.size && new Set(order).size === order.length
}

/** An axis that is in no order of its own, and in which order the given one has its positions. */
function straightened(axis: Axis): NonNullable<Axis['turned']> {
  const root = rootOf(axis)
  if (root.turned === undefined) return { of: root, order: Int32Array.from({ length: root.size }, (_, i) => i) }
  const { of, order } = straightened(root.turned.of)
  return { of, order: root.turned.order.map((at) => order[at]!) }
}

/** The axes that an axis was made of. Undefined: none, it is an atom. */
function madeOf(axis: Axis): readonly Axis[] | undefined {
  const { sum, product, turned } = rootOf(axis)
  return sum ?? product ?? (turned && [turned.of])
}

/** The atoms that an axis is made of, each once. */
export function atomsOf(axis: Axis, atoms = new Set<Axis>()): Set<Axis> {
  const parts = madeOf(axis)
  if (parts === undefined) atoms.add(rootOf(axis))
  else for (const part of parts) atomsOf(part, atoms)
  return atoms
}

/** Forbids removing anything from an axis. The first reason is kept. */
export function pin(axis: Axis, reason: string): void {
  const root = rootOf(axis)
  if (isAtom(root)) root.pin ??= reason
  else for (const each of atomsOf(root)) each.pin ??= reason
}

/** Forbids removing so much of an axis that fewer positions are left. Of an axis that is made of several, nothing may be removed. */
export function keepAtLeast(axis: Axis, count: number, reason: string): void {
  const root = rootOf(axis)
  if (!isAtom(root) || root.size <= count) return pin(root, reason)
  if (root.least === undefined || root.least.count < count) root.least = { count, reason }
}

export function addRole(axis: Axis, role: Role): void {
  const root = rootOf(axis)
  if (isAtom(root)) root.roles.add(role)
  else for (const each of atomsOf(root)) each.roles.add(role)
}

/** Makes two axes of equal size one. What does not fit together is pinned, with `reason`. */
export function unify(a: Axis, b: Axis, reason: string): void {
  const [x, y] = [rootOf(a), rootOf(b)]
  if (x === y) return
  if (x.size !== y.size) return conflict(x, y, `${reason}: sizes ${x.size} and ${y.size} differ`)
  if (x.turned !== undefined || y.turned !== undefined) return unifyTurned(x, y, reason)
  if (isAtom(x)) return become(x, y)
  if (isAtom(y)) return become(y, x)
  if (x.product !== undefined && y.product !== undefined) return unifyProducts(x, y, reason)
  unifySums(x, y, reason)
}

/** Whether nothing has split an axis. */
export const isAtom = (axis: Axis): boolean => madeOf(axis) === undefined

/** Of what the two are orders of, an atom of which all positions are there becomes the other in the order that follows. */
function unifyTurned(x: Axis, y: Axis, reason: string): void {
  const [one, two] = [straightened(x), straightened(y)]
  if (one.of === two.of && one.order.every((at, i) => at === two.order[i])) return
  for (const [own, from, other] of [
    [one, two, y],
    [two, one, x],
  ] as const) {
    if (!isAtom(own.of) || !isWhole(own) || atomsOf(from.of).has(own.of)) continue
    const places = new Int32Array(own.order.length)
    for (const [i, at] of own.order.entries()) places[at] = i
    return become(own.of, turnedOf(other, places))
  }
  conflict(x, y, `${reason}: the same positions in two orders`)
}

function become(x: Axis, y: Axis): void {
  if (x.pin !== undefined) pin(y, x.pin)
  if (x.least !== undefined) keepAtLeast(y, x.least.count, x.least.reason)
  for (const role of x.roles) addRole(y, role)
  x.same = y
}

function conflict(x: Axis, y: Axis, reason: string): void {
  pin(x, reason)
  pin(y, reason)
}

/** Innermost factors first; the longer of two is split. */
function unifyProducts(x: Axis, y: Axis, reason: string): void {
  const [xs, ys] = [factorsOf(x), factorsOf(y)]
  while (xs.length > 0 && ys.length > 0) {
    const [p, q] = [xs.pop()!, ys.pop()!]
    if (p.size === q.size) {
      unify(p, q, reason)
      continue
    }
    const [long, short, rest] = p.size > q.size ? ([p, q, xs] as const) : ([q, p, ys] as const)
    const split = factor(long, short.size)
    if (split === undefined)
      return conflict(x, y, `${reason}: ${long.size} positions cannot be seen as ${long.size / short.size} × ${short.size}`)
    unify(split.inner, short, reason)
    rest.push(split.outer)
  }
  if (rootOf(x) !== rootOf(y)) rootOf(x).same = rootOf(y)
}

/** Splits an atom into outer × inner. Undefined where that does not come out, or the axis is a sum. */
export function factor(axis: Axis, inner: number): { outer: Axis; inner: Axis } | undefined {
  const root = rootOf(axis)
  if (!isAtom(root) || !(inner > 0) || root.size % inner !== 0) return undefined
  const held = root.pin ?? root.least?.reason
  const parts = [atom(root.size / inner, held), atom(inner, held)] as const
  for (const part of parts) for (const role of root.roles) part.roles.add(role)
  root.product = parts
  return { outer: parts[0], inner: parts[1] }
}

/** All factors, the outermost first, of factors that are products themselves too. */
export function factorsOf(axis: Axis): Axis[] {
  const root = rootOf(axis)
  return root.product === undefined ? [root] : root.product.flatMap(factorsOf)
}

/** All parts, in order, of parts that are sums themselves too; a product whose outermost factor is a sum is a sum of products. */
export function partsOf(axis: Axis): Axis[] {
  const root = rootOf(axis)
  if (root.sum !== undefined) return root.sum.flatMap(partsOf)
  if (root.product === undefined) return [root]
  const [outer, ...inner] = factorsOf(root)
  const outers = partsOf(outer!)
  return outers.length === 1 ? [root] : outers.map((part) => productOf([part, ...inner]))
}

/** Walks along both, splitting the longer part wherever the shorter one ends. */
function unifySums(x: Axis, y: Axis, reason: string): void {
  const [xs, ys] = [partsOf(x).reverse(), partsOf(y).reverse()]
  while (xs.length > 0 && ys.length > 0) {
    const [p, q] = [xs.pop()!, ys.pop()!]
    if (p.size === q.size) {
      unify(p, q, reason)
      continue
    }
    const [long, short, rest] = p.size > q.size ? ([p, q, xs] as const) : ([q, p, ys] as const)
    const split = cutAt(long, short.size)
    if (split === undefined) return conflict(x, y, `${reason}: ${long.size} positions cannot be cut at ${short.size}`)
    unify(split[0], short, reason)
    rest.push(split[1])
  }
  const [from, to] = [rootOf(x), rootOf(y)]
  if (from !== to) from.same = to
}

/** Cuts an axis that is no sum in two: an atom anywhere, a product between positions of its outermost factor. */
function cutAt(axis: Axis, at: number): [Axis, Axis] | undefined {
  const root = rootOf(axis)
  const [outer, ...inner] = factorsOf(root)
  const width = inner.reduce((total, { size }) => total * size, 1)
  if (at % width !== 0 || !isAtom(outer!)) return undefined
  const held = outer!.pin ?? outer!.least?.reason
  const parts = [atom(at / width, held), atom(outer!.size - at / width, held)] as const
  for (const part of parts) for (const role of outer!.roles) part.roles.add(role)
  outer!.sum = parts
  return [productOf([parts[0], ...inner]), productOf([parts[1], ...inner])]
}

/** For each position of the axis the unit of `target`, an atom, that it belongs to, or −1. */
export function unitsAlong(axis: Axis, target: Axis): Int32Array {
  const root = rootOf(axis)
  if (root === target) return new Int32Array(root.size).map((_, i) => i)
  if (root.sum !== undefined) {
    const units = new Int32Array(root.size)
    let start = 0
    for (const part of root.sum) {
      units.set(unitsAlong(part, target), start)
      start += part.size
    }
    return units
  }
  if (root.turned !== undefined) {
    const units = unitsAlong(root.turned.of, target)
    return root.turned.order.map((at) => units[at]!)
  }
  if (root.product === undefined) return new Int32Array(root.size).fill(-1)
  return root.product
    .map((part) => unitsAlong(part, target))
    .reduce((outer, inner) =>
      Int32Array.from({ length: outer.length * inner.length }, (_, i) =>
        Math.max(outer[Math.floor(i / inner.length)]!, inner[i % inner.length]!),
      ),
    )
}
