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

/** How values are stored: as f32, halves, or codes of 8 bits. */
export type ValueKind = 'f32' | 'f16' | 'i8'

const VALUE_BYTES: Readonly<Record<ValueKind, number>> = { f32: 4, f16: 2, i8: 1 }

/** How a kernel reads values as floats. */
export interface KernelValues {
  /** Of one. */
  readonly bytes: number
  /** Goes before the first read. */
  readonly begin: Code
  /** `use` of each four of 4 · `count` values from an address on, `count` being even. */
  fours(address: Code, offset: number, count: number, use: (four: Code, i: number) => Code): Code
}

/**
 * Halves, with their sign extended to 32 bits, become floats as their exponent moves from bit 10 to bit 23 and its bias from 15 to 127: h · 2^112. Exact,
 * subnormals included. Halves that are infinite or NaN are not stored.
 */
export function valuesOf(kind: ValueKind, writer: Writer): KernelValues {
  const bytes = VALUE_BYTES[kind]
  const each = (four: (address: Code, offset: number) => Code): KernelValues['fours'] => {
    return (address, offset, count, use) => indices(count).map((i) => use(four(address, offset + 4 * bytes * i), i))
  }
  switch (kind) {
    case 'f32':
      return { bytes, begin: [], fours: each((address, offset) => v128.load(address, offset)) }
    case 'f16': {
      // Constants are built wherever they stand, so they are in locals.
      const [mask, scale] = writer.locals('v128', 2)
      return {
        bytes,
        begin: [mask.set(i32x4.const(0x8fffe000)), scale.set(f32x4.const(2 ** 112))],
        fours: each((address, offset) => f32x4.mul(v128.and(i32x4.shl(v128.load16x4(address, offset), 13), mask.get), scale.get)),
      }
    }
    case 'i8': {
      const eight = writer.local('v128')
      const halves = [i32x4.extendLow, i32x4.extendHigh] as const
      return {
        bytes,
        begin: [],
        fours: (address, offset, count, use) =>
          indices(count / 2).map((i) => [
            eight.set(v128.load8x8(address, offset + 8 * i)),
            halves.map((extend, half) => use(f32x4.convert(extend(eight.get)), 2 * i + half)),
          ]),
      }
    }
  }
}

const indices = (count: number) => Array.from({ length: count }, (_, i) => i)

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
