import { type Code, signed, unsigned } from './encoding.js'

// Just enough of WebAssembly to write kernels as nested expressions: each instruction takes its operands' code and gives its own.

const simple =
  (opcode: number) =>
  (...operands: Code[]): Code => [operands, opcode]
const simd =
  (opcode: number) =>
  (...operands: Code[]): Code => [operands, 0xfd, unsigned(opcode)]
const from =
  (opcode: Code, align: number) =>
  (address: Code, offset = 0): Code => [address, opcode, align, unsigned(offset)]
const to =
  (opcode: Code, align: number) =>
  (address: Code, value: Code, offset = 0): Code => [address, value, opcode, align, unsigned(offset)]

export const i32 = {
  const: (value: number): Code => [0x41, signed(value)],
  load: from([0x28], 2),
  load8: from([0x2d], 0),
  load16: from([0x2f], 1),
  store: to([0x36], 2),
  eq: simple(0x46),
  ne: simple(0x47),
  lt: simple(0x49),
  le: simple(0x4d),
  /** Zeros below the lowest bit that is set; 32 where none is. */
  trailingZeros: simple(0x68),
  add: simple(0x6a),
  sub: simple(0x6b),
  mul: simple(0x6c),
  and: simple(0x71),
  or: simple(0x72),
  shl: simple(0x74),
  shr: simple(0x76),
  /** The bits of an f32. */
  bitsOf: simple(0xbc),
} as const

/** Address arithmetic. */
export const plus = (a: Code, b: Code | number): Code => i32.add(a, typeof b === 'number' ? i32.const(b) : b)

export const f32 = {
  load: from([0x2a], 2),
  store: to([0x38], 2),
  const: (value: number): Code => [0x43, [...new Uint8Array(Float32Array.of(value).buffer)]],
  sqrt: simple(0x91),
  add: simple(0x92),
  sub: simple(0x93),
  mul: simple(0x94),
  div: simple(0x95),
  /** Of an i32 that counts. */
  convert: simple(0xb3),
} as const

export const v128 = {
  load: from([0xfd, 0x00], 2),
  /** Eight 8-bit integers with sign, as i16x8. */
  load8x8: from([0xfd, 0x01], 0),
  /** Four 16-bit integers with sign. */
  load16x4: from([0xfd, 0x03], 1),
  load32Splat: from([0xfd, 0x09], 2),
  load64Splat: from([0xfd, 0x0a], 3),
  store: to([0xfd, 0x0b], 2),
  load32Zero: from([0xfd, 0x5c], 2),
  load64Zero: from([0xfd, 0x5d], 3),
  load32Lane: (address: Code, vector: Code, lane: number, offset = 0): Code => [
    address,
    vector,
    0xfd,
    0x56,
    2,
    unsigned(offset),
    lane,
  ],
  store32Lane: (address: Code, vector: Code, lane: number, offset = 0): Code => [
    address,
    vector,
    0xfd,
    0x5a,
    2,
    unsigned(offset),
    lane,
  ],
  store64Lane: (address: Code, vector: Code, lane: number, offset = 0): Code => [
    address,
    vector,
    0xfd,
    0x5b,
    3,
    unsigned(offset),
    lane,
  ],
  and: simd(0x4e),
  /** (a, b): a and not b. */
  andnot: simd(0x4f),
  or: simd(0x50),
  xor: simd(0x51),
  /** (a, b, mask): a where mask is set, else b. */
  select: simd(0x52),
  /** 1 where any bit is set, else 0. */
  any: simd(0x53),
} as const

export const i8x16 = {
  /** Bit i: the sign of lane i. */
  signs: simd(0x64),
  /** Of two i16x8, each lane brought into the range of its type. */
  narrow: simd(0x65),
} as const

export const i16x8 = {
  splat: simd(0x10),
  eq: simd(0x2d),
  gt: simd(0x31),
  /** Of two i32x4, each lane brought into the range of its type. */
  narrow: simd(0x85),
  sub: simd(0x91),
  minUnsigned: simd(0x97),
} as const

export const i32x4 = {
  const: (value: number): Code => [0xfd, 0x0c, four([value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24])],
  splat: simd(0x11),
  lane: (vector: Code, lane: number): Code => [vector, 0xfd, 0x1b, lane],
  eq: simd(0x37),
  gt: simd(0x3b),
  /** Of an i16x8: lane i = lane 2i + lane 2i + 1, taken as unsigned. */
  addPairs: simd(0x7f),
  /** Bit i: the sign of lane i. */
  signs: simd(0xa4),
  /** Of an i16x8, its lower lanes. */
  extendLow: simd(0xa7),
  extendHigh: simd(0xa8),
  shl: (vector: Code, bits: number): Code => [vector, i32.const(bits), 0xfd, unsigned(0xab)],
  shiftSigned: (vector: Code, bits: number): Code => [vector, i32.const(bits), 0xfd, unsigned(0xac)],
  add: simd(0xae),
  sub: simd(0xb1),
  min: simd(0xb6),
  max: simd(0xb8),
  /** Of floats, towards zero. */
  fromFloat: simd(0xf8),
} as const

export const f32x4 = {
  const: (value: number): Code => [0xfd, 0x0c, four([...new Uint8Array(Float32Array.of(value).buffer)])],
  splat: simd(0x13),
  /** Lanes of a (0 to 3) and b (4 to 7). */
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => [
    a,
    b,
    0xfd,
    0x0d,
    lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
  ],
  lane: (vector: Code, lane: number): Code => [vector, 0xfd, 0x1f, lane],
  eq: simd(0x41),
  lt: simd(0x43),
  gt: simd(0x44),
  le: simd(0x45),
  ge: simd(0x46),
  nearest: simd(0x6a),
  abs: simd(0xe0),
  neg: simd(0xe1),
  sqrt: simd(0xe3),
  add: simd(0xe4),
  sub: simd(0xe5),
  mul: simd(0xe6),
  div: simd(0xe7),
  min: simd(0xe8),
  max: simd(0xe9),
  /** a < b ? a : b and a > b … as one instruction on x86: a NaN in a gives b. */
  pmin: simd(0xea),
  pmax: simd(0xeb),
  /** Of i32x4. */
  convert: simd(0xfa),
  /** a · b + c, rounded once or twice: relaxed SIMD. */
  relaxedMadd: simd(0x105),
} as const

export const f64x2 = {
  /** Of the two lower lanes of four f32. */
  promoteLow: simd(0x5f),
  /** Of the two upper lanes. */
  promoteHigh: (four: Code): Code => f64x2.promoteLow(f32x4.shuffle(four, four, [2, 3, 0, 0])),
  add: simd(0xf0),
  sub: simd(0xf1),
  mul: simd(0xf2),
} as const

/** Bytes from one address to another. */
export const copy = (to: Code, from: Code, bytes: Code): Code => [to, from, bytes, 0xfc, 0x0a, 0, 0]
/** Bytes from an address on = 0. */
export const zero = (address: Code, bytes: Code): Code => [address, i32.const(0), bytes, 0xfc, 0x0b, 0]

/** Runs `body` while the condition after it holds, once at least. */
export const repeat = (body: Code, condition: Code): Code => [0x03, 0x40, body, condition, 0x0d, 0, 0x0b]
export const when = (condition: Code, then: Code): Code => [condition, 0x04, 0x40, then, 0x0b]
export const either = (condition: Code, then: Code, otherwise: Code): Code => [condition, 0x04, 0x40, then, 0x05, otherwise, 0x0b]
/** Runs `body` while the condition before it holds. */
export const loopWhile = (condition: Code, body: Code): Code => when(condition, repeat(body, condition))

const four = (bytes: readonly number[]): Code => [bytes, bytes, bytes, bytes]
