// Just enough of WebAssembly's binary format to write loops over vectors of f32: each instruction takes its operands' code and gives its own.

export type Code = readonly (number | Code)[]
export type Type = keyof typeof TYPES
const TYPES = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const

/** A parameter or local variable of a function being written. */
export interface Local {
  readonly get: Code
  set(value: Code): Code
}

export interface Definition {
  readonly name: string
  readonly parameters: readonly Type[]
  readonly locals: readonly Type[]
  readonly body: Code
}

/** A function that returns nothing. `write` gets a handle of each parameter, in order, and makes local variables. */
export function define(
  name: string,
  parameters: readonly Type[],
  write: (parameters: readonly Local[], local: (type: Type) => Local) => Code,
): Definition {
  const locals: Type[] = []
  const body = write(
    parameters.map((_, i) => handle(i)),
    (type) => handle(parameters.length + locals.push(type) - 1),
  )
  return { name, parameters, locals, body }
}

function handle(index: number): Local {
  return { get: [0x20, unsigned(index)], set: (value) => [value, 0x21, unsigned(index)] }
}

/** A module that imports `env.memory` and exports these functions. */
export function moduleOf(functions: readonly Definition[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [0x60, list(parameters.map((type) => [TYPES[type]])), 0])
  const bodies = functions.map(({ locals, body }) => sized([list(locals.map((type) => [1, TYPES[type]])), body, 0x0b]))
  const sections: [number, Code][] = [
    [1, list(types)],
    [2, list([[text('env'), text('memory'), 0x02, 0x00, 1]])],
    [3, list(functions.map((_, i) => unsigned(i)))],
    [7, list(functions.map(({ name }, i) => [text(name), 0x00, unsigned(i)]))],
    [10, list(bodies)],
  ]
  return Uint8Array.from(flat([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, sections.map(([id, content]) => [id, sized(content)])]))
}

const simple =
  (opcode: number) =>
  (...operands: Code[]): Code => [operands, opcode]
const vector =
  (opcode: number) =>
  (...operands: Code[]): Code => [operands, 0xfd, unsigned(opcode)]

export const i32 = {
  const: (value: number): Code => [0x41, signed(value)],
  /** One byte, without sign. */
  load8: (address: Code, offset: number): Code => [address, 0x2d, 0, unsigned(offset)],
  lessUnsigned: simple(0x49),
  add: simple(0x6a),
  and: simple(0x71),
  shl: simple(0x74),
  shrUnsigned: simple(0x76),
} as const

export const v128 = {
  load: (address: Code, offset: number): Code => [address, 0xfd, 0, 4, unsigned(offset)],
  store: (address: Code, offset: number, value: Code): Code => [address, value, 0xfd, 0x0b, 4, unsigned(offset)],
  and: vector(0x4e),
} as const

export const f32x4 = {
  zero: [0xfd, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] as Code,
  splat: vector(0x13),
  sqrt: vector(0xe3),
  add: vector(0xe4),
  sub: vector(0xe5),
  mul: vector(0xe6),
  div: vector(0xe7),
} as const

export const f64x2 = {
  /** Of the two lower lanes of four f32. */
  promoteLow: vector(0x5f),
  /** Of the two upper lanes. */
  promoteHigh: (four: Code): Code => f64x2.promoteLow([four, four, 0xfd, 0x0d, UPPER_LANES]),
  add: vector(0xf0),
  mul: vector(0xf2),
} as const

const UPPER_LANES: Code = [8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 0, 0, 0, 0, 0]

/** Runs `body` once, and again while the condition after it holds. */
export const repeat = (body: Code, condition: Code): Code => [0x03, 0x40, body, condition, 0x0d, 0, 0x0b]

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
