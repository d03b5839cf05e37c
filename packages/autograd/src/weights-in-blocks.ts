import type { Geometry } from './geometry.js'
import type { Site } from './site.js'

const domain = 'com.microsoft.nchwc'

/**
 * The gradient of a convolution's weights as a convolution in ONNX Runtime's own layout, where samples stand for channels: w̄[o, c, k] = Σ_n Σ_p x[c, n, s p + d k − pad] ȳ[o, n, p]
 * reads x[c] at places d apart with kernels ȳ[o] whose own places are s apart. x is laid out once, with its margin, instead of once for each place of a kernel. Samples are filled up with zeros to whole blocks. Undefined where it
 * cannot be: in groups, other than two axes, sizes that are open, output channels that do not fill blocks. Kernels of one place have no margin and no copies to save.
 */
export function ofWeightInBlocks(site: Site, geometry: Geometry, size: number): string | undefined {
  const { kernel, strides, dilations, pads, group } = geometry
  const places = kernel.reduce((product, each) => product * each, 1)
  const [x, y] = [site.dims(site.input(0)), site.dims(site.output(0))]
  if (size < 8 || kernel.length !== 2 || group !== 1 || places === 1 || ![...x, ...y].every(isNumber)) return undefined
  const [samples, inside, height, width] = x as number[] as [number, number, number, number]
  const [, out, ...positions] = y as number[] as [number, number, number, number]
  if (out % size !== 0) return undefined
  const reach = (axis: 0 | 1) => strides[axis]! * (positions[axis]! - 1) + dilations[axis]! * (kernel[axis]! - 1) + 1
  const [top, left] = pads as readonly [number, number]
  const [bottom, right] = [reach(0) - height - top, reach(1) - width - left]
  const full = Math.ceil(samples / size) * size
  const { emit } = site
  const filled = (value: string) =>
    full === samples ? value : emit.node('Pad', [value, emit.ints([0, 0, 0, 0, full - samples, 0, 0, 0])])

  // [inside, samples / size, height, width · size].
  const blocks = emit.node('ReorderInput', [site.transpose(filled(site.input(0)), [1, 0, 2, 3])], {}, { domain })
  const lines = site.reshape(blocks, emit.ints([inside, full / size, height, width * size]))
  const margin = [0, 0, top, left * size, 0, 0, bottom, right * size]
  const padded = margin.every((each) => each === 0) ? lines : emit.node('Pad', [lines, emit.ints(margin)])
  const data = site.reshape(padded, emit.ints([inside, full, reach(0), reach(1)]))

  // [out / size, samples / size, positions, size of samples, size of out].
  const ofOut = emit.node('ReorderInput', [filled(site.gradient)], {}, { domain })
  const apart = site.reshape(ofOut, emit.ints([full / size, size, out / size, positions[0]! * positions[1]!, size]))
  const kernels = site.reshape(site.transpose(apart, [2, 0, 3, 1, 4]), emit.ints([out, full, ...positions]))

  const attributes = {
    ...{ kernel_shape: positions.map(BigInt), strides: dilations.map(BigInt), dilations: strides.map(BigInt) },
    ...{ pads: [0n, 0n, 0n, 0n], group: 1n },
  }
  const product = emit.node('Conv', [data, kernels], attributes, { domain })
  return site.transpose(emit.node('ReorderOutput', [product], { channels: BigInt(out) }, { domain }), [1, 0, 2, 3])
}

function isNumber(dim: number | string): dim is number {
  return typeof dim === 'number'
}
