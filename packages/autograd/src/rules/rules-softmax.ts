import type { Rules } from './rule.js'
import type { Rule } from './site.js'

/** y = softmax(x)  ⇒  x̄ = y (ȳ − Σ ȳ y) */
const softmaxRule: Rule = (site) => {
  const y = site.output(0)
  const axis = site.axis(y, site.int('axis', -1))
  const weighted = site.mul(site.gradient, y)
  return [site.sub(weighted, site.mul(y, site.sum(weighted, [axis])))]
}

/** y = log softmax(x)  ⇒  x̄ = ȳ − e^y Σ ȳ */
const logSoftmax: Rule = (site) => {
  const y = site.output(0)
  const axis = site.axis(y, site.int('axis', -1))
  return [site.sub(site.gradient, site.mul(site.emit.node('Exp', [y]), site.sum(site.gradient, [axis])))]
}

export const softmax: Rules = { Softmax: softmaxRule, LogSoftmax: logSoftmax }
