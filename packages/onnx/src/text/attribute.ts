import {
  type AttributeProto,
  AttributeProtoSchema,
  create,
  type GraphProto,
  type MessageInitShape,
  AttributeProto_AttributeType as Type,
} from '../bytes/proto.js'
import type { Lexer } from './lexer.js'
import { decimal, elements, listOf, type Source, tensorType } from './value.js'

type ParseGraph = (source: Source) => GraphProto

/** What comes after the name of an attribute: `= value`, `: type = value` or `: type = @name`. */
export function attribute(source: Source, graph: ParseGraph, name: string): AttributeProto {
  const { lexer } = source
  const type = lexer.accept(':') ? lexer.name('the type of an attribute') : undefined
  lexer.expect('=')
  if (lexer.accept('@'))
    return create(AttributeProtoSchema, { name, type: numberOf(lexer, type), refAttrName: lexer.name('an attribute') })
  const value = lexer.accept('[') ? list(source, graph, type) : single(source, graph, type)
  return create(AttributeProtoSchema, { name, ...value })
}

function numberOf(lexer: Lexer, type: string | undefined): Type {
  const number = Type[(type ?? '').toUpperCase() as keyof typeof Type]
  if (number === undefined)
    throw lexer.error(`'${type ?? ''}' is not the type of an attribute; expected int, float, string, tensor, graph, ints, …`)
  return number
}

type Value = MessageInitShape<typeof AttributeProtoSchema> & Pick<AttributeProto, 'type'>

function single(source: Source, graph: ParseGraph, type: string | undefined): Value {
  const { lexer } = source
  if (lexer.peek('"')) return { type: Type.STRING, s: new TextEncoder().encode(lexer.string()) }
  const number = lexer.acceptNumber()
  if (number !== undefined) {
    const whole = type === undefined ? /^[+-]?\d+$/.test(number) : type === 'int'
    return whole ? { type: Type.INT, i: BigInt(number.replace('+', '')) } : { type: Type.FLOAT, f: decimal(number) }
  }
  const tensor = lexer.attempt(() => tensorType(lexer))
  if (tensor === undefined) return { type: Type.GRAPH, g: graph(source) }
  const name = lexer.acceptName() ?? ''
  lexer.accept('=')
  const shape = (tensor.shape ?? []).map((size) => (typeof size === 'bigint' ? Number(size) : Number.NaN))
  return { type: Type.TENSOR, t: elements(lexer, { name, type: tensor.type, shape }) }
}

/** The rest of a list; `[` is behind. What its items are tells what it is, and the stated type where there are none. */
function list(source: Source, graph: ParseGraph, type: string | undefined): Value {
  const items = listOf(source.lexer, ']', () => single(source, graph, type === 'floats' ? 'float' : undefined))
  if (items.length === 0) return { type: numberOf(source.lexer, type) }
  if (items.every((item) => item.i !== undefined)) return { type: Type.INTS, ints: items.map((item) => item.i!) }
  const floats = items.map((item) => item.f ?? (item.i === undefined ? undefined : Number(item.i)))
  if (floats.every((value) => value !== undefined)) return { type: Type.FLOATS, floats }
  if (items.every((item) => item.s !== undefined)) return { type: Type.STRINGS, strings: items.map((item) => item.s!) }
  if (items.every((item) => item.t !== undefined)) return { type: Type.TENSORS, tensors: items.map((item) => item.t!) }
  if (items.every((item) => item.g !== undefined)) return { type: Type.GRAPHS, graphs: items.map((item) => item.g!) }
  throw source.lexer.error('the items of a list are of different kinds')
}
