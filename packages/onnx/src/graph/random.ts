import type { Node } from '../model.js'
import { graphsOf } from './visit.js'

const RANDOM = new Set('Bernoulli Dropout Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike'.split(' '))

/** Whether a node may give other numbers each time it runs, itself or in the graphs of its attributes. */
export function isRandom({ op, domain, attributes }: Node): boolean {
  if (domain === '' && RANDOM.has(op)) return true
  return [...attributes.values()].some((attribute) => graphsOf(attribute).some(({ graph }) => graph.nodes.some(isRandom)))
}
