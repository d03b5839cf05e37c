import type { Rules } from './rule.js'
import type { Rule } from './site.js'

/** y = mean of all positions  ⇒  x̄ = ȳ / positions. */
const globalAverage: Rule = (site) => {
  const x = site.input(0)
  const axes = Array.from({ length: site.rank(x) - 2 }, (_, i) => i + 2)
  return [site.emit.node('Expand', [site.div(site.gradient, site.count(x, axes)), site.shape(x)])]
}

export const pooling: Rules = { GlobalAveragePool: globalAverage }
