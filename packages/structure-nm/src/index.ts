import { channelsOf, defineStructure, type OptionsOf, PareError, type Weight, z } from '@pare/core'

export type NmOptions = OptionsOf<typeof nm>

/**
 * Of each m consecutive input channels, every output keeps n. The channels are what a weight sums over: rows of a MatMul weight [in, out], columns of a Gemm
 * weight [out, in]; for a Conv the input channels of a group, at each position of the kernel on its own, as TensorRT groups them. Where the channels are no
 * multiple of m, of the r left over ⌈r · n / m⌉ stay, which is at most n: padded with zeros the weight is still n:m. A weight of fewer than m channels is declined.
 */
export const nm = defineStructure({
  name: 'nm',
  about: 'Of each m consecutive input channels, every output keeps n: 2:4 is nm:n=2,m=4.',
  options: {
    n: z.int().min(1).max(63).default(2).describe('kept of each m'),
    m: z.int().min(2).max(64).default(4).describe('input channels that follow one another'),
    permute: z
      .union([
        z.boolean(),
        z.strictObject({ operations: z.number().gt(0).exactOptional(), seconds: z.number().gt(0).exactOptional() }),
      ])
      .default(false)
      .describe(
        'input channels are put into an order first in which the pattern keeps more saliency; whatever makes them follows, so the model computes the same; takes some seconds for each group of channels',
      )
      .meta({ expected: 'true, false or limits such as { seconds: 10 }' }),
  },
  create({ n, m, permute }, name) {
    if (n >= m)
      throw new PareError(`nm: n is ${n} and m is ${m}; n below m was expected.`, {
        hint: 'half of the weights, as sparse tensor cores take them: nm:n=2,m=4',
      })
    return {
      pattern: 'nm',
      sparsity: 1 - n / m,
      ...(permute !== false && { permute: permute === true ? {} : permute }),
      find({ weights }) {
        const wide = weights.filter((weight) => channelsOf(weight).channels >= m)
        const narrow = weights.filter((weight) => channelsOf(weight).channels < m)
        return {
          groups: wide.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'nm', n, m } })),
          declined: narrow.map((weight) => ({ id: weight.id, structure: name, reason: tooFew(weight, m) })),
        }
      },
    }
  },
})

export default nm

function tooFew(weight: Weight, m: number): string {
  const { channels } = channelsOf(weight)
  return `each output sums over ${channels} input channel${channels === 1 ? '' : 's'}, fewer than ${m}`
}
