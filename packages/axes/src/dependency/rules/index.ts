import { atom, productOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { each, fromFront, tieAll } from './broadcast.js'

/** Operators that look up, order or repeat positions along some axes, and let the others pass. */
export const index: readonly [string, AxisRule][] = [
  // How many positions they make, and which, is nobody's axis.
  ...each('Range EyeLike NonZero', () => {}),
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
      const again = site.isFixed(0, i) ? atom(count) : atom(count, `Tile '${site.name}' repeats as often as it is told`)
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
}

function topK(site: AxisSite): void {
  const x = site.input(0)
  if (x === undefined) return
  const over = fromFront(site.int('axis', -1), x.length)
  for (const output of [0, 1]) tieAll(site, x, site.output(output), (axis) => axis === over)
  site.role('chosen', x[over])
  site.free(...(site.input(1) ?? []))
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
    if (i === over) site.tie(indices[i], out[i])
    else if (data[i]!.size === indices[i]!.size) {
      site.tie(indices[i], out[i])
      site.tie(data[i], out[i])
    }
  }
}

/** out[indices[i, j], j] = updates[i, j] */
function scatterElements(site: AxisSite): void {
  const [data, indices, updates, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  if (data === undefined || indices?.length !== data.length || updates?.length !== data.length || out === undefined) return
  const over = fromFront(site.int('axis', 0), data.length)
  for (const i of data.keys()) {
    if (i === over || data[i]!.size !== indices[i]!.size) continue
    for (const axes of [data, indices, updates]) site.tie(axes[i], out[i])
  }
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

/** The new axis is held, the others pass. */
function oneHot(site: AxisSite): void {
  const [indices, out] = [site.input(0), site.output(0)]
  if (indices === undefined || out === undefined) return
  const made = fromFront(site.int('axis', -1), out.length)
  tieAll(
    site,
    indices,
    out.filter((_, i) => i !== made),
  )
}

function reverseSequence(site: AxisSite): void {
  const [time, batch] = [site.int('time_axis', 0), site.int('batch_axis', 1)]
  tieAll(site, site.input(0), site.output(0), (axis) => axis === time || axis === batch)
}
