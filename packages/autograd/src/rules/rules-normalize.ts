import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'

/**
 * x̂ = (x − μ) r, r = 1/√(σ² + ε), y = x̂ γ + β over the last axes  ⇒  with h = ȳ γ:  x̄ = r (h − mean(h) − x̂ mean(h x̂)),  γ̄ = Σ ȳ x̂,  β̄ = Σ ȳ.
 */
const layerNormalization: GradientRule = (site) => {
  const [x, scale] = [site.input(0), site.input(1)]
  const axes = lastAxes(site, x)
  const r = site.output(2)
  return normalized(site, { normal: site.mul(site.sub(x, site.output(1)), r), r, scale, axes, centred: true })
}

/** x̂ = x r, r = 1/√(mean(x²) + ε), y = x̂ γ  ⇒  with h = ȳ γ:  x̄ = r (h − x̂ mean(h x̂)). Zhang & Sennrich 2019, arXiv 1910.07467. */
const rmsNormalization: GradientRule = (site) => {
  const x = site.input(0)
  const axes = lastAxes(site, x)
  const mean = site.mean(site.mul(x, x), axes)
  const r = site.emit.node('Reciprocal', [site.emit.node('Sqrt', [site.add(mean, site.emit.float(site.float('epsilon', 1e-5)))])])
  return normalized(site, { normal: site.mul(x, r), r, scale: site.input(1), axes, centred: false })
}

function lastAxes(site: GradientSite, x: string): number[] {
  const [first, rank] = [site.axis(x, site.int('axis', -1)), site.rank(x)]
  return Array.from({ length: rank - first }, (_, i) => first + i)
}

interface Normalized {
  readonly normal: string
  readonly r: string
  readonly scale: string
  readonly axes: readonly number[]
  readonly centred: boolean
}

function normalized(site: GradientSite, { normal, r, scale, axes, centred }: Normalized): (string | undefined)[] {
  const [g, x] = [site.gradient, site.input(0)]
  const along = (): string => {
    const h = scale === '' ? g : site.mul(g, scale)
    const pulled = site.sub(h, site.mul(normal, site.mean(site.mul(h, normal), axes)))
    return site.mul(centred ? site.sub(pulled, site.mean(h, axes)) : pulled, r)
  }
  return [
    site.wants(0) ? along() : undefined,
    site.wants(1) ? site.reduceTo(site.mul(g, normal), x, scale) : undefined,
    site.wants(2) ? site.reduceTo(g, x, site.input(2)) : undefined,
  ]
}

/**
 * With stored statistics, y = (x − μ) r γ + β, r = 1/√(σ² + ε):  x̄ = ȳ r γ,  γ̄ = Σ ȳ x̂,  β̄ = Σ ȳ. With those of the batch, of M samples and positions:
 * x̄ = r γ (ȳ − β̄/M − x̂ γ̄/M).
 */
const batchNormalization: GradientRule = (site) => {
  const [x, scale, mean, variance] = [site.input(0), site.input(1), site.input(3), site.input(4)]
  const ofBatch = site.int('training_mode', 0) !== 0
  const g = site.gradient
  const rank = site.rank(x)
  const others = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1)
  const [mu, sigma2] = ofBatch ? batchStatistics(site, x, others) : [mean, variance]
  const channel = (value: string) =>
    rank === 2
      ? value
      : site.unsqueeze(
          value,
          Array.from({ length: rank - 2 }, (_, i) => i + 1),
        )
  const epsilon = site.float('epsilon', 1e-5)
  const r = site.emit.node('Reciprocal', [site.emit.node('Sqrt', [site.add(sigma2, site.emit.float(epsilon))])])
  const slope = site.mul(scale, r)
  // A normalisation with other numbers is the fastest way to a · x + b for each channel.
  const affine = (of: string, a: string, b: string, [m, v]: readonly [string, string], e: number) =>
    site.emit.node('BatchNormalization', [of, a, b, m, v], { epsilon: e })
  const constant = (value: number) => site.emit.node('Add', [site.mul(sigma2, 0), site.emit.float(value)])
  const normal = affine(x, constant(1), constant(0), [mu, sigma2], epsilon)
  const shift = site.sum(g, others, false)
  const needed = site.wants(1) || (ofBatch && site.wants(0))
  const stretch = needed ? site.sum(site.mul(g, normal), others, false) : ''
  const through = (): string => {
    const direct = site.mul(g, channel(slope))
    if (!ofBatch) return direct
    const count = site.div(
      site.emit.node('Cast', [site.emit.node('Size', [x])], { to: 1n }),
      site.emit.node('Cast', [site.emit.node('Size', [sigma2])], { to: 1n }),
    )
    const per = site.neg(site.div(slope, count))
    return site.add(direct, affine(normal, site.mul(per, stretch), site.mul(per, shift), [constant(0), constant(1)], 0))
  }
  return [site.wants(0) ? through() : undefined, site.wants(1) ? stretch : undefined, site.wants(2) ? shift : undefined]
}

/** Mean and variance of each channel. With momentum 0 they are what the operator gives as new statistics. */
function batchStatistics(site: GradientSite, x: string, axes: readonly number[]): [string, string] {
  if (site.float('momentum', 0.9) === 0) return [site.output(1), site.output(2)]
  const centred = site.sub(x, site.mean(x, axes))
  return [site.mean(x, axes, false), site.mean(site.mul(centred, centred), axes, false)]
}

export const normalization: GradientRules = {
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  SimplifiedLayerNormalization: rmsNormalization,
  BatchNormalization: only([0, 1, 2], batchNormalization),
}
