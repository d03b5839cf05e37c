import { chunks, elementCount, type Tensor } from '@pare/onnx'
import { hasBit, noBits, packBits, setBit } from '../apply/mask-bits.js'
import { CHUNK_BYTES, floatType, narrowest, widthOf } from '../backend/stream.js'
import type { Weight } from '../contract/contract.js'
import type { MaskedWeight } from '../plan/plan.js'

/** Which elements of a tensor of floats are zero: bits, as in a plan. */
export async function zerosOf(tensor: Tensor): Promise<Uint8Array> {
  const bits = noBits(elementCount(tensor.shape))
  for await (const { values, start } of stretchesOf(tensor))
    for (let i = 0; i < values.length; i++) if (values[i] === 0) setBit(bits, start + i)
  return bits
}

/** The mask of a tensor of floats: u8, 1 where an element stays and 0 where it is zero, in pieces. */
export async function* keptIn(tensor: Tensor): AsyncGenerator<Uint8Array> {
  for await (const { values } of stretchesOf(tensor)) {
    const kept = new Uint8Array(values.length)
    for (let i = 0; i < kept.length; i++) kept[i] = Number(values[i] !== 0)
    yield kept
  }
}

/** What a plan says of a weight that is masked by these bits. */
export async function maskedByBits({ id, tensor }: Weight, bits: Uint8Array): Promise<MaskedWeight> {
  let zeros = 0
  let masked = 0
  for await (const { values, start } of stretchesOf(tensor)) {
    for (let i = 0; i < values.length; i++) {
      const isZero = values[i] === 0
      zeros += Number(isZero)
      masked += Number(isZero || hasBit(bits, start + i))
    }
  }
  return { id, elements: elementCount(tensor.shape), zeros, masked, rule: packBits(bits) }
}

/** The elements of a tensor in order, in pieces. */
async function* stretchesOf(tensor: Tensor) {
  for await (const { bytes, offset } of chunks(tensor.data, CHUNK_BYTES))
    yield { values: narrowest(bytes, floatType(tensor)), start: offset / widthOf(tensor) }
}
