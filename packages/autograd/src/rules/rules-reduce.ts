import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'

/** The axes that a reduction sums over; undefined where it does nothing. */
export function reducedAxes(site: GradientSite): readonly number[] | undefined {
  const x = site.input(0)
  const list = site.ints('axes') ?? (site.has(1) ? site.constantInput(1, 'axes') : [])
  if (list.length > 0) return list.map((axis) => site.axis(x, axis))
  if (site.int('noop_with_empty_axes', 0) !== 0) return undefined
  return Array.from({ length: site.rank(x) }, (_, i) => i)
}

/** A reduction's gradient, or its output, with the reduced axes as axes of size 1. */
export function kept(site: GradientSite, value: string, axes: readonly number[]): string {
  return site.int('keepdims', 1) !== 0 ? value : site.unsqueeze(value, axes)
}

/** y = Σ x  ⇒  x̄ = ȳ everywhere. */
const sum: GradientRule = (site) => {
  const axes = reducedAxes(site)
  if (axes === undefined) return [site.gradient]
  return [site.emit.node('Expand', [kept(site, site.gradient, axes), site.shape(site.input(0))])]
}

/** y = Σ x / n  ⇒  x̄ = ȳ / n everywhere. */
const mean: GradientRule = (site) => {
  const axes = reducedAxes(site)
  if (axes === undefined) return [site.gradient]
  const scaled = site.div(kept(site, site.gradient, axes), site.count(site.input(0), axes))
  return [site.emit.node('Expand', [scaled, site.shape(site.input(0))])]
}

/** A reduction over some axes whose gradient is written from x, and from y and ȳ with those axes as axes of size 1. */
function over(rule: (site: GradientSite, x: string, y: string, g: string, axes: readonly number[]) => string): GradientRule {
  return (site) => {
    // Over no axes it is done for each element by itself.
    const axes = reducedAxes(site) ?? []
    const [y, g] = [kept(site, site.output(0), axes), kept(site, site.gradient, axes)]
    return [rule(site, site.input(0), y, g, axes)]
  }
}

/** The gradient goes to the extreme; to each in equal parts where several are. */
export function toExtremes(site: GradientSite, x: string, y: string, g: string, axes: readonly number[]): string {
  const isIt = site.emit.node('Cast', [site.emit.node('Equal', [x, y])], { to: 1n })
  return site.mul(isIt, site.div(g, site.sum(isIt, axes)))
}

/** y = Π x  ⇒  x̄ᵢ = ȳ Π of the others: y / xᵢ, where one is 0 the product of the rest there and 0 elsewhere, where several are 0 nothing. */
function ofProduct(site: GradientSite, x: string, _y: string, g: string, axes: readonly number[]): string {
  if (axes.length === 0) return g
  const [zero, one] = [site.emit.float(0), site.emit.float(1)]
  const isZero = site.emit.node('Equal', [x, zero])
  const zeros = site.sum(site.emit.node('Cast', [isZero], { to: 1n }), axes)
  const others = site.emit.node('Where', [isZero, one, x])
  const rest = site.emit.node('ReduceProd', [others, site.emit.ints(axes)])
  const alone = site.emit.node('And', [isZero, site.emit.node('Equal', [zeros, one])])
  const none = site.emit.node('Equal', [zeros, zero])
  const share = site.emit.node('Where', [
    none,
    site.emit.node('Reciprocal', [others]),
    site.emit.node('Cast', [alone], { to: 1n }),
  ])
  return site.mul(share, site.mul(g, rest))
}

/** 1 in place of 0: what is divided by a norm of 0 is 0 itself. */
export function nonZero(site: GradientSite, norm: string): string {
  return site.emit.node('Where', [site.emit.node('Equal', [norm, site.emit.float(0)]), site.emit.float(1), norm])
}

/** Sums run the other way. */
const cumulativeSum: GradientRule = (site) => [
  site.emit.node('CumSum', [site.gradient, site.input(1)], {
    exclusive: BigInt(site.int('exclusive', 0)),
    reverse: BigInt(1 - site.int('reverse', 0)),
  }),
]

export const reduction: GradientRules = {
  ReduceSum: only([0], sum),
  ReduceMean: only([0], mean),
  ReduceMax: only([0], over(toExtremes)),
  ReduceMin: only([0], over(toExtremes)),
  ReduceProd: only([0], over(ofProduct)),
  ReduceL1: only(
    [0],
    over((site, x, _, g) => site.mul(site.emit.node('Sign', [x]), g)),
  ),
  // y = √Σ x²  ⇒  x̄ = ȳ x / y
  ReduceL2: only(
    [0],
    over((site, x, y, g) => site.mul(x, site.div(g, nonZero(site, y)))),
  ),
  // y = ln Σ x  ⇒  x̄ = ȳ / Σ x everywhere
  ReduceLogSum: only(
    [0],
    over((site, x, y, g) => site.emit.node('Expand', [site.div(g, site.emit.node('Exp', [y])), site.shape(x)])),
  ),
  ReduceLogSumExp: only(
    [0],
    over((site, x, y, g) => site.mul(site.emit.node('Exp', [site.sub(x, y)]), g)),
  ),
  ReduceSumSquare: only(
    [0],
    over((site, x, _, g) => site.mul(site.mul(x, 2), g)),
  ),
  CumSum: only([0], cumulativeSum),
}
