import { bytesOf, makeTensor, type Tensor, valuesOf } from '@pare/onnx'

/** A tensor of f16 or bf16 as f32. Its elements are widened when they are read, each time. */
export function widenedTensor({ name, type, shape, data }: Tensor): Tensor {
  const payload = { byteLength: 2 * data.byteLength, read }
  return makeTensor({ name, type: 'float32', shape, data: payload })

  async function read(target: Uint8Array, offset: number): Promise<void> {
    const [first, end] = [Math.floor(offset / 4), Math.ceil((offset + target.byteLength) / 4)]
    const halves = new Uint8Array(2 * (end - first))
    await data.read(halves, 2 * first)
    const floats = bytesOf('float32', valuesOf(type, halves) as Float32Array)
    target.set(floats.subarray(offset - 4 * first, offset - 4 * first + target.byteLength))
  }
}
