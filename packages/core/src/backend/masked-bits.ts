import type { Bits } from './backend.js'

/** target[at + i] = bits[i] for elements of f32, and 0 for smaller ones where bits[i] is 0. `bits`: those of the weights as f32, of which the masked ones are 0. */
export function setMaskedBits(target: Bits, at: number, bits: Uint32Array): void {
  if (target instanceof Uint32Array) return target.set(bits, at)
  const { length } = bits
  // Smaller elements were widened: what is zero now was zero or is masked.
  for (let i = 0; i < length; i++) target[at + i]! &= -(bits[i] !== 0)
}
