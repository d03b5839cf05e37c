import { bytesOf, editTensor, elementCount, type Tensor, valuesOf } from '@pare/onnx'

/** The tensor with the elements of each place along an axis times that place's factor, rounded to its type once. Computed when it is read, from whatever stretch is. */
export function scaledAlong(tensor: Tensor, axis: number, factors: ArrayLike<number>): Tensor {
  const { type, shape, data } = tensor
  const size = data.byteLength / elementCount(shape)
  const inner = elementCount(shape.slice(axis + 1))
  return editTensor(tensor, {
    data: {
      byteLength: data.byteLength,
      async read(target, offset) {
        const bytes = new Uint8Array(target.byteLength)
        await data.read(bytes, offset)
        const values = valuesOf(type, bytes)
        const scaled = new Float64Array(values.length)
        const from = offset / size
        for (let i = 0; i < values.length; i++)
          scaled[i] = Number(values[i]) * factors[Math.floor((from + i) / inner) % factors.length]!
        target.set(bytesOf(type, scaled))
      },
    },
  })
}
