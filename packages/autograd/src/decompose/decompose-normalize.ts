import type { Decomposition } from '../site/rule.js'
import type { GradientSite } from '../site/site.js'

/** LayerNorm(x + skip + bias); output 3 is the sum. */
const skipLayerNormalization: Decomposition = (site) => {
  const sum = summed(site, 4)
  const affine = site.has(3) ? [site.input(2), site.input(3)] : [site.input(2)]
  const [y, mean, inverse] = site.emit.outputs('LayerNormalization', [sum, ...affine], normal(site), { outputs: 3 })
  return [y, mean, inverse, sum]
}

/** RMSNorm(x + skip + bias); output 3 is the sum. */
const skipSimplifiedLayerNormalization: Decomposition = (site) => {
  const sum = summed(site, 3)
  return [site.emit.node('SimplifiedLayerNormalization', [sum, site.input(2)], normal(site)), undefined, undefined, sum]
}

function summed(site: GradientSite, bias: number): string {
  const sum = site.add(site.input(0), site.input(1))
  return site.has(bias) ? site.add(sum, site.input(bias)) : sum
}

function normal(site: GradientSite): { axis: bigint; epsilon: number } {
  return { axis: -1n, epsilon: site.float('epsilon', 1e-12) }
}

/** LayerNorm(word + position + segment), each a row of its table; output 1 counts the mask, output 2 is the sum. */
const embedLayerNormalization: Decomposition = (site) => {
  const [ids, segments, words, positions, segmentTable] = [0, 1, 2, 3, 4].map((i) => site.input(i)) as [
    string,
    string,
    string,
    string,
    string,
  ]
  const seq = site.size(ids, 1)
  const row = site.has(8)
    ? site.emit.node('Gather', [positions, site.input(8)])
    : site.emit.node('Slice', [positions, site.emit.ints([0]), seq, site.emit.ints([0])])
  const both = site.add(site.emit.node('Gather', [words, ids]), row)
  const sum = segments === '' ? both : site.add(both, site.emit.node('Gather', [segmentTable, segments]))
  const y = site.emit.node('LayerNormalization', [sum, site.input(5), site.input(6)], normal(site))
  const tokens = site.has(7)
    ? site.emit.node('ReduceSum', [site.input(7), site.emit.ints([1])], { keepdims: 0n })
    : site.emit.node('Cast', [site.emit.node('Expand', [site.emit.ints(0), site.size(ids, 0)])], { to: 6n })
  return [y, tokens, sum]
}

export const fusedNormalizations: Readonly<Record<string, Decomposition>> = {
  'com.microsoft.SkipLayerNormalization': skipLayerNormalization,
  'com.microsoft.SkipSimplifiedLayerNormalization': skipSimplifiedLayerNormalization,
  'com.microsoft.EmbedLayerNormalization': embedLayerNormalization,
}
