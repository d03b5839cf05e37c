import type { GradientRules } from '../site/rule.js'
import type { GradientRule } from '../site/site.js'

/** y = softmax(x)  ⇒  x̄ = y (ȳ − Σ ȳ y) */
const softmaxRule: GradientRule = (site) => {
  const y = site.output(0)
  const axis = site.axis(y, site.int('axis', -1))
  const weighted = site.mul(site.gradient, y)
  return [site.sub(weighted, site.mul(y, site.sum(weighted, [axis])))]
}

/** y = log softmax(x)  ⇒  x̄ = ȳ − e^y Σ ȳ */
const logSoftmax: GradientRule = (site) => {
  const y = site.output(0)
  const axis = site.axis(y, site.int('axis', -1))
  return [site.sub(site.gradient, site.mul(site.emit.node('Exp', [y]), site.sum(site.gradient, [axis])))]
}

export const softmax: GradientRules = { Softmax: softmaxRule, LogSoftmax: logSoftmax }
