import { type Geometry, geometryOf } from '../site/geometry.js'
import { type GradientRules, only } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'
import { ofWeightInBlocks } from '../weights-in-blocks.js'

/**
 * y[n, o, p] = Σ_c Σ_k w[o, c, k] x[n, c, s p + d k − pad] + b[o]. The three gradients: of x a convolution of ȳ with the kernels turned around, of w a
 * product over all samples and positions, of b a sum.
 */
export const conv: GradientRule = (site) => {
  const geometry = geometryOf(site, { x: site.input(0), y: site.output(0), w: site.input(1) })
  const rank = site.rank(site.input(0))
  const bias = () => site.sum(site.gradient, [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2)], false)
  return [
    site.wants(0) ? ofInput(site, geometry) : undefined,
    site.wants(1) ? ofWeight(site, geometry) : undefined,
    site.wants(2) ? bias() : undefined,
  ]
}

/** x̄ = Σ over the positions that read x: with stride 1 a convolution again, else a transposed one. */
function ofInput(site: GradientSite, geometry: Geometry): string {
  const { kernel, strides, dilations, pads, group } = geometry
  const [g, w] = [site.gradient, site.input(1)]
  const spatial = kernel.length
  const reach = kernel.map((size, i) => dilations[i]! * (size - 1))
  const isPlain = strides.every((stride) => stride === 1) && pads.every((pad, i) => pad <= reach[i % spatial]!)
  if (isPlain) {
    const turned = turnedAround(site, w, geometry)
    const wider = pads.map((pad, i) => BigInt(reach[i % spatial]! - pad))
    return site.emit.node('Conv', [g, turned], {
      ...{ pads: wider, dilations: dilations.map(BigInt), group: BigInt(group), kernel_shape: kernel.map(BigInt) },
    })
  }
  const common = {
    strides: strides.map(BigInt),
    dilations: dilations.map(BigInt),
    group: BigInt(group),
    kernel_shape: kernel.map(BigInt),
  }
  const [x, y] = [site.dims(site.input(0)).slice(2), site.dims(site.output(0)).slice(2)]
  const left = x.map((size, i) => {
    const out = y[i]!
    if (typeof size !== 'number' || typeof out !== 'number') return undefined
    return size + pads[i]! + pads[i + spatial]! - ((out - 1) * strides[i]! + reach[i]! + 1)
  })
  if (left.every((each, i) => each !== undefined && each < strides[i]!)) {
    return site.emit.node('ConvTranspose', [g, w], {
      ...common,
      pads: pads.map(BigInt),
      output_padding: left.map((each) => BigInt(each!)),
    })
  }
  // All that the kernels reach, then as much of it as there is of x.
  const whole = site.emit.node('ConvTranspose', [g, w], common)
  const more = Array.from({ length: spatial * 2 + 4 }, (_, i) =>
    i >= spatial + 4 ? Math.max(0, strides[i - spatial - 4]! - 1) + pads[i - 4]! : 0,
  )
  const padded = site.emit.node('Pad', [whole, site.emit.ints(more)])
  const axes = kernel.map((_, i) => i + 2)
  const begin = site.emit.ints(pads.slice(0, spatial))
  const sizes = site.emit.node('Shape', [site.input(0)], { start: 2n })
  return site.emit.node('Slice', [padded, begin, site.add(begin, sizes), site.emit.ints(axes)])
}

/** w[o, c, k] as w′[c, o, K − 1 − k], group by group. */
function turnedAround(site: GradientSite, w: string, { kernel, group }: Geometry): string {
  const [out, inside] = site.dims(w) as readonly number[]
  const axes = kernel.map((_, i) => i + 2).filter((axis) => kernel[axis - 2]! > 1)
  const turned =
    axes.length === 0
      ? w
      : site.emit.node('Slice', [
          w,
          ...[site.emit.ints(axes.map(() => -1)), site.emit.ints(axes.map(() => -(2 ** 31)))],
          ...[site.emit.ints(axes), site.emit.ints(axes.map(() => -1))],
        ])
  const rest = kernel.map((_, i) => i)
  if (group === 1) return site.transpose(turned, [1, 0, ...rest.map((i) => i + 2)])
  const apart = site.reshape(turned, site.emit.ints([group, out! / group, inside!, ...kernel]))
  const swapped = site.transpose(apart, [0, 2, 1, ...rest.map((i) => i + 3)])
  return site.reshape(swapped, site.emit.ints([group * inside!, out! / group, ...kernel]))
}

/** w̄[o, c, k] = Σ_n Σ_p ȳ[n, o, p] x[n, c, s p + d k − pad]: in one of three ways, whichever moves less. */
function ofWeight(site: GradientSite, geometry: Geometry): string {
  const inBlocks = ofWeightInBlocks(site, geometry, site.channelBlock)
  if (inBlocks !== undefined) return inBlocks
  const positions = site.dims(site.output(0)).slice(2).map(Number)
  const few = geometry.group === 1 && positions.reduce((a, b) => a * b, 1) <= FEW
  return few ? ofWeightByPosition(site, geometry) : ofWeightBySample(site, geometry)
}

/** Positions of one sample up to which a product over all samples beats one for each. Measured: 14 × 14 is better one by one, 7 × 7 together. */
const FEW = 64

/** As one product [out, all positions] · [all positions, kernel · in], with the channels last. */
function ofWeightByPosition(site: GradientSite, { kernel, strides, dilations, pads }: Geometry): string {
  const [out, inside] = site.dims(site.input(1)) as readonly number[]
  const [spatial, y] = [range(kernel.length), site.output(0)]
  const last = [0, ...spatial.map((axis) => axis + 2), 1]
  const x = site.transpose(site.input(0), last)
  const half = kernel.length
  const padded = pads.every((pad) => pad === 0)
    ? x
    : site.emit.node('Pad', [x, site.emit.ints([0, ...pads.slice(0, half), 0, 0, ...pads.slice(half), 0])])
  const columns = combinations(kernel).map((ks) =>
    ks.reduce((value, k, axis) => {
      const whole = kernel[axis] === 1 && noPads(pads, axis)
      const how = { axis: axis + 2, shift: -1, like: y, start: k * dilations[axis]!, stride: strides[axis]!, whole }
      return strided(site, value, how)
    }, padded),
  )
  const rows = (value: string, size: number) => site.reshape(value, site.emit.ints([-1, size]))
  const laidOut = rows(joined(site, columns, kernel.length + 1), columns.length * inside!)
  const product = site.emit.node('Gemm', [rows(site.transpose(site.gradient, last), out!), laidOut], { transA: 1n })
  return site.transpose(site.reshape(product, site.emit.ints([out!, ...kernel, inside!])), [
    0,
    kernel.length + 1,
    ...spatial.map((i) => i + 1),
  ])
}

/**
 * As a product for each sample, summed. x is laid out once for each position of the kernel along the last axis; along the others, stretches of that are
 * taken as they are.
 */
function ofWeightBySample(site: GradientSite, geometry: Geometry): string {
  const { kernel, strides, dilations, pads, group } = geometry
  const [out, inside] = site.dims(site.input(1)) as readonly number[]
  const y = site.output(0)
  const last = kernel.length - 1
  const at = (value: string, axis: number, k: number) =>
    strided(site, value, {
      axis: axis + 2,
      like: y,
      start: k * dilations[axis]!,
      stride: strides[axis]!,
      whole: kernel[axis] === 1 && noPads(pads, axis),
    })
  const padded = pads.every((pad) => pad === 0)
    ? site.input(0)
    : site.emit.node('Pad', [site.input(0), site.emit.ints([0, 0, ...pads.slice(0, last + 1), 0, 0, ...pads.slice(last + 1)])])
  const columns = range(kernel[last]!).map((k) => at(padded, last, k))
  const laidOut =
    group === 1
      ? joined(site, columns, 1)
      : joined(
          site,
          columns.map((each) => inGroups(site, each, group, inside!)),
          2,
        )
  const shift = group === 1 ? 0 : 1
  const flat = (value: string, channels: number) =>
    site.reshape(
      value,
      site.emit.node('Concat', [site.size(y, 0), site.emit.ints(group === 1 ? [channels, -1] : [group, channels, -1])], {
        axis: 0n,
      }),
    )
  const g = flat(site.gradient, out! / group)
  const products = combinations(kernel.slice(0, last)).map((ks) => {
    const stretch = ks.reduce((value, k, axis) => atShifted(site, value, { axis, k, geometry, y, shift }), laidOut)
    return site.matmul(g, flat(stretch, kernel[last]! * inside!), { transB: true })
  })
  const summed = site.sum(joined(site, products, 2 + shift), [0], false)
  const [leading, tail] = [kernel.slice(0, last), kernel[last]!]
  const apart = site.reshape(summed, site.emit.ints([out!, ...leading, tail, inside!]))
  const spatial = kernel.map((_, i) => i + 1)
  return site.transpose(apart, [0, kernel.length + 1, ...spatial])
}

interface Shifted {
  readonly axis: number
  readonly k: number
  readonly geometry: Geometry
  readonly y: string
  readonly shift: number
}

function atShifted(site: GradientSite, value: string, { axis, k, geometry, y, shift }: Shifted): string {
  const { kernel, strides, dilations, pads } = geometry
  const whole = kernel[axis] === 1 && noPads(pads, axis)
  const how = { axis: axis + 2, start: k * dilations[axis]!, stride: strides[axis]!, like: y, whole }
  return strided(site, value, { ...how, shift })
}

function noPads(pads: readonly number[], axis: number): boolean {
  return pads[axis] === 0 && pads[axis + pads.length / 2] === 0
}

interface Strided {
  /** Of `like`; of the value it is `shift` further on. */
  readonly axis: number
  readonly shift?: number
  readonly start: number
  readonly stride: number
  /** As many as this value has along the axis. */
  readonly like: string
  /** Whether with stride 1 all of the value is taken. */
  readonly whole: boolean
}

/** Every so many-th position along an axis, from `start` on. */
function strided(site: GradientSite, value: string, { axis, shift = 0, start, stride, like, whole }: Strided): string {
  if (whole && stride === 1) return value
  const size = site.dims(like)[axis]!
  const end =
    typeof size === 'number'
      ? site.emit.ints([start + (size - 1) * stride + 1])
      : site.emit.node('Add', [site.mulInts(site.size(like, axis), stride), site.emit.ints([start + 1 - stride])])
  return site.emit.node('Slice', [value, site.emit.ints([start]), end, site.emit.ints([axis + shift]), site.emit.ints([stride])])
}

/** [batch, channels, …] as [batch, group, channels of one, …]. */
function inGroups(site: GradientSite, value: string, group: number, inside: number): string {
  const rest = site.emit.node('Shape', [value], { start: 2n })
  const batch = site.emit.node('Shape', [value], { start: 0n, end: 1n })
  return site.reshape(value, site.emit.node('Concat', [batch, site.emit.ints([group, inside]), rest], { axis: 0n }))
}

function joined(site: GradientSite, parts: readonly string[], axis: number): string {
  return parts.length === 1 ? parts[0]! : site.emit.node('Concat', parts, { axis: BigInt(axis) })
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}

/** [] of nothing is one combination. */
function combinations(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>((all, size) => all.flatMap((each) => range(size).map((k) => [...each, k])), [[]])
}

export const convolution: GradientRules = { Conv: only([0, 1, 2], conv) }
