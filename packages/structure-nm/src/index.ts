import { channelsOf, PareError, type Permuting, type Structure, type Weight } from '@pare/core'

export interface NmOptions {
  /** Kept of each m. From 1 to m − 1. Default: 2 */
  readonly n?: number
  /** Input channels that follow one another. From 2 to 64. Default: 4 */
  readonly m?: number
  /**
   * Input channels are put into an order first in which the pattern keeps more saliency; whatever makes them follows, so the model computes the same.
   * Takes some seconds for each group of channels; limits as an object. Default: false
   */
  readonly permute?: boolean | Permuting
}

/**
 * Of each m consecutive input channels, every output keeps n. The channels are what a weight sums over: rows of a MatMul weight [in, out], columns of a Gemm
 * weight [out, in]; for a Conv the input channels of a group, at each position of the kernel on its own, as TensorRT groups them. Where the channels are no
 * multiple of m, of the r left over ⌈r · n / m⌉ stay, which is at most n: padded with zeros the weight is still n:m. A weight of fewer than m channels is declined.
 */
export function nm({ n = 2, m = 4, permute = false }: NmOptions = {}): Structure {
  if (!(Number.isInteger(n) && Number.isInteger(m) && n >= 1 && n < m && m <= 64)) {
    throw new PareError(`structure-nm: n is ${n} and m is ${m}; whole numbers with 1 ≤ n < m ≤ 64 were expected.`, {
      hint: 'half of the weights, as sparse tensor cores take them: nm:n=2,m=4',
    })
  }
  return {
    name: 'nm',
    pattern: 'nm',
    sparsity: 1 - n / m,
    ...(permute !== false && { permute: permute === true ? {} : permute }),
    find({ weights }) {
      const wide = weights.filter((weight) => channelsOf(weight).channels >= m)
      const narrow = weights.filter((weight) => channelsOf(weight).channels < m)
      return {
        groups: wide.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'nm', n, m } })),
        declined: narrow.map((weight) => ({ id: weight.id, structure: 'nm', reason: tooFew(weight, m) })),
      }
    },
  }
}

export default nm

function tooFew(weight: Weight, m: number): string {
  const { channels } = channelsOf(weight)
  return `each output sums over ${channels} input channel${channels === 1 ? '' : 's'}, fewer than ${m}`
}
