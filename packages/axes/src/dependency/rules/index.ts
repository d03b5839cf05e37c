import { isRoutedInGroups } from '../../experts/routing.js'
import { type Axis, atom, factorsOf, keepAtLeast, productOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { each, fromFront, tieAll } from './broadcast.js'

/** Operators that look up, order or repeat positions along some axes, and let the others pass. */
export const index: readonly [string, AxisRule][] = [
  // How many positions they make, and which, is nobody's axis.
  ...each('Range EyeLike NonZero NonMaxSuppression Unique', () => {}),
  ['Compress', compress],
  ['Tile', tile],
  ...each('ArgMax ArgMin', arg),
  ['TopK', topK],
  ['CumSum', cumulate],
  ...each('Trilu com.microsoft.Trilu', (site) => {
    const rank = site.input(0)?.length ?? 0
    tieAll(site, site.input(0), site.output(0), (axis) => axis >= rank - 2)
  }),
  ['GatherElements', gatherElements],
  ...each('ScatterElements Scatter', scatterElements),
  ['GatherND', gatherNd],
  ['ScatterND', scatterNd],
  ['OneHot', oneHot],
  ['ReverseSequence', reverseSequence],
]

/** The whole axis again and again: repeats × axis. */
function tile(site: AxisSite): void {
  const [x, out, repeats] = [site.input(0), site.output(0), site.elements(1)]
  if (x === undefined || out === undefined || repeats?.length !== x.length) return
  for (const [i, count] of repeats.entries()) {
    if (count === 1) site.tie(x[i], out[i])
    else if (count !== undefined && out[i]!.size === count * x[i]!.size) {
      const again = atom(count)
      site.role('repeat', again)
      site.tie(out[i], productOf([again, x[i]!]))
      site.free(x[i])
    }
  }
  site.free(...(site.input(1) ?? []))
}

function arg(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined) return
  const over = fromFront(site.int('axis', 0), x.length)
  const rest = x.filter((_, i) => i !== over)
  const kept = site.int('keepdims', 1) === 1 ? out.filter((_, i) => i !== over) : out
  tieAll(site, rest, kept)
  if (site.node.op === 'ArgMax') choose(site, { over, k: 1, indices: 0 })
}

interface Choice {
  readonly over: number
  /** How many positions are chosen. */
  readonly k: number
  /** The output with their numbers. */
  readonly indices: number
}

/** Along what weights make, the numbers of a router may compete. */
function choose(site: AxisSite, { over, k, indices }: Choice): void {
  const along = site.input(0)![over]!
  site.role('chosen', along)
  if (!isRoutedInGroups(along)) return
  const says = `${site.node.op} '${site.name}'`
  site.route(0, over, `${says} works along it`)
  // All may be of one group.
  keepAtLeast(factorsOf(along).at(-1)!, k, `${says} chooses ${k} of its positions`)
  site.tellPositions(indices, along)
}

function topK(site: AxisSite): void {
  const x = site.input(0)
  if (x === undefined) return
  const over = fromFront(site.int('axis', -1), x.length)
  for (const output of [0, 1]) tieAll(site, x, site.output(output), (axis) => axis === over)
  site.free(...(site.input(1) ?? []))
  const k = site.input(1) === undefined ? site.int('k') : site.value(1)?.[0]
  if (k !== undefined && site.int('largest', 1) === 1) choose(site, { over, k, indices: 1 })
  else site.role('chosen', x[over])
}

/** Of one axis some positions; without an axis, some elements. */
function compress(site: AxisSite): void {
  const x = site.input(0)
  const axis = site.int('axis')
  if (x !== undefined && axis !== undefined) tieAll(site, x, site.output(0), (i) => i === fromFront(axis, x.length))
}

function cumulate(site: AxisSite): void {
  const [x, axis] = [site.input(0), site.value(1)?.[0]]
  if (x === undefined || axis === undefined) return
  tieAll(site, x, site.output(0), (i) => i === fromFront(axis, x.length))
  site.free(...(site.input(1) ?? []))
}

/** out[i, j] = data[indices[i, j], j]: the other axes pass where the indices reach along all of them. */
function gatherElements(site: AxisSite): void {
  const [data, indices, out] = [site.input(0), site.input(1), site.output(0)]
  if (data === undefined || indices?.length !== data.length || out === undefined) return
  const over = fromFront(site.int('axis', 0), data.length)
  for (const i of data.keys()) {
    if (i === over) {
      site.tie(indices[i], out[i])
      if (isOf(site.positions(1), data[i]!)) {
        site.readPositions(1)
        site.tie(data[i], site.positions(1))
      }
    } else if (data[i]!.size === indices[i]!.size) {
      site.tie(indices[i], out[i])
      site.tie(data[i], out[i])
    }
  }
}

/** Whether what was chosen along one axis can be found along another. */
const isOf = (positions: Axis | undefined, along: Axis): positions is Axis =>
  positions !== undefined && positions.size === along.size

/** out[indices[i, j], j] = updates[i, j] */
function scatterElements(site: AxisSite): void {
  const [data, indices, updates, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  if (data === undefined || indices?.length !== data.length || updates?.length !== data.length || out === undefined) return
  const over = fromFront(site.int('axis', 0), data.length)
  for (const i of data.keys()) {
    if (i === over || data[i]!.size !== indices[i]!.size) continue
    for (const axes of [data, indices, updates]) site.tie(axes[i], out[i])
  }
  const chosen = site.positions(1)
  if (!isOf(chosen, data[over]!)) return
  site.readPositions(1)
  for (const axis of [data[over], out[over]]) site.tie(axis, chosen)
  site.free(indices[over], updates[over])
  if (site.isZero(0)) site.vanish(0, chosen)
}

/** out[…] = data[indices[…]]: axes that the indices do not reach pass. */
function gatherNd(site: AxisSite): void {
  const [data, indices, out] = [site.input(0), site.input(1), site.output(0)]
  if (data === undefined || indices === undefined || out === undefined) return
  const lead = indices.length - 1
  const tail = out.length - lead
  const batch = site.int('batch_dims', 0)
  for (let i = 0; i < lead; i++) site.tie(indices[i], out[i])
  for (let i = 0; i < batch; i++) site.tie(data[i], out[i])
  for (let i = 1; i <= tail; i++) site.tie(data.at(-i), out.at(-i))
}

/** out[indices[…]] = updates[…]: axes that the indices do not reach pass. */
function scatterNd(site: AxisSite): void {
  const [data, indices, updates, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  if (data === undefined || indices === undefined || updates === undefined || out === undefined) return
  const tail = updates.length - (indices.length - 1)
  for (let i = 1; i <= tail; i++) {
    site.tie(data.at(-i), out.at(-i))
    site.tie(updates.at(-i), out.at(-i))
  }
}

/** The new axis is held, unless it is that of chosen experts; the others pass. */
function oneHot(site: AxisSite): void {
  const [indices, out] = [site.input(0), site.output(0)]
  if (indices === undefined || out === undefined) return
  const made = fromFront(site.int('axis', -1), out.length)
  tieAll(
    site,
    indices,
    out.filter((_, i) => i !== made),
  )
  const chosen = site.positions(0)
  if (!isOf(chosen, out[made]!) || site.value(1)?.length !== 1) return
  site.readPositions(0)
  site.tie(out[made], chosen)
  if (site.value(2)?.[0] === 0) site.vanish(0, chosen)
}

/** Which experts were chosen, compared with the number of one of them, or along the last axis with those of all. */
export function isChosen(site: AxisSite): void {
  const out = site.output(0) ?? []
  const which = [0, 1].find((input) => site.positions(input) !== undefined)
  if (which === undefined) return
  const [chosen, numbers] = [site.positions(which)!, site.value(1 - which)]
  if (numbers === undefined) return
  const isAll = numbers.length === chosen.size && numbers.every((number, i) => number === i) && out.at(-1)?.size === chosen.size
  if (numbers.length === 1) site.pick(chosen, numbers[0]!, 0)
  else if (isAll && site.input(which)!.at(-1)!.size === 1 && site.input(1 - which)!.at(-1)!.size === chosen.size) {
    site.tie(out.at(-1), chosen)
    site.vanish(0, chosen)
  } else return
  site.readPositions(which)
}

function reverseSequence(site: AxisSite): void {
  const [time, batch] = [site.int('time_axis', 0), site.int('batch_axis', 1)]
  tieAll(site, site.input(0), site.output(0), (axis) => axis === time || axis === batch)
}
