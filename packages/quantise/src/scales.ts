import { chunks, madeAtOnce, type Payload, readAll, type Tensor, valuesOf } from '@pare/onnx'
import { scaleAs, type WeightType } from './halves/stored-halves.js'

/** Largest code of 8 bits: −127 … 127, so that both signs reach equally far and 0 is 0. */
export const MOST_CODE = 127

/**
 * Of codes whose products are summed two by two in 16 bits on CPUs without VNNI: 2 · 64 · 255 fits, and sums are exact everywhere. A convolution of each channel for itself
 * multiplies one by one, and has all codes.
 */
export const MOST_OF_TWO = 64

/** f32[units]: the largest size of a unit's elements ÷ 127, as a tensor of `type` holds it. Of a unit that is all zeros 1. Reads the weight once, in pieces. */
export async function unitScales(tensor: Tensor, axis: number, type: WeightType = 'float32'): Promise<Float32Array> {
  return (await unitLargest(tensor, axis)).map((most) => (most > 0 ? scaleAs(type, most / MOST_CODE) : 1))
}

/** f32[units]: the largest size of a unit's elements. Reads the weight once, in pieces. */
export async function unitLargest(tensor: Tensor, axis: number): Promise<Float32Array> {
  const { units, inner } = stridesOf(tensor.shape, axis)
  const largest = new Float32Array(units)
  for await (const { bytes, offset } of chunks(tensor.data)) {
    const values = floats(bytes)
    const start = offset / 4
    for (let i = 0; i < values.length; i++) {
      const unit = Math.floor((start + i) / inner) % units
      const size = Math.abs(values[i]!)
      if (size > largest[unit]!) largest[unit] = size
    }
  }
  return largest
}

/** The largest size of an element. */
export async function largest(tensor: Tensor): Promise<number> {
  let most = 0
  for await (const { bytes } of chunks(tensor.data))
    for (const value of floats(bytes)) if (Math.abs(value) > most) most = Math.abs(value)
  return most
}

/** How codes are written: int8 around 0, or uint8 around 128. */
export type CodeType = 'int8' | 'uint8'

const MIDDLE: Readonly<Record<CodeType, number>> = { int8: 0, uint8: 128 }

/** Codes of 8 bits, in the weight's own order, made from whatever stretch is read. */
export function unitCodes(tensor: Tensor, { axis, scales, type }: UnitCodes): Payload {
  const { units, inner } = stridesOf(tensor.shape, axis)
  return {
    byteLength: tensor.data.byteLength / 4,
    async read(target, offset) {
      const bytes = new Uint8Array(4 * target.byteLength)
      await tensor.data.read(bytes, 4 * offset)
      const values = floats(bytes)
      for (let i = 0; i < values.length; i++)
        target[i] = MIDDLE[type] + code(values[i]! / scales[Math.floor((offset + i) / inner) % units]!)
    },
  }
}

export interface UnitCodes {
  readonly axis: number
  /** One for each unit along it. */
  readonly scales: Float32Array
  readonly type: CodeType
}

/** The same of a matrix [units, inputs] as [inputs, units]. The weight is read as a whole. */
export function turnedCodes(tensor: Tensor, { scales, type }: UnitCodes): Payload {
  const [rows, columns] = tensor.shape as [number, number]
  return madeAtOnce(rows * columns, async () => {
    const values = floats(await readAll(tensor.data))
    const codes = new Uint8Array(values.length)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) codes[j * rows + i] = MIDDLE[type] + code(values[i * columns + j]! / scales[i]!)
    return codes
  })
}

export function floats(bytes: Uint8Array): Float32Array {
  return valuesOf('float32', bytes) as Float32Array
}

/** To the nearest, halves away from 0. */
function code(ratio: number): number {
  const rounded = Math.sign(ratio) * Math.floor(Math.abs(ratio) + 0.5)
  return Math.max(-MOST_CODE, Math.min(MOST_CODE, rounded))
}

function stridesOf(shape: readonly number[], axis: number): { units: number; inner: number } {
  return { units: shape[axis]!, inner: shape.slice(axis + 1).reduce((a, b) => a * b, 1) }
}
