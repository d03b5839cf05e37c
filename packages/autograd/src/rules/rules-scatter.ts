import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite, Gradients } from '../site/site.js'
import { zerosLike } from './rules-arrange.js'

/** y = elements of x at the indices along an axis: gradients go back there and add up. */
const gatherElements: GradientRule = (site) => [
  site.emit.node('ScatterElements', [zerosLike(site, site.input(0)), site.input(1), site.gradient], {
    axis: BigInt(site.int('axis', 0)),
    reduction: 'add',
  }),
]

/** The values come from the places that the indices tell: no two are the same. */
const topK: GradientRule = (site) => [
  site.emit.node('ScatterElements', [zerosLike(site, site.input(0)), site.output(1), site.gradient], {
    axis: BigInt(site.int('axis', -1)),
  }),
]

/** y = x with updates u at the indices  ⇒  x̄ = ȳ with zeros there, ū = ȳ there. Where they are added x̄ = ȳ; where they are multiplied x̄ = ȳ Π u. */
const scatterElements: GradientRule = (site): Gradients => {
  const [x, indices, updates] = [site.input(0), site.input(1), site.input(2)]
  const axis = { axis: BigInt(site.int('axis', 0)) }
  const reduction = reductionOf(site)
  const ofX = () => {
    if (reduction === 'add') return site.gradient
    if (reduction === 'none') return site.emit.node('ScatterElements', [site.gradient, indices, zerosLike(site, updates)], axis)
    const ones = site.emit.node('Expand', [site.emit.float(1), site.shape(x)])
    return site.mul(site.gradient, site.emit.node('ScatterElements', [ones, indices, updates], { ...axis, reduction: 'mul' }))
  }
  return [
    site.wants(0) ? ofX() : undefined,
    undefined,
    site.wants(2) ? site.emit.node('GatherElements', [site.gradient, indices], axis) : undefined,
  ]
}

/** As above, with slices of x. */
const scatterND: GradientRule = (site): Gradients => {
  const [indices, updates] = [site.input(1), site.input(2)]
  const reduction = reductionOf(site)
  if (reduction === 'mul') throw site.refuse('it multiplies')
  const ofX = () =>
    reduction === 'add' ? site.gradient : site.emit.node('ScatterND', [site.gradient, indices, zerosLike(site, updates)])
  return [
    site.wants(0) ? ofX() : undefined,
    undefined,
    site.wants(2) ? site.emit.node('GatherND', [site.gradient, indices]) : undefined,
  ]
}

function reductionOf(site: GradientSite): 'none' | 'add' | 'mul' {
  const reduction = site.string('reduction', 'none')
  if (reduction === 'none' || reduction === 'add') return reduction
  if (reduction === 'mul' && !site.wants(2)) return reduction
  throw site.refuse(`it combines with '${reduction}'`)
}

/**
 * y[…] = x[batch…, index…]: gradients of slices go back to the rows of x as a matrix [batch · indexed, rest], at row
 * ((b D₁ + i₁) D₂ + i₂) …, and add up.
 */
const gatherND: GradientRule = (site) => {
  const [x, indices] = [site.input(0), site.input(1)]
  const batches = site.int('batch_dims', 0)
  const depth = site.dims(indices).at(-1)!
  if (typeof depth !== 'number') throw site.refuse('how many axes it indexes is computed while the model runs')
  const product = (start: number, end: number) =>
    site.emit.node('ReduceProd', [site.emit.node('Shape', [x], { start: BigInt(start), end: BigInt(end) })], { keepdims: 1n })
  const rest = batches + depth === site.rank(x) ? site.emit.ints([1]) : product(batches + depth, site.rank(x))
  let row = batches === 0 ? site.emit.ints(0) : batchNumbers(site, { indices, batches, count: product(0, batches) })
  for (let i = 0; i < depth; i++) {
    const size = site.size(x, batches + i)
    const component = site.emit.node('Gather', [indices, site.emit.ints(i)], { axis: -1n })
    const isNegative = site.emit.node('Less', [component, site.emit.ints(0)])
    const index = site.emit.node('Where', [isNegative, site.add(component, size), component])
    row = site.add(site.emit.node('Mul', [row, size]), index)
  }
  const flat = site.reshape(row, site.emit.ints([-1]))
  const g = site.reshape(site.gradient, site.emit.node('Concat', [site.emit.ints([-1]), rest], { axis: 0n }))
  return [site.reshapeLike(site.scatterAdd(g, flat, { axis: 0, size: product(0, batches + depth) }), x)]
}

/** The number of each batch, broadcast against the indices without their last axis. */
function batchNumbers(
  site: GradientSite,
  { indices, batches, count }: { indices: string; batches: number; count: string },
): string {
  const scalar = site.emit.node('Squeeze', [count, site.emit.ints([0])])
  const numbers = site.emit.node('Range', [site.emit.ints(0), scalar, site.emit.ints(1)])
  const own = site.emit.node('Shape', [indices], { start: 0n, end: BigInt(batches) })
  const others = Array.from({ length: site.rank(indices) - 1 - batches }, () => 1)
  const shape = others.length === 0 ? own : site.emit.node('Concat', [own, site.emit.ints(others)], { axis: 0n })
  return site.reshape(numbers, shape)
}

export const scattering: GradientRules = {
  GatherElements: only([0], gatherElements),
  GatherND: only([0], gatherND),
  ScatterElements: only([0, 2], scatterElements),
  ScatterND: only([0, 2], scatterND),
  TopK: only([0], topK),
}
