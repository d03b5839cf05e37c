import { type Axis, atom, keepAtLeast, productOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { tieAll } from './broadcast.js'

/** Mixtures of experts in one node. */
export const experts: readonly [string, AxisRule][] = [['com.microsoft.MoE', mixture]]

/**
 * X f32[…, width] and router logits f32[tokens, experts], of which each token takes the k highest; their Softmax is taken inside. Weights
 * f32[experts, units, width], f32[experts, width, units] and, where a gate has its own, f32[experts, units, width]; biases f32[experts, units or width].
 */
function mixture(site: AxisSite): void {
  const [first, second] = [site.input(2), site.input(4)]
  if (first?.length !== 3 || second?.length !== 3) return
  const ends = tieExperts(site, [first, site.input(3), second, site.input(5), site.input(6), site.input(7)])
  if (ends !== undefined) tieUnits(site, { width: ends.x.at(-1)!, out: ends.out.at(-1)!, first, second })
}

/**
 * The experts of the router (input 1) and of `operands`, which have them along their first axis, go together, as many as are chosen stay. Gives the axes of input and output.
 * Undefined, with nothing tied, where they do not fit.
 */
export function tieExperts(
  site: AxisSite,
  operands: readonly (readonly Axis[] | undefined)[],
): { readonly x: readonly Axis[]; readonly out: readonly Axis[] } | undefined {
  const [x, router, out] = [site.input(0), site.input(1), site.output(0)]
  if (x === undefined || router?.length !== 2 || out === undefined) return undefined
  const [count, k] = [router[1]!, site.int('k', 1)]
  if (operands.some((axes) => axes !== undefined && axes[0]!.size !== count.size)) return undefined
  tieAll(site, x, out, (axis) => axis === x.length - 1)
  for (const axes of operands) site.tie(axes?.[0], count)
  site.compete(1, 1)
  site.role('expert', count)
  keepAtLeast(count, k, `${site.node.op} '${site.name}' chooses ${k} of its positions`)
  return { x, out }
}

interface Within {
  readonly width: Axis
  readonly out: Axis
  readonly first: readonly Axis[]
  readonly second: readonly Axis[]
}

/** The width, and the hidden units of all experts alike. In weights of an older order, [experts, in, out], both are held. */
function tieUnits(site: AxisSite, { width, out, first, second }: Within): void {
  const units = second[2]!
  const third = site.input(6)
  const each = first[1]!.size / units.size
  if (first[2]!.size !== width.size || second[1]!.size !== width.size || out.size !== width.size) return
  const gated = gatedUnits(site, units, each)
  if (gated === undefined || (third !== undefined && (third[1]!.size !== units.size || third[2]!.size !== width.size))) return
  for (const axis of [first[2], second[1], third?.[2], site.input(5)?.[1], out]) site.tie(axis, width)
  site.tie(first[1], gated)
  site.tie(site.input(3)?.[1], gated)
  site.tie(third?.[1], units)
  site.tie(site.input(7)?.[1], units)
  // What is 0 along a weight is not there. The input stays as it is: ONNX Runtime 1.30 computes wrongly where it may write the output over it.
  for (const input of third === undefined ? [2, 4] : [2, 4, 6]) site.contract(input, 2)
  site.role('matmul-in', width, units)
  site.role('matmul-out', out, units)
}

/** Rows of the first weight: units, or for SwiGLU in one weight pairs of gate and unit (1), or all gates before all units (2). Undefined: not known. */
function gatedUnits(site: AxisSite, units: Axis, each: number): Axis | undefined {
  if (each === 1) return units
  if (each !== 2 || site.string('activation_type') !== 'swiglu') return undefined
  const pair = atom(2, `${site.node.op} '${site.name}' multiplies gates and units`)
  switch (site.int('swiglu_fusion', 0)) {
    case 1:
      return productOf([units, pair])
    case 2:
      return productOf([pair, units])
    default:
      return undefined
  }
}
