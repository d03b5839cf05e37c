import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'
import { geluSlope, tanhGeluSlope } from './rules-elementwise.js'
import { reduceBatch } from './rules-matrix.js'

/** Y = α op(A) op(B) over the last two axes  ⇒  the gradient of op(A) is α Ȳ op(B)ᵀ, that of op(B) α op(A)ᵀ Ȳ, each transposed back where op transposes. */
const fusedMatMul: GradientRule = (site) => {
  const [a, b, g] = [site.input(0), site.input(1), site.gradient]
  if (site.int('transBatchA', 0) !== 0 || site.int('transBatchB', 0) !== 0) throw site.refuse('it transposes batches')
  if (site.rank(a) < 2 || site.rank(b) < 2) throw site.refuse('one of its inputs is a vector')
  const [transA, transB, alpha] = [site.int('transA', 0) !== 0, site.int('transB', 0) !== 0, site.float('alpha', 1)]
  const left = () =>
    transA ? site.matmul(b, g, { transA: transB, transB: true, alpha }) : site.matmul(g, b, { transB: !transB, alpha })
  const right = () =>
    transB ? site.matmul(g, a, { transA: true, transB: transA, alpha }) : site.matmul(a, g, { transA: !transA, alpha })
  return [
    site.wants(0) ? reduceBatch(site, left(), { of: a, other: b }) : undefined,
    site.wants(1) ? reduceBatch(site, right(), { of: b, other: a }) : undefined,
  ]
}

/** y = f(x + b)  ⇒  x̄ = ȳ f′(x + b), b̄ the sum of that. */
function biased(slope: (site: GradientSite, x: string) => string): GradientRule {
  return (site) => {
    const sum = site.has(1) ? site.add(site.input(0), site.input(1)) : site.input(0)
    const g = site.mul(site.gradient, slope(site, sum))
    return [g, site.wants(1) ? site.reduceTo(g, site.output(0), site.input(1)) : undefined]
  }
}

export const fused: GradientRules = {
  'com.microsoft.FusedMatMul': fusedMatMul,
  'com.microsoft.BiasGelu': biased(geluSlope),
  'com.microsoft.FastGelu': only([0, 1], biased(tanhGeluSlope)),
}
