import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule } from '../site/site.js'

/** Gradients go back to the rows they came from, and add up where a row was taken several times. */
const gather: GradientRule = (site) => {
  const [x, indices] = [site.input(0), site.input(1)]
  const axis = site.axis(x, site.int('axis', 0))
  const rank = site.rank(indices)
  const size = site.size(x, axis)
  const constant = site.constant(indices)
  if (rank === 0 && constant !== undefined)
    return [site.padded(site.unsqueeze(site.gradient, [axis]), { axis, at: constant[0]!, of: x })]
  const flat = site.reshape(indices, site.emit.ints([-1]))
  const g = rank === 1 ? site.gradient : site.reshape(site.gradient, site.emit.node('Concat', flatShape(), { axis: 0n }))
  return [site.scatterAdd(g, flat, { axis, size })]

  /** The axes of the indices as one. */
  function flatShape(): string[] {
    const before = axis === 0 ? [] : [site.emit.node('Shape', [x], { start: 0n, end: BigInt(axis) })]
    const behind = axis === site.rank(x) - 1 ? [] : [site.emit.node('Shape', [x], { start: BigInt(axis + 1) })]
    return [...before, site.emit.ints([-1]), ...behind]
  }
}

export const indexing: GradientRules = { Gather: only([0], gather) }
