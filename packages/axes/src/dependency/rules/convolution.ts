import { type Axis, atom, productOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { tieBroadcast } from './broadcast.js'

const conv = convolution({ x: 0, w: 1, bias: 2 })

/** Operators that slide windows with weights over images. */
export const convolutions: readonly [string, AxisRule][] = [
  ['Conv', conv],
  ['com.microsoft.FusedConv', fusedConv],
  ['ConvTranspose', convTranspose],
]

interface Convolution {
  readonly x: number
  readonly w: number
  /** Default: none */
  readonly bias?: number
  /** Where x holds codes: the input with their zero point. */
  readonly zero?: number
  /** Inputs that may hold a number for each output channel. */
  readonly perOutput?: readonly number[]
}

/** X [n, in, …] with W [out, in ÷ group, …]: channels are group × (in ÷ group) and group × (out ÷ group). */
export function convolution({ x: from, w: weight, bias: added = -1, zero, perOutput = [] }: Convolution): AxisRule {
  return (site) => {
    const [x, w, bias, out] = [site.input(from), site.input(weight), site.input(added), site.output(0)]
    if (x === undefined || w === undefined || out === undefined) return
    const count = site.int('group', 1)
    site.tie(x[0], out[0])
    site.tie(w[0], out[1])
    for (const vector of [bias, ...perOutput.map((input) => site.input(input))])
      if (vector !== undefined && (vector === bias || vector[0]?.size === out[1]!.size)) site.tie(vector[0], out[1])
    if (count === 1) site.tie(x[1], w[1])
    else tieGroups(site, count, { outer: [w[0]!, 'rest'], inner: [x[1]!, w[1]!] })
    if (w[1]!.size > 1 || count === 1) site.contract(from, 1, zero)
    site.role('conv-in', w[1])
    site.role('conv-out', w[0])
  }
}

/** Conv(x, w) + z, then an elementwise activation. */
function fusedConv(site: AxisSite): void {
  conv(site)
  const [z, out] = [site.input(3), site.output(0)]
  if (z !== undefined && out !== undefined) tieBroadcast(site, z, out)
}

/** W [in, out ÷ group, …] */
function convTranspose(site: AxisSite): void {
  const [x, w, bias, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  if (x === undefined || w === undefined || out === undefined) return
  const count = site.int('group', 1)
  site.tie(x[0], out[0])
  site.tie(x[1], w[0])
  site.tie(bias?.[0], out[1])
  if (count === 1) site.tie(w[1], out[1])
  else tieGroups(site, count, { outer: [x[1]!, 'rest'], inner: [out[1]!, w[1]!] })
  site.contract(0, 1)
  site.role('conv-in', w[0])
  site.role('conv-out', out[1])
}

/** One axis is group × whatever is left of it, the other group × `each`. */
function tieGroups(
  site: AxisSite,
  count: number,
  { outer, inner }: { outer: [Axis, 'rest']; inner: [whole: Axis, each: Axis] },
): void {
  const group = atom(count)
  const rest = atom(outer[0].size / count)
  site.tie(outer[0], productOf([group, rest]))
  const [whole, part] = inner
  site.tie(whole, productOf([group, part]))
  site.free(part)
  site.role('group', group)
}
