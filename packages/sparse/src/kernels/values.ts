import { type Code, f32x4, i32x4, type Local, v128, type Writer } from '@pare/wasm'

/** What the engine can do, as far as it changes the code of kernels. */
export interface Variant {
  /** Relaxed SIMD: a · b + c in one instruction. Engines without it (V8 before 11.4) also move all loads of a stretch of code to its beginning, so stretches must be short. */
  readonly relaxed: boolean
}

/** a · b + c */
export function madd({ relaxed }: Variant, a: Code, b: Code, c: Code): Code {
  return relaxed ? f32x4.relaxedMadd(a, b, c) : f32x4.add(c, f32x4.mul(a, b))
}

/** How a kernel reads values as floats. */
export interface Values {
  /** Of one. */
  readonly bytes: number
  /** Goes before the first read. */
  readonly begin: Code
  /** Four from an address on. */
  four(address: Code, offset?: number): Code
}

/**
 * Values that are stored as f32 or as halves. Halves, with their sign extended to 32 bits, become floats as their exponent moves from bit 10 to bit 23 and its
 * bias from 15 to 127: h · 2^112. Exact, subnormals included. Halves that are infinite or NaN are not stored.
 */
export function valuesOf(half: boolean, writer: Writer): Values {
  if (!half) return { bytes: 4, begin: [], four: (address, offset = 0) => v128.load(address, offset) }
  // Constants are built wherever they stand, so they are in locals.
  const [mask, scale] = writer.locals('v128', 2)
  return {
    bytes: 2,
    begin: [mask.set(i32x4.const(0x8fffe000)), scale.set(f32x4.const(2 ** 112))],
    four: (address, offset = 0) => f32x4.mul(v128.and(i32x4.shl(v128.load16x4(address, offset), 13), mask.get), scale.get),
  }
}

/** Splats of `count` floats that lie one after another, each given to `use` in turn. */
export function splats(
  variant: Variant,
  values: { readonly address: Code; readonly count: number },
  writer: Writer,
  use: (splat: Local, i: number) => Code,
): Code {
  const { address, count } = values
  const splat = writer.local('v128')
  const code: Code[] = []
  // Where loads are moved to the front anyway, four splats at once would only take registers.
  const fours = variant.relaxed ? count >> 2 : 0
  for (let f = 0; f < fours; f++) {
    const four = writer.local('v128')
    code.push(four.set(v128.load(address, 16 * f)))
    for (let k = 0; k < 4; k++) code.push(splat.set(f32x4.shuffle(four.get, four.get, [k, k, k, k])), use(splat, 4 * f + k))
  }
  for (let i = 4 * fours; i < count; i++) code.push(splat.set(v128.load32Splat(address, 4 * i)), use(splat, i))
  return code
}
