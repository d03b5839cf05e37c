import { only, type Rules } from './rule.js'
import type { Rule } from './site.js'

/** loss = −Σ log p[label] / n over the labels that count, log p = log softmax(x)  ⇒  x̄ = loss̄ (p − 1 at the label) / n, 0 where a label does not count. */
const crossEntropy: Rule = (site) => {
  if (site.has(2)) throw site.refuse('its classes have weights')
  const labels = site.input(1)
  const scores = site.input(0)
  const logP = site.output(1)
  const ignored = site.emit.node('Equal', [labels, site.castLike(site.emit.ints(site.int('ignore_index', -(2 ** 31))), labels)])
  const counts = site.emit.node('Cast', [site.emit.node('Not', [ignored])], { to: 1n })
  const reduction = site.string('reduction', 'mean')
  const n = () => site.emit.node('ReduceSum', [counts], { keepdims: 0n })
  const weight = site.mul(counts, reduction === 'mean' ? site.div(site.gradient, n()) : site.gradient)
  const rows = site.unsqueeze(weight, [1])
  const at = site.unsqueeze(site.emit.node('Where', [ignored, site.castLike(site.emit.ints(0), labels), labels]), [1])
  const p = site.mul(site.emit.node('Exp', [logP]), rows)
  if (site.rank(scores) < 2) throw site.refuse('its scores have no axis of classes')
  return [site.emit.node('ScatterElements', [p, at, site.neg(rows)], { axis: 1n, reduction: 'add' })]
}

export const loss: Rules = { SoftmaxCrossEntropyLoss: only([0], crossEntropy) }
