import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'
import { zerosLike } from './rules-arrange.js'

/**
 * loss = −Σ w[label] log p[label] / Σ w[label] over the labels that count, log p = log softmax(x)  ⇒  x̄ = loss̄ w[label] (p − 1 at the label) / Σ w[label], 0 where a
 * label does not count. w is 1 unless given.
 */
const crossEntropy: GradientRule = (site) => {
  const logP = site.output(1)
  const { rows, at } = labelled(site)
  const p = site.mul(site.emit.node('Exp', [logP]), rows)
  return [site.emit.node('ScatterElements', [p, at, site.neg(rows)], { axis: 1n, reduction: 'add' })]
}

/** loss = −Σ w[label] x[label] / Σ w[label]  ⇒  x̄ = −loss̄ w[label] / Σ w[label] at the label, 0 elsewhere. */
const likelihood: GradientRule = (site) => {
  const { rows, at } = labelled(site)
  return [site.emit.node('ScatterElements', [zerosLike(site, site.input(0)), at, site.neg(rows)], { axis: 1n })]
}

/** loss̄ w[label] / Σ w[label], 0 where a label does not count, and the labels, 0 there: both with an axis of classes, of size 1. */
function labelled(site: GradientSite): { rows: string; at: string } {
  const labels = site.input(1)
  if (site.rank(site.input(0)) < 2) throw site.refuse('its scores have no axis of classes')
  const ignored = site.emit.node('Equal', [labels, site.castLike(site.emit.ints(site.int('ignore_index', -(2 ** 31))), labels)])
  const safe = site.emit.node('Where', [ignored, site.castLike(site.emit.ints(0), labels), labels])
  const counts = site.emit.node('Cast', [site.emit.node('Not', [ignored])], { to: 1n })
  const weights = site.has(2) ? site.mul(counts, site.emit.node('Gather', [site.input(2), safe])) : counts
  const isMean = site.string('reduction', 'mean') === 'mean'
  const total = () => site.emit.node('ReduceSum', [weights], { keepdims: 0n })
  const rows = site.mul(weights, isMean ? site.div(site.gradient, total()) : site.gradient)
  return { rows: site.unsqueeze(rows, [1]), at: site.unsqueeze(safe, [1]) }
}

export const loss: GradientRules = {
  SoftmaxCrossEntropyLoss: only([0], crossEntropy),
  NegativeLogLikelihoodLoss: only([0], likelihood),
}
