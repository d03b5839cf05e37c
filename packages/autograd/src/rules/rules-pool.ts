import { type Geometry, geometryOf } from '../site/geometry.js'
import type { GradientRules } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'
import { zerosLike } from './rules-arrange.js'
import { nonZero, toExtremes } from './rules-reduce.js'

/** y = mean of all positions  ⇒  x̄ = ȳ / positions. */
const globalAverage: GradientRule = (site) => {
  const x = site.input(0)
  return [site.emit.node('Expand', [site.div(site.gradient, site.count(x, positions(site))), site.shape(x)])]
}

const globalMax: GradientRule = (site) => [toExtremes(site, site.input(0), site.output(0), site.gradient, positions(site))]

/** y = (Σ |x|^p)^(1/p)  ⇒  x̄ = ȳ (|x| / y)^(p−1) sign x. */
const globalNorm: GradientRule = (site) => {
  const p = site.int('p', 2)
  const factor = site.div(site.gradient, power(site, nonZero(site, site.output(0)), p - 1))
  return [site.mul(signedPower(site, site.input(0), p), factor)]
}

function positions(site: GradientSite): readonly number[] {
  return Array.from({ length: site.rank(site.input(0)) - 2 }, (_, i) => i + 2)
}

/** ȳ goes back to where the largest elements stood, and adds up where windows overlap. */
const maxPool: GradientRule = (site) => {
  if (site.int('storage_order', 0) !== 0) throw site.refuse('it counts in column order')
  const [x, line] = [site.input(0), site.emit.ints([-1])]
  const zeros = site.reshape(zerosLike(site, x), line)
  const places = site.reshape(site.output(1), line)
  const scattered = site.emit.node('ScatterElements', [zeros, places, site.reshape(site.gradient, line)], { reduction: 'add' })
  return [site.reshapeLike(scattered, x)]
}

/** y = Σ x / n over a window of which n elements count  ⇒  x̄ = Σ ȳ / n over the windows that hold it. */
const averagePool: GradientRule = (site) => {
  const geometry = geometryOf(site, { x: site.input(0), y: site.output(0) })
  return [spread(site, geometry, site.div(site.gradient, countsOf(site, geometry)))]
}

/** y = (Σ |x|^p)^(1/p)  ⇒  x̄ = |x|^(p−1) sign x · Σ ȳ / y^(p−1) over the windows that hold it. */
const normPool: GradientRule = (site) => {
  const p = site.int('p', 2)
  const geometry = geometryOf(site, { x: site.input(0), y: site.output(0) })
  const factor = site.div(site.gradient, power(site, nonZero(site, site.output(0)), p - 1))
  return [site.mul(signedPower(site, site.input(0), p), spread(site, geometry, factor))]
}

function power(site: GradientSite, value: string, exponent: number): string {
  return exponent === 1 ? value : site.emit.node('Pow', [value, site.emit.float(exponent)])
}

/** |x|^(p−1) sign x */
function signedPower(site: GradientSite, x: string, p: number): string {
  if (p === 2) return x
  const sign = site.emit.node('Sign', [x])
  return p === 1 ? sign : site.mul(sign, power(site, site.emit.node('Abs', [x]), p - 1))
}

/** Each number of ȳ at all places of its window, added up: a transposed convolution with ones, for each channel by itself. */
function spread(site: GradientSite, { kernel, strides, dilations, pads }: Geometry, g: string): string {
  const x = site.input(0)
  const [spatial, ones] = [kernel.length, site.emit.node('Expand', [site.emit.float(1), site.emit.ints([1, 1, ...kernel])])]
  const planes = (value: string, of: string) =>
    site.reshape(
      value,
      site.emit.node('Concat', [site.emit.ints([-1, 1]), site.emit.node('Shape', [of], { start: 2n })], { axis: 0n }),
    )
  const whole = site.emit.node('ConvTranspose', [planes(g, site.output(0)), ones], {
    strides: strides.map(BigInt),
    dilations: dilations.map(BigInt),
    kernel_shape: kernel.map(BigInt),
  })
  // Positions behind the last window may be missing: at most a stride, and the padding.
  const missing = strides.map((stride, i) => stride - 1 + pads[i + spatial]!)
  const padded = site.emit.node('Pad', [whole, site.emit.ints([0, 0, ...kernel.map(() => 0), 0, 0, ...missing])])
  const begin = site.emit.ints(pads.slice(0, spatial))
  const end = site.add(begin, site.emit.node('Shape', [x], { start: 2n }))
  const axes = site.emit.ints(kernel.map((_, i) => i + 2))
  return site.reshapeLike(site.emit.node('Slice', [padded, begin, end, axes]), x)
}

/** How many elements count in each window: those of x, and the padding where it is included. f32[1, 1, …] */
function countsOf(site: GradientSite, { kernel, strides, dilations, pads }: Geometry): string {
  const [x, y] = [site.input(0), site.output(0)]
  const spatial = kernel.length
  const includesPads = site.int('count_include_pad', 0) !== 0
  const area = kernel.reduce((product, size) => product * size, 1)
  if (pads.every((pad) => pad === 0) && site.int('ceil_mode', 0) === 0) return site.emit.float(area)
  const shape = site.emit.node('Concat', [site.emit.ints([1, 1]), site.emit.node('Shape', [x], { start: 2n })], { axis: 0n })
  const inside = site.emit.node('Expand', [site.emit.float(1), shape])
  const padded = site.emit.node('Pad', [
    inside,
    site.emit.ints([0, 0, ...pads.slice(0, spatial), 0, 0, ...pads.slice(spatial)]),
    site.emit.float(includesPads ? 1 : 0),
  ])
  // So that as many windows fit as y has: (out − 1) stride + reach of the last, less what is there.
  const out = site.emit.node('Shape', [y], { start: 2n })
  const reach = kernel.map((size, i) => dilations[i]! * (size - 1) + 1 - strides[i]!)
  const extent = site.add(site.emit.node('Mul', [out, site.emit.ints(strides)]), site.emit.ints(reach))
  const more = site.sub(extent, site.emit.node('Shape', [padded], { start: 2n }))
  const none = site.emit.ints([0, 0])
  const before = site.emit.ints([0, 0, ...kernel.map(() => 0)])
  const fitted = site.emit.node('Pad', [padded, site.emit.node('Concat', [before, none, more], { axis: 0n })])
  const ones = site.emit.node('Expand', [site.emit.float(1), site.emit.ints([1, 1, ...kernel])])
  return site.emit.node('Conv', [fitted, ones], {
    strides: strides.map(BigInt),
    dilations: dilations.map(BigInt),
    kernel_shape: kernel.map(BigInt),
  })
}

export const pooling: GradientRules = {
  GlobalAveragePool: globalAverage,
  GlobalMaxPool: globalMax,
  GlobalLpPool: globalNorm,
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: normPool,
}
