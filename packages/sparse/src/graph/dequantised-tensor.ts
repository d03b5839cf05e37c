import { attributesOf, makeTensor, type Node, readAll, type Tensor, valuesOf } from '@pare/onnx'

/** Codes of integers, and what makes floats of them: (code − zero) · scale, along `axis` or one for all. */
export interface Codes {
  readonly codes: Tensor
  /** f32 */
  readonly scale: Tensor
  readonly zero?: Tensor
  readonly axis: number
}

/** The constants of a DequantizeLinear with a scale for all or for each position of an axis; undefined for others, as those of blocks are. */
export function codesOf(node: Node, constants: ReadonlyMap<string, Tensor>): Codes | undefined {
  if (node.op !== 'DequantizeLinear' || node.domain !== '') return undefined
  const [codes, scale, zero] = node.inputs.map((name) => constants.get(name))
  const { int } = attributesOf(node)
  const hasZero = (node.inputs[2] ?? '') !== ''
  if (codes === undefined || !/^(u?int8|int32)$/.test(codes.type) || scale?.type !== 'float32' || int('block_size', 0) !== 0)
    return undefined
  if (hasZero && zero === undefined) return undefined
  const axis = int('axis', 1) + (int('axis', 1) < 0 ? codes.shape.length : 0)
  const size = scale.shape.length === 0 ? 1 : scale.shape.length === 1 ? scale.shape[0]! : 0
  if (size !== 1 && size !== codes.shape[axis]) return undefined
  return { codes, scale, axis, ...(zero && { zero }) }
}

/** The floats. They are made when they are read, each time. */
export function dequantisedTensor({ codes, scale, zero, axis }: Codes): Tensor {
  const { name, type, shape } = codes
  const width = type === 'int32' ? 4 : 1
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  return makeTensor({ name, type: 'float32', shape, data: { byteLength: (4 / width) * codes.data.byteLength, read } })

  async function read(target: Uint8Array, offset: number): Promise<void> {
    const [first, end] = [Math.floor(offset / 4), Math.ceil((offset + target.byteLength) / 4)]
    const bytes = new Uint8Array(width * (end - first))
    await codes.data.read(bytes, width * first)
    const [numbers, scales, zeros] = [valuesOf(type, bytes) as Int32Array, await valuesIn(scale), zero && (await valuesIn(zero))]
    const floats = new Float32Array(end - first)
    for (let i = 0; i < floats.length; i++) {
      const unit = Math.floor((first + i) / inner) % (shape[axis] ?? 1)
      floats[i] = (numbers[i]! - at(zeros, unit)) * at(scales, unit)
    }
    target.set(new Uint8Array(floats.buffer).subarray(offset - 4 * first, offset - 4 * first + target.byteLength))
  }
}

/** f32[out]: the scale of each position of an axis; undefined where positions of another have their own. */
export async function scalesAlong(axis: number, { codes, scale, axis: own }: Codes): Promise<Float32Array | undefined> {
  const scales = await valuesIn(scale)
  if (scales.length > 1 && own !== axis) return undefined
  return Float32Array.from({ length: codes.shape[axis]! }, (_, unit) => at(scales, unit))
}

async function valuesIn({ type, data }: Tensor): Promise<ArrayLike<number>> {
  return valuesOf(type, await readAll(data)) as Float32Array
}

/** One for all, or one for each; none is 0. */
const at = (values: ArrayLike<number> | undefined, unit: number) =>
  values === undefined ? 0 : values[values.length === 1 ? 0 : unit]!
