import { float32ToBfloat16, float32ToFloat16, type Model, type Payload, type Tensor, usesOf } from '@pare/onnx'
import type { Quantiser } from './choices.js'
import type { FoundWeights } from './find.js'
import { floats, largest } from './scales.js'
import type { QuantisedWeight, UnquantisedWeight } from './step.js'

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
const MOST: Readonly<Record<HalfMethod, number>> = { f16: 65504, bf16: 3.3895313892515355e38 }

/** Weights with an element that no half holds stay as they are. */
export async function withinHalves(model: Model, { weights, left }: FoundWeights, method: HalfMethod): Promise<FoundWeights> {
  const { constants } = usesOf(model.graph)
  const fitting: QuantisedWeight[] = []
  const outside: UnquantisedWeight[] = []
  for (const weight of weights) {
    const most = await largest(constants.get(weight.id)!)
    if (most <= MOST[method]) fitting.push(weight)
    else {
      const reason = `it has an element of ${most.toPrecision(3)}; ${HALF_TYPES[method]} reaches to ${Number(MOST[method].toPrecision(5))}`
      outside.push({ id: weight.id, elements: weight.elements, reason })
    }
  }
  return { weights: fitting, left: [...left, ...outside] }
}
