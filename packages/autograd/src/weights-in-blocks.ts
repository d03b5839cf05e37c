import type { Geometry } from './site/geometry.js'
import type { GradientSite } from './site/site.js'

const domain = 'com.microsoft.nchwc'

/**
 * The gradient of a convolution's weights as a convolution in ONNX Runtime's own layout, whose kernels are ȳ: w̄[o, c, k] = Σ_n Σ_p x[n, c, s p + d k − pad] ȳ[n, o, p] reads x at places d apart
 * with kernels whose own places are s apart. x is laid out once, with its margin, instead of once for each place of a kernel. Undefined where it cannot be: in groups of several channels,
 * other than two axes, sizes that are open, channels that do not fill blocks. Kernels of one place have no margin and no copies to save.
 */
export function ofWeightInBlocks(site: GradientSite, { group, ...convolution }: Geometry, size: number): string | undefined {
  const { kernel } = convolution
  const [x, y] = [site.dims(site.input(0)), site.dims(site.output(0))]
  if (size < 8 || kernel.length !== 2 || (kernel[0] === 1 && kernel[1] === 1) || ![...x, ...y].every(isNumber)) return undefined
  const [samples, inside, ...places] = x as readonly number[] as Sizes
  const [, out, ...positions] = y as readonly number[] as Sizes
  const geometry = { ...convolution, places, positions, size, samples, inside, out }
  if (group === 1 && out % size === 0) return ofDense(site, geometry)
  return group === inside && group === out && (samples * out) % size === 0 ? ofDepthwise(site, geometry) : undefined
}

type Sizes = readonly [number, number, number, number]

interface BlockedConvolution extends Pick<Geometry, 'kernel' | 'strides' | 'dilations' | 'pads'> {
  readonly samples: number
  readonly inside: number
  readonly out: number
  /** Of x: height and width. */
  readonly places: readonly [number, number]
  /** Of y: height and width. */
  readonly positions: readonly [number, number]
  /** Channels in a block. */
  readonly size: number
}

/** Samples stand for channels, filled up with zeros to whole blocks. */
function ofDense(site: GradientSite, geometry: BlockedConvolution): string {
  const { samples, inside, out, positions, size } = geometry
  const { emit } = site
  const full = Math.ceil(samples / size) * size
  const filled = (value: string) =>
    full === samples ? value : emit.node('Pad', [value, emit.ints([0, 0, 0, 0, full - samples, 0, 0, 0])])
  const data = withMargin(site, site.transpose(filled(site.input(0)), [1, 0, 2, 3]), [inside, full], geometry)
  // [out / size, samples / size, positions, size of samples, size of out].
  const blocks = inBlocks(site, filled(site.gradient))
  const apart = site.reshape(blocks, emit.ints([full / size, size, out / size, positions[0] * positions[1], size]))
  const kernels = site.reshape(site.transpose(apart, [2, 0, 3, 1, 4]), emit.ints([out, full, ...positions]))
  return site.transpose(convolved(site, [data, kernels], { ...geometry, channels: out, group: 1 }), [1, 0, 2, 3])
}

/** Each channel of each sample is one of its own; summed over samples. */
function ofDepthwise(site: GradientSite, geometry: BlockedConvolution): string {
  const { samples, out, kernel, places, positions } = geometry
  const { emit } = site
  const channels = samples * out
  const data = withMargin(site, site.reshape(site.input(0), emit.ints([1, channels, ...places])), [1, channels], geometry)
  const kernels = inBlocks(site, site.reshape(site.gradient, emit.ints([1, channels, ...positions])))
  const ofKernels = site.reshape(kernels, emit.ints([channels, 1, ...positions]))
  const products = convolved(site, [data, ofKernels], { ...geometry, channels, group: channels })
  return site.sum(site.reshape(products, emit.ints([samples, out, 1, ...kernel])), [0], false)
}

function inBlocks(site: GradientSite, value: string): string {
  return site.emit.node('ReorderInput', [value], {}, { domain })
}

/** x in blocks, with as much around it as the kernels reach. */
function withMargin(
  site: GradientSite,
  x: string,
  [first, channels]: readonly [number, number],
  geometry: BlockedConvolution,
): string {
  const { kernel, strides, dilations, pads, places, positions, size } = geometry
  const { emit } = site
  const reach = [0, 1].map((axis) => strides[axis]! * (positions[axis]! - 1) + dilations[axis]! * (kernel[axis]! - 1) + 1)
  const [top, left] = pads as readonly [number, number]
  const [bottom, right] = [reach[0]! - places[0] - top, reach[1]! - places[1] - left]
  const lines = site.reshape(inBlocks(site, x), emit.ints([first, channels / size, places[0], places[1] * size]))
  const margin = [0, 0, top, left * size, 0, 0, bottom, right * size]
  const padded = margin.every((each) => each === 0) ? lines : emit.node('Pad', [lines, emit.ints(margin)])
  return site.reshape(padded, emit.ints([first, channels, ...reach]))
}

/** Strides and dilations change places. */
function convolved(
  site: GradientSite,
  inputs: readonly [string, string],
  { positions, strides, dilations, channels, group }: BlockedConvolution & { readonly channels: number; readonly group: number },
): string {
  const attributes = {
    ...{ kernel_shape: positions.map(BigInt), strides: dilations.map(BigInt), dilations: strides.map(BigInt) },
    ...{ pads: [0n, 0n, 0n, 0n], group: BigInt(group) },
  }
  const product = site.emit.node('Conv', inputs, attributes, { domain })
  return site.emit.node('ReorderOutput', [product], { channels: BigInt(channels) }, { domain })
}

function isNumber(dim: number | string): dim is number {
  return typeof dim === 'number'
}
