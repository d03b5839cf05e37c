import { type Code, f32x4, i32, i32x4, type Local, v128, type Writer } from '@pare/wasm'

/** What the engine can do and what is stored, as far as it changes the code of kernels. */
export interface Variant {
  /** Relaxed SIMD: a · b + c in one instruction. Engines without it (V8 before 11.4) also move all loads of a stretch of code to its beginning, so stretches must be short. */
  readonly relaxed: boolean
  /** Whether values are stored as halves. */
  readonly half: boolean
}

/** a · b + c */
export function madd({ relaxed }: Variant, a: Code, b: Code, c: Code): Code {
  return relaxed ? f32x4.relaxedMadd(a, b, c) : f32x4.add(c, f32x4.mul(a, b))
}

export const valueBytes = ({ half }: Variant) => (half ? 2 : 4)

/** Four values from an address on. */
export function loadFour(variant: Variant, address: Code, offset = 0): Code {
  return variant.half ? widen(v128.load16x4(address, offset)) : v128.load(address, offset)
}

/** One value in all lanes. */
export function loadSplat(variant: Variant, address: Code, offset = 0): Code {
  return variant.half ? widen(i32x4.splat(i32.load16Signed(address, offset))) : v128.load32Splat(address, offset)
}

/**
 * Halves with their sign extended to 32 bits, as floats: the exponent moves from bit 10 to bit 23 and its bias from 15 to 127, h · 2^112. Exact, subnormals
 * included. Halves that are infinite or NaN are not stored.
 */
function widen(integers: Code): Code {
  return f32x4.mul(v128.and(i32x4.shl(integers, 13), i32x4.const(0x8fffe000)), f32x4.const(2 ** 112))
}

/** Splats of `count` values that lie one after another, each given to `use` in turn. */
export function splats(
  variant: Variant,
  values: { readonly address: Code; readonly count: number },
  writer: Writer,
  use: (splat: Local, i: number) => Code,
): Code {
  const { address, count } = values
  const bytes = valueBytes(variant)
  const splat = writer.local('v128')
  const code: Code[] = []
  // Where loads are moved to the front anyway, four splats at once would only take registers.
  const fours = variant.relaxed ? count >> 2 : 0
  for (let f = 0; f < fours; f++) {
    const four = writer.local('v128')
    code.push(four.set(loadFour(variant, address, 4 * f * bytes)))
    for (let k = 0; k < 4; k++) code.push(splat.set(f32x4.shuffle(four.get, four.get, [k, k, k, k])), use(splat, 4 * f + k))
  }
  for (let i = 4 * fours; i < count; i++) code.push(splat.set(loadSplat(variant, address, i * bytes)), use(splat, i))
  return code
}
