import { only, type Rules } from './rule.js'
import type { Rule, Site } from './site.js'

/** The axes that a reduction sums over; undefined where it does nothing. */
export function reducedAxes(site: Site): readonly number[] | undefined {
  const x = site.input(0)
  const given = site.ints('axes') ?? (site.has(1) ? site.constantInput(1, 'axes') : [])
  if (given.length > 0) return given.map((axis) => site.axis(x, axis))
  if (site.int('noop_with_empty_axes', 0) !== 0) return undefined
  return Array.from({ length: site.rank(x) }, (_, i) => i)
}

/** A reduction's gradient, or its output, with the reduced axes as axes of size 1. */
export function kept(site: Site, value: string, axes: readonly number[]): string {
  return site.int('keepdims', 1) !== 0 ? value : site.unsqueeze(value, axes)
}

/** y = Σ x  ⇒  x̄ = ȳ everywhere. */
const sum: Rule = (site) => {
  const axes = reducedAxes(site)
  if (axes === undefined) return [site.gradient]
  return [site.emit.node('Expand', [kept(site, site.gradient, axes), site.shape(site.input(0))])]
}

/** y = Σ x / n  ⇒  x̄ = ȳ / n everywhere. */
const mean: Rule = (site) => {
  const axes = reducedAxes(site)
  if (axes === undefined) return [site.gradient]
  const scaled = site.div(kept(site, site.gradient, axes), site.count(site.input(0), axes))
  return [site.emit.node('Expand', [scaled, site.shape(site.input(0))])]
}

export const reduction: Rules = { ReduceSum: only([0], sum), ReduceMean: only([0], mean) }
