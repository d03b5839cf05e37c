import { type Axis, atom, keepAtLeast, pin, productOf, sumOf, turnedOf } from '../axis.js'
import type { AxisSite } from '../site.js'

/** Some positions of an axis, in an order that is always the same. */
export interface AxisPick {
  readonly from: Axis
  readonly out: Axis
  /** For each position of `out` the one of `from`, counted from the front. */
  readonly positions: readonly number[]
  /** Whether they stand in a list, which a cut can write anew. A step of a Slice leaves only what it divides. */
  readonly isListed: boolean
}

/**
 * Ties both axes: where sums and products of axes can say the order, by these, which may be split further (stretches in another order, as a roll has them; every
 * k-th position; an axis of pairs turned round, as channels are shuffled; each position again and again), else by the list of positions: all of them once, or, where a
 * list states them and can be written anew, any of them, some perhaps again.
 */
export function tiePicked(site: AxisSite, picked: AxisPick): void {
  const { from, out, positions } = picked
  const says = `${site.node.op} '${site.name}'`
  const isWithin = positions.length === out.size && positions.every((at) => Number.isInteger(at) && at >= 0 && at < from.size)
  const tied =
    isWithin &&
    (tieCrossed(site, picked) ||
      tieEvery(site, picked) ||
      tieAgain(site, picked) ||
      tieStretches(site, picked) ||
      tieListed(site, picked))
  if (!tied) for (const axis of [from, out]) pin(axis, `${says} puts its positions in an order that pare does not follow`)
  site.free(from, out)
}

/** All of n = a × b positions, those of the inner factor outermost: 0, b, 2b, … 1, b + 1, … */
function tieCrossed(site: AxisSite, { from, out, positions }: AxisPick): boolean {
  const inner = (positions[1] ?? 0) - (positions[0] ?? 0)
  if (positions.length !== from.size || inner < 2 || from.size % inner !== 0) return false
  const outer = from.size / inner
  if (outer < 2 || positions.some((at, i) => at !== (i % outer) * inner + Math.floor(i / outer))) return false
  const [a, b] = [atom(outer), atom(inner)]
  site.tie(from, productOf([a, b]))
  site.tie(out, productOf([b, a]))
  return true
}

/** Every k-th position of the whole axis: those of one of k positions of the inner factor. */
function tieEvery(site: AxisSite, { from, out, positions }: AxisPick): boolean {
  const step = (positions[1] ?? 0) - (positions[0] ?? 0)
  if (step < 2 || from.size !== step * positions.length || positions.some((at, i) => at !== positions[0]! + i * step))
    return false
  site.tie(from, productOf([out, atom(step, `${site.node.op} '${site.name}' takes every ${step}th position of it`)]))
  return true
}

/** Each position of the axis several times, one after another or the whole axis again and again. */
function tieAgain(site: AxisSite, { from, out, positions }: AxisPick): boolean {
  const times = positions.length / from.size
  if (!Number.isInteger(times) || times < 2) return false
  const isInner = positions.every((at, i) => at === Math.floor(i / times))
  if (!isInner && positions.some((at, i) => at !== i % from.size)) return false
  const again = atom(times)
  site.role('repeat', again)
  site.tie(out, productOf(isInner ? [from, again] : [again, from]))
  return true
}

/** A few stretches, or many that are two positions and more on average; none of them twice. */
function tieStretches(site: AxisSite, { from, out, positions, isListed }: AxisPick): boolean {
  if (!isListed) return false
  const stretches = stretchesOf(positions)
  if (stretches.length > Math.max(FEW, positions.length / 2)) return false
  const inOrder = [...stretches].sort((a, b) => a.start - b.start)
  const parts: Axis[] = []
  let next = 0
  for (const { start, part } of inOrder) {
    if (start < next) return false
    parts.push(atom(start - next), part)
    next = start + part.size
  }
  site.tie(from, sumOf([...parts, atom(from.size - next)]))
  site.tie(out, sumOf(stretches.map(({ part }) => part)))
  return true
}

const FEW = 4

/** By the list itself. Where it leaves some out, so many stay that one of those that it takes does. */
function tieListed(site: AxisSite, { from, out, positions, isListed }: AxisPick): boolean {
  const isAll = positions.length === from.size && new Set(positions).size === positions.length
  if (!isAll && !isListed) return false
  const axis = turnedOf(from, Int32Array.from(positions))
  const { of, order } = axis.turned ?? {}
  const left = of === undefined ? 0 : of.size - new Set(order).size
  if (left > 0)
    keepAtLeast(of!, left + 1, `${site.node.op} '${site.name}' takes ${of!.size - left} of its positions, and one of them stays`)
  site.tie(out, axis)
  return true
}

function stretchesOf(positions: readonly number[]): { start: number; part: Axis }[] {
  const starts = [...positions.keys()].filter((i) => i === 0 || positions[i] !== positions[i - 1]! + 1)
  return starts.map((first, k) => ({
    start: positions[first]!,
    part: atom((starts[k + 1] ?? positions.length) - first),
  }))
}
