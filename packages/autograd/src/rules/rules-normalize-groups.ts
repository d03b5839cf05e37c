import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite, Gradients } from '../site/site.js'
import { nonZero } from './rules-reduce.js'

/** InstanceNormalization: each channel is a group. */
const instanceNormalization: GradientRule = (site) => groups(site, site.size(site.input(0), 1))

const groupNormalization: GradientRule = (site) => groups(site, site.emit.ints([site.int('num_groups', 1)]))

/**
 * x as [batch, groups, rest], x̂ = (x − μ) r, r = 1/√(σ² + ε), y = x̂ γ + β for each channel  ⇒  with h = ȳ γ:  x̄ = r (h − mean(h) − x̂ mean(h x̂)),
 * γ̄ = Σ ȳ x̂,  β̄ = Σ ȳ over batch and positions. Before operator set 21 γ and β of GroupNormalization are of groups.
 */
function groups(site: GradientSite, count: string): Gradients {
  const [x, scale, bias] = [site.input(0), site.input(1), site.input(2)]
  const g = site.gradient
  const shape = site.emit.node('Concat', [site.size(x, 0), count, site.emit.ints([-1])], { axis: 0n })
  const grouped = (value: string) => site.reshape(value, shape)
  const x3 = grouped(x)
  const centred = site.sub(x3, site.mean(x3, [2]))
  const variance = site.mean(site.mul(centred, centred), [2])
  const epsilon = site.emit.float(site.float('epsilon', 1e-5))
  const r = site.emit.node('Reciprocal', [site.emit.node('Sqrt', [site.add(variance, epsilon)])])
  const normal = site.mul(centred, r)
  const perGroup = site.dims(scale)[0] !== site.dims(x)[1]
  const along = () => {
    const h = perGroup ? site.mul(grouped(g), site.unsqueeze(scale, [1])) : grouped(site.mul(g, channels(site, scale, x)))
    const pulled = site.sub(site.sub(h, site.mean(h, [2])), site.mul(normal, site.mean(site.mul(h, normal), [2])))
    return site.reshapeLike(site.mul(pulled, r), x)
  }
  const others = Array.from({ length: site.rank(x) }, (_, axis) => axis).filter((axis) => axis !== 1)
  const collected = (value: string, value3: () => string) =>
    perGroup ? site.sum(value3(), [0, 2], false) : site.sum(value, others, false)
  return [
    site.wants(0) ? along() : undefined,
    site.wants(1)
      ? collected(perGroup ? '' : site.mul(g, site.reshapeLike(normal, x)), () => site.mul(grouped(g), normal))
      : undefined,
    site.wants(2) && bias !== '' ? collected(g, () => grouped(g)) : undefined,
  ]
}

/** One number a channel, broadcast against [batch, channels, …]. */
function channels(site: GradientSite, value: string, x: string): string {
  return site.unsqueeze(
    value,
    Array.from({ length: site.rank(x) - 2 }, (_, i) => i + 1),
  )
}

/** y = x / n, n = ‖x‖₂  ⇒  x̄ = (ȳ − y Σ ȳ y) / n;  with n = ‖x‖₁  x̄ = (ȳ − sign(x) Σ ȳ y) / n. */
const lpNormalization: GradientRule = (site) => {
  const [x, y] = [site.input(0), site.output(0)]
  const axis = site.axis(x, site.int('axis', -1))
  const isOne = site.int('p', 2) === 1
  const norm = site.emit.node(isOne ? 'ReduceL1' : 'ReduceL2', [x, site.emit.ints([axis])])
  const pull = site.mul(isOne ? site.emit.node('Sign', [x]) : y, site.sum(site.mul(site.gradient, y), [axis]))
  return [site.div(site.sub(site.gradient, pull), nonZero(site, norm))]
}

/**
 * y = x s^−β, s = bias + α mean(x²) over a window of channels  ⇒  x̄ = ȳ s^−β − 2 α β x mean(ȳ x s^(−β−1)) over the channels whose windows hold this one. The mean
 * counts what lies beyond the channels as 0.
 */
const responseNormalization: GradientRule = (site) => {
  const x = site.input(0)
  const [size, alpha, beta] = [site.int('size', 1), site.float('alpha', 1e-4), site.float('beta', 0.75)]
  const [before, behind] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)]
  const mean = (value: string, begin: number, end: number) => {
    const line = site.emit.node('Concat', [site.size(x, 0), site.emit.ints([1]), site.size(x, 1), site.emit.ints([-1])], {
      axis: 0n,
    })
    const pooled = site.emit.node('AveragePool', [site.reshape(value, line)], {
      kernel_shape: [BigInt(size), 1n],
      pads: [BigInt(begin), 0n, BigInt(end), 0n],
      count_include_pad: 1n,
    })
    return site.reshapeLike(pooled, x)
  }
  const s = site.add(site.mul(mean(site.mul(x, x), before, behind), alpha), site.emit.float(site.float('bias', 1)))
  const direct = site.mul(site.gradient, site.emit.node('Pow', [s, site.emit.float(-beta)]))
  const pull = mean(site.mul(direct, site.div(x, s)), behind, before)
  return [site.sub(direct, site.mul(site.mul(x, pull), 2 * alpha * beta))]
}

export const groupNormalizations: GradientRules = {
  InstanceNormalization: only([0, 1, 2], instanceNormalization),
  GroupNormalization: only([0, 1, 2], groupNormalization),
  LpNormalization: lpNormalization,
  LRN: responseNormalization,
}
