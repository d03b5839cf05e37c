import { makeNode } from '@pare/onnx'
import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'
import { conv } from './rules-convolution.js'

/**
 * y is what a convolution's gradient is for its input: Conv(·, w) takes the shape of y to that of x. So x̄ = Conv(ȳ, w), w̄ is that of this convolution for
 * the input ȳ and the gradient x, and b̄ = Σ ȳ.
 */
const convTranspose: GradientRule = (site) => {
  const [x, w, y, g] = [site.input(0), site.input(1), site.output(0), site.gradient]
  const attributes = forwardAttributes(site)
  const forward = makeNode({ op: 'Conv', inputs: [g, w], outputs: [x], attributes })
  const spatial = Array.from({ length: site.rank(x) - 2 }, (_, i) => i + 2)
  return [
    site.wants(0) ? site.emit.node('Conv', [g, w], attributes) : undefined,
    site.wants(1) ? conv(site.of(forward, { gradient: x, needs: [false, true], shapes: new Map([[g, y]]) }))[1] : undefined,
    site.wants(2) ? site.sum(g, [0, ...spatial], false) : undefined,
  ]
}

function forwardAttributes(site: GradientSite): Record<string, bigint | readonly bigint[]> {
  const kernel = site.dims(site.input(1)).slice(2)
  if (kernel.some((size) => typeof size !== 'number'))
    throw site.refuse('the size of its kernels is computed while the model runs')
  const sizes = kernel as readonly number[]
  const strides = site.ints('strides') ?? sizes.map(() => 1)
  const dilations = site.ints('dilations') ?? sizes.map(() => 1)
  return {
    kernel_shape: sizes.map(BigInt),
    strides: strides.map(BigInt),
    dilations: dilations.map(BigInt),
    pads: padsOf(
      site,
      sizes.map((size, i) => dilations[i]! * (size - 1) + 1),
      strides,
    ).map(BigInt),
    group: BigInt(site.int('group', 1)),
  }
}

/** Those given, or what the wanted size leaves over: stride (in − 1) + output padding + reach − out, the odd one at the beginning but for SAME_UPPER. */
function padsOf(site: GradientSite, reach: readonly number[], strides: readonly number[]): readonly number[] {
  const auto = site.string('auto_pad', 'NOTSET')
  const target = site.ints('output_shape')?.slice(-reach.length)
  if (target === undefined && !auto.startsWith('SAME'))
    return (auto === 'NOTSET' && site.ints('pads')) || reach.flatMap(() => [0, 0])
  const extra = site.ints('output_padding') ?? reach.map(() => 0)
  const totals = reach.map((each, i) => {
    if (target === undefined) return extra[i]! + each - strides[i]!
    const size = site.dims(site.input(0))[i + 2]!
    if (typeof size !== 'number') throw site.refuse('its padding depends on the size of its input')
    return strides[i]! * (size - 1) + extra[i]! + each - target[i]!
  })
  if (totals.some((total) => total < 0)) throw site.refuse('its output is larger than what its kernels reach')
  const [less, more] = [totals.map((total) => Math.floor(total / 2)), totals.map((total) => Math.ceil(total / 2))]
  return auto === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less]
}

export const convolutionTransposed: GradientRules = { ConvTranspose: only([0, 1, 2], convTranspose) }
