import { type DataType, type Model, visitNodes, withTensors } from '@pare/onnx'

/**
 * How far a cut model may be from the gated one, relative to the largest element of an output. Both sum the same products, in another order: each sum
 * rounds differently, by some units of the type's precision, and depth adds up to tens of them. A wrong cut is off by a tenth and more. So the limits
 * stand between, nearer to rounding: see docs/decisions/008-proof.md.
 */
const TOLERANCES = {
  /** 2⁻⁵³ ≈ 1e-16 in f64; some operators of ONNX Runtime have f32 constants inside. */
  float64: 1e-9,
  /** 2⁻²⁴ ≈ 6e-8; what trained models showed was 1e-7 to 3e-6. Halves are proved in f32. */
  float32: 1e-4,
  /** A sum at the border of two steps of 8 bits falls to either side, where these are not given as decisions: 1/127 of the range, a few times over. */
  quantized: 0.03,
} as const

/** Operators that round floats to codes. */
const ROUNDS = new Set(['QuantizeLinear', 'DynamicQuantizeLinear'])
/** Those that do so inside, where nothing sees the codes. */
const ROUNDS_INSIDE = new Set(['DynamicQuantizeMatMul', 'DynamicQuantizeLSTM'])

/** Steps are decisions (decisions.ts) in the main graph of a model that is cut. */
export function toleranceOf(model: Model, step: 'cut' | 'permute'): number {
  let quantized = false
  visitNodes(model, ({ op }, { path }) => {
    quantized ||= ROUNDS_INSIDE.has(op) || (ROUNDS.has(op) && (path !== '' || step === 'permute'))
  })
  if (quantized) return TOLERANCES.quantized
  const types = new Set<DataType | undefined>([...model.graph.inputs, ...model.graph.outputs].map(({ type }) => type))
  withTensors(model, (tensor) => {
    types.add(tensor.type)
    return tensor
  })
  const narrower = (['float32', 'float16', 'bfloat16'] as const).some((type) => types.has(type))
  return types.has('float64') && !narrower ? TOLERANCES.float64 : TOLERANCES.float32
}
