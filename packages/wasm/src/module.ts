import { type Code, unsigned } from './encoding.js'

export type Type = keyof typeof TYPES
const TYPES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, v128: 0x7b } as const

/** A local variable or parameter of a function being written. */
export interface Local {
  readonly get: Code
  set(value: Code): Code
  tee(value: Code): Code
}

/** Makes the variables of a function whose parameters have types P. */
export interface Writer<P extends readonly Type[] = readonly Type[]> {
  readonly parameters: { readonly [K in keyof P]: Local }
  local(type: Type): Local
  locals<N extends number>(type: Type, count: N): Locals<N>
}

/** A tuple of N where N is a literal. */
type Locals<N extends number, L extends Local[] = []> = number extends N
  ? Local[]
  : L['length'] extends N
    ? L
    : Locals<N, [...L, Local]>

export interface Definition {
  readonly name: string
  readonly parameters: readonly Type[]
  readonly locals: readonly Type[]
  readonly body: Code
}

/** A function that returns nothing. `write` gets a handle of each parameter, in order. */
export function define<const P extends readonly Type[]>(
  name: string,
  parameters: P,
  write: (writer: Writer<P>) => Code,
): Definition {
  const locals: Type[] = []
  const local = (type: Type) => handle(parameters.length + locals.push(type) - 1)
  const body = write({
    parameters: parameters.map((_, i) => handle(i)) as Writer<P>['parameters'],
    local,
    locals: <N extends number>(type: Type, count: N) => Array.from({ length: count }, () => local(type)) as Locals<N>,
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
