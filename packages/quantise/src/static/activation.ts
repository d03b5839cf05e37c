/** What values between layers are rounded to: 256 codes between two numbers, 0 among them. */
export interface ActivationRange {
  /** Name of the value. */
  readonly id: string
  readonly low: number
  readonly high: number
}

/** f32 */
export interface ActivationScale {
  readonly scale: number
  /** The code of 0. */
  readonly zero: number
}

export const MOST_ACTIVATION = 255

/** The scale of codes 0 … 255. With bounds of a Clip nothing that they stand for lies outside, so that rounding does what the Clip did. */
export function scaleOfRange({ low, high }: Pick<ActivationRange, 'low' | 'high'>): ActivationScale {
  if (high === low) return { scale: 1, zero: 0 }
  let scale = Math.fround((high - low) / MOST_ACTIVATION)
  if (low === 0) while (Math.fround(scale * MOST_ACTIVATION) > high) scale = before(scale)
  const zero = Math.max(0, Math.min(MOST_ACTIVATION, Math.round(-low / scale)))
  return { scale, zero }
}

/** The next smaller f32 of a positive one. */
function before(value: number): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  view.setUint32(0, view.getUint32(0) - 1)
  return view.getFloat32(0)
}
