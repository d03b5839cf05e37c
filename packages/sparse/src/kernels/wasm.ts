// Just enough of WebAssembly's binary format to write kernels as nested expressions: each instruction takes its operands' code and gives its own.

export type Code = readonly (number | Code)[]
export type Type = keyof typeof TYPES
const TYPES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, v128: 0x7b } as const

/** A local variable or parameter of a function being written. */
export interface Local {
  readonly get: Code
  set(value: Code): Code
  tee(value: Code): Code
}

export interface Writer {
  readonly parameters: readonly Local[]
  local(type: Type): Local
  locals(type: Type, count: number): Local[]
}

export interface Definition {
  readonly name: string
  readonly parameters: readonly Type[]
  readonly locals: readonly Type[]
  readonly body: Code
}

/** A function that returns nothing. `write` gets a handle of each parameter, in order. */
export function define(name: string, parameters: readonly Type[], write: (writer: Writer) => Code): Definition {
  const locals: Type[] = []
  const local = (type: Type) => handle(parameters.length + locals.push(type) - 1)
  const body = write({
    parameters: parameters.map((_, i) => handle(i)),
    local,
    locals: (type, count) => Array.from({ length: count }, () => local(type)),
  })
  return { name, parameters, locals, body }
}

function handle(index: number): Local {
  return {
    get: [0x20, unsigned(index)],
    set: (value) => [value, 0x21, unsigned(index)],
    tee: (value) => [value, 0x22, unsigned(index)],
  }
}

/** A module that imports `env.memory` and exports these functions. */
export function moduleOf(functions: readonly Definition[], memory: 'plain' | 'shared'): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [0x60, list(parameters.map((type) => [TYPES[type]])), 0])
  const limits = memory === 'shared' ? [0x03, 1, unsigned(65536)] : [0x00, 1]
  const imported = [text('env'), text('memory'), 0x02, limits]
  const exported = functions.map(({ name }, i) => [text(name), 0x00, unsigned(i)])
  const bodies = functions.map(({ locals, body }) => sized([list(locals.map((type) => [1, TYPES[type]])), body, 0x0b]))
  const sections: [number, Code][] = [
    [1, list(types)],
    [2, list([imported])],
    [3, list(functions.map((_, i) => unsigned(i)))],
    [7, list(exported)],
    [10, list(bodies)],
  ]
  return Uint8Array.from(flat([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, sections.map(([id, content]) => [id, sized(content)])]))
}

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
  lt: simple(0x49),
  le: simple(0x4d),
  add: simple(0x6a),
  sub: simple(0x6b),
  mul: simple(0x6c),
  and: simple(0x71),
  shl: simple(0x74),
  shr: simple(0x76),
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
  or: simd(0x50),
  xor: simd(0x51),
  /** (a, b, mask): a where mask is set, else b. */
  select: simd(0x52),
} as const

export const i32x4 = {
  const: (value: number): Code => [0xfd, 0x0c, four([value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24])],
  shl: (vector: Code, bits: number): Code => [vector, i32.const(bits), 0xfd, unsigned(0xab)],
  add: simd(0xae),
  sub: simd(0xb1),
  lane: (vector: Code, lane: number): Code => [vector, 0xfd, 0x1b, lane],
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
  /** a · b + c, rounded once or twice: relaxed SIMD. */
  relaxedMadd: simd(0x105),
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
const sized = (content: Code): Code => {
  const bytes = flat(content)
  return [unsigned(bytes.length), bytes]
}
const list = (items: readonly Code[]): Code => [unsigned(items.length), items]
const text = (string: string): Code => sized([...new TextEncoder().encode(string)])

function flat(code: Code, bytes: number[] = []): number[] {
  for (const item of code) typeof item === 'number' ? bytes.push(item) : flat(item, bytes)
  return bytes
}

/** LEB128. */
function unsigned(value: number): Code {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}

function signed(value: number): Code {
  const bytes: number[] = []
  for (let rest = value | 0; ; rest >>= 7) {
    const byte = rest & 127
    if ((rest === 0 && (byte & 64) === 0) || (rest === -1 && (byte & 64) !== 0)) return [...bytes, byte]
    bytes.push(byte | 128)
  }
}
