import type { GradientSite } from './site.js'

/** How the kernels of a convolution or a pooling lie. */
export interface Geometry {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Those before, then those behind. */
  readonly pads: readonly number[]
  readonly group: number
}

/** Pads are worked out where `auto_pad` asks for that. Throws PareError where sizes are not always the same that it depends on. */
export function geometryOf(site: GradientSite, { x, y, w }: { x: string; y: string; w?: string }): Geometry {
  const shape = w === undefined ? undefined : site.dims(w)
  const kernel = (site.ints('kernel_shape') ?? shape?.slice(2) ?? []) as readonly number[]
  if (kernel.some((size) => typeof size !== 'number'))
    throw site.refuse('the size of its kernels is computed while the model runs')
  const strides = site.ints('strides') ?? kernel.map(() => 1)
  const dilations = site.ints('dilations') ?? kernel.map(() => 1)
  const group = site.int('group', 1)
  const auto = site.string('auto_pad', 'NOTSET')
  const same = () => samePads(site, { x, y, kernel, strides, dilations }, auto === 'SAME_UPPER')
  const pads =
    auto === 'SAME_UPPER' || auto === 'SAME_LOWER'
      ? same()
      : auto === 'VALID'
        ? kernel.flatMap(() => [0, 0])
        : (site.ints('pads') ?? kernel.flatMap(() => [0, 0]))
  return { kernel, strides, dilations, pads, group }
}

type Same = Pick<Geometry, 'kernel' | 'strides' | 'dilations'> & { readonly x: string; readonly y: string }

function samePads(site: GradientSite, { x, y, kernel, strides, dilations }: Same, upper: boolean): number[] {
  const [inputs, outputs] = [site.dims(x).slice(2), site.dims(y).slice(2)]
  const totals = kernel.map((size, i) => {
    const [before, after] = [inputs[i]!, outputs[i]!]
    const reach = dilations[i]! * (size - 1) + 1
    if (strides[i] === 1) return reach - 1
    if (typeof before !== 'number' || typeof after !== 'number') throw site.refuse('auto_pad depends on the size of its input')
    return Math.max(0, (after - 1) * strides[i]! + reach - before)
  })
  const small = totals.map((total) => Math.floor(total / 2))
  const large = totals.map((total) => Math.ceil(total / 2))
  return upper ? [...small, ...large] : [...large, ...small]
}
