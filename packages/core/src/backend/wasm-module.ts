import { signed, unsigned } from '@pare/wasm'

// Instructions as lists of bytes in stack order, for loops over vectors of four f32.

export type Code = readonly number[]

const vector = (opcode: number, ...immediate: number[]): Code => [0xfd, ...unsigned(opcode), ...immediate]
const floats = (value: number) => [...new Uint8Array(Float32Array.of(value).buffer)]
const four = <T>(items: readonly T[]) => [...items, ...items, ...items, ...items]

export const get = (local: number): Code => [0x20, ...unsigned(local)]
export const set = (local: number): Code => [0x21, ...unsigned(local)]
export const tee = (local: number): Code => [0x22, ...unsigned(local)]

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  load: (offset: number): Code => [0x28, 2, ...unsigned(offset)],
  load16: (offset: number): Code => [0x2f, 1, ...unsigned(offset)],
  store: (offset: number): Code => [0x36, 2, ...unsigned(offset)],
  ne: [0x47] as Code,
  lessUnsigned: [0x49] as Code,
  /** Of the lowest bit that is set; 32 where none is. */
  trailingZeros: [0x68] as Code,
  add: [0x6a] as Code,
  sub: [0x6b] as Code,
  and: [0x71] as Code,
  or: [0x72] as Code,
  shl: [0x74] as Code,
  shiftUnsigned: [0x76] as Code,
  /** The bits of an f32. */
  bitsOf: [0xbc] as Code,
} as const

export const f32x4 = {
  load: (offset: number) => vector(0x00, 4, ...unsigned(offset)),
  store: (offset: number) => vector(0x0b, 4, ...unsigned(offset)),
  const: (value: number) => vector(0x0c, ...four(floats(value))),
  splat: vector(0x13),
  eq: vector(0x41),
  lt: vector(0x43),
  gt: vector(0x44),
  le: vector(0x45),
  ge: vector(0x46),
  negate: vector(0xe1),
  sqrt: vector(0xe3),
  add: vector(0xe4),
  subtract: vector(0xe5),
  multiply: vector(0xe6),
  divide: vector(0xe7),
  min: vector(0xe8),
  max: vector(0xe9),
} as const

export const i32x4 = {
  const: (value: number) => vector(0x0c, ...four([value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24])),
  splat: vector(0x11),
  lane: (lane: number) => vector(0x1b, lane),
  and: vector(0x4e),
  /** (a, b): a and not b. */
  andnot: vector(0x4f),
  or: vector(0x50),
  xor: vector(0x51),
  /** (a, b, mask): a where mask is set, else b. */
  select: vector(0x52),
  any: vector(0x53),
  /** Bit i: the sign of lane i. */
  signs: vector(0xa4),
  eq: vector(0x37),
  gt: vector(0x3b),
  shiftSigned: vector(0xac),
  add: vector(0xae),
  sub: vector(0xb1),
  min: vector(0xb6),
  max: vector(0xb8),
  /** Of an i16x8: lane i = lane 2i + lane 2i + 1, taken as unsigned. */
  addPairs: vector(0x7f),
} as const

export const i16x8 = {
  splat: vector(0x10),
  eq: vector(0x2d),
  gt: vector(0x31),
  /** Of two i32x4, each lane brought into the range of its type. */
  narrow: vector(0x85),
  sub: vector(0x91),
  minUnsigned: vector(0x97),
} as const

export const i8x16 = {
  /** Bit i: the sign of lane i. */
  signs: vector(0x64),
  /** Of two i16x8, each lane brought into the range of its type. */
  narrow: vector(0x65),
} as const

/** Repeats `body` while the condition it leaves on the stack holds. */
export const loop = (body: Code): Code => [0x03, 0x40, ...body, 0x0d, 0, 0x0b]
/** Runs `body` if the condition on the stack holds. */
export const when = (body: Code): Code => [0x04, 0x40, ...body, 0x0b]
