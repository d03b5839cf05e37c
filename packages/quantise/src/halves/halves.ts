import { float32ToBfloat16, float32ToFloat16, type Payload, type Tensor } from '@pare/onnx'
import type { Quantiser } from '../choices.js'
import { floats } from '../scales.js'

/** Methods that store 16-bit floats, and of which type. */
export const HALF_TYPES = { f16: 'float16', bf16: 'bfloat16' } as const

export type HalfMethod = keyof typeof HALF_TYPES

export function isHalf(method: Quantiser): method is HalfMethod {
  return method in HALF_TYPES
}

const ROUNDED = { f16: float32ToFloat16, bf16: float32ToBfloat16 }

/** Elements of f32 as halves, made from whatever stretch is read. */
export function halvesOf({ data }: Tensor, method: HalfMethod): Payload {
  return {
    byteLength: data.byteLength / 2,
    async read(target, offset) {
      const bytes = new Uint8Array(2 * target.byteLength)
      await data.read(bytes, 2 * offset)
      const words = ROUNDED[method](floats(bytes))
      target.set(new Uint8Array(words.buffer, words.byteOffset, target.byteLength))
    },
  }
}

/** The largest finite ones. bfloat16 reaches as far as f32, but for its last steps. */
export const MOST_HALF: Readonly<Record<HalfMethod, number>> = { f16: 65504, bf16: 3.3895313892515355e38 }
