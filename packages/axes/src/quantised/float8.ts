import type { DataType } from '@pare/onnx'

interface Layout {
  /** Bits of the mantissa. */
  readonly mantissa: number
  /** Of the exponent. */
  readonly bias: number
  /** Whether the byte is no finite number. */
  isNotFinite(byte: number): boolean
}

/** The floats of 8 bits of ONNX (Micikevicius et al. 2022, arXiv 2209.05433; Noune et al. 2022, arXiv 2206.02915). */
const LAYOUTS: Partial<Readonly<Record<DataType, Layout>>> = {
  float8e4m3fn: { mantissa: 3, bias: 7, isNotFinite: (byte) => (byte & 0x7f) === 0x7f },
  float8e4m3fnuz: { mantissa: 3, bias: 8, isNotFinite: (byte) => byte === 0x80 },
  float8e5m2: { mantissa: 2, bias: 15, isNotFinite: (byte) => (byte & 0x7f) >= 0x7c },
  float8e5m2fnuz: { mantissa: 2, bias: 16, isNotFinite: (byte) => byte === 0x80 },
}

export function isFloat8(type: DataType): boolean {
  return LAYOUTS[type] !== undefined
}

/** f32[256]: what each byte stands for. Infinities are NaN: a weight that holds one is refused. */
export function float8Values(type: DataType): Float32Array {
  const { mantissa, bias, isNotFinite } = LAYOUTS[type]!
  return Float32Array.from({ length: 256 }, (_, byte) => {
    if (isNotFinite(byte)) return Number.NaN
    const [sign, magnitude] = [byte >= 0x80 ? -1 : 1, byte & 0x7f]
    const [exponent, fraction] = [magnitude >> mantissa, (magnitude & ((1 << mantissa) - 1)) / (1 << mantissa)]
    // Where the exponent is 0 there is no leading 1.
    return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias))
  })
}
