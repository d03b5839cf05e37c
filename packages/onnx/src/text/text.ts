import {
  create,
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  toBinary,
} from '../bytes/proto.js'
import { decodeBytes } from '../files/open.js'
import type { Model } from '../model.js'
import { present } from '../present.js'
import { attribute } from './attribute.js'
import { Lexer } from './lexer.js'
import { initializer, listOf, type TextSource, valueInfo } from './value.js'

/** Elements of initializers that are too many to write out, by name. */
export type TextValues = Readonly<Record<string, ArrayLike<number | bigint>>>

/**
 * A model from ONNX's textual syntax, the one of onnx.parser:
 *
 *     <ir_version: 8, opset_import: ["" : 17]>
 *     mlp (float[N, 4] x) => (float[N, 2] y)
 *     <float[4, 2] w, float[2] b = {0.5, -1}>
 *     { h = MatMul(x, w)
 *       y = Add(h, b) }
 *
 * Left out, the header is that of the example. A value between `<` and `>` with `= {…}`, or with an entry in `values`, is an
 * initializer; the others state types. Throws PareError with line and column.
 */
export function parseText(source: string, values: TextValues = {}): Model {
  const parser = { lexer: new Lexer(source), values: new Map(Object.entries(values)), used: new Set<string>() }
  const proto = model(parser)
  const unused = Object.keys(values).filter((name) => !parser.used.has(name))
  if (unused.length > 0) throw parser.lexer.error(`values are given for '${unused.join("', '")}', but no such value is declared`)
  return decodeBytes(toBinary(ModelProtoSchema, proto), 'ONNX text')
}

function model(source: TextSource): ModelProto {
  const { lexer } = source
  const proto = create(ModelProtoSchema, { irVersion: 8n })
  let hasOpsets = false
  if (lexer.accept('<')) {
    listOf(lexer, '>', () => {
      const key = lexer.name('a field of the model')
      lexer.expect(':')
      if (key === 'opset_import') hasOpsets = true
      modelField(lexer, proto, key)
    })
  }
  if (!hasOpsets) proto.opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })]
  proto.graph = graph(source)
  while (!lexer.atEnd) proto.functions.push(localFunction(source))
  return proto
}

function modelField(lexer: Lexer, proto: ModelProto, key: string): void {
  if (key === 'ir_version') proto.irVersion = lexer.integer(key)
  else if (key === 'model_version') proto.modelVersion = lexer.integer(key)
  else if (key === 'producer_name') proto.producerName = lexer.string()
  else if (key === 'producer_version') proto.producerVersion = lexer.string()
  else if (key === 'domain') proto.domain = lexer.string()
  else if (key === 'doc_string') proto.docString = lexer.string()
  else if (key === 'opset_import') proto.opsetImport = opsets(lexer)
  else if (key === 'metadata_props') {
    proto.metadataProps = pairs(lexer, (name) => create(StringStringEntryProtoSchema, { key: name, value: lexer.string() }))
  } else throw lexer.error(`'${key}' is not a field of the model; expected one of ir_version, opset_import, producer_name, …`)
}

function opsets(lexer: Lexer): ModelProto['opsetImport'] {
  return pairs(lexer, (domain) => create(OperatorSetIdProtoSchema, { domain, version: lexer.integer('an opset version') }))
}

function pairs<T>(lexer: Lexer, make: (key: string) => T): T[] {
  lexer.expect('[')
  return listOf(lexer, ']', () => {
    const key = lexer.string()
    lexer.expect(':')
    return make(key)
  })
}

/** A graph: `name (inputs) => (outputs) <values> { nodes }`. */
export function graph(source: TextSource): GraphProto {
  const { lexer, values, used } = source
  const proto = create(GraphProtoSchema, { name: lexer.name('a graph') })
  lexer.expect('(')
  proto.input = listOf(lexer, ')', () => declared(source, proto))
  lexer.expect('=>')
  lexer.expect('(')
  proto.output = listOf(lexer, ')', () => valueInfo(lexer))
  if (lexer.accept('<')) {
    listOf(lexer, '>', () => {
      const value = declared(source, proto)
      if (proto.initializer.at(-1)?.name !== value.name) proto.valueInfo.push(value)
    })
  }
  proto.node = nodes(source)
  for (const { name } of [...proto.input, ...proto.initializer]) if (values.has(name)) used.add(name)
  return proto
}

/** A value; one with elements becomes an initializer too. */
function declared(source: TextSource, proto: GraphProto): ReturnType<typeof valueInfo> {
  const value = valueInfo(source.lexer)
  const tensor = initializer(source, value)
  if (tensor !== undefined) proto.initializer.push(tensor)
  return value
}

function nodes(source: TextSource): NodeProto[] {
  const { lexer } = source
  const body: NodeProto[] = []
  lexer.expect('{')
  while (!lexer.accept('}')) {
    body.push(node(source))
    lexer.accept(';')
  }
  return body
}

function node(source: TextSource): NodeProto {
  const { lexer } = source
  const name = nodeName(lexer)
  const output = lexer.peek('=') ? [] : names(lexer, '=')
  if (output.length === 0) lexer.expect('=')
  const proto = create(NodeProtoSchema, { output, ...present({ name }) })
  const path = lexer.name('an operator').split('.')
  proto.opType = path.pop()!
  if (path.length > 0) proto.domain = path.join('.')
  if (lexer.accept('<')) proto.attribute = listOf(lexer, '>', () => attribute(source, graph, lexer.name('an attribute')))
  lexer.expect('(')
  proto.input = names(lexer, ')')
  if (lexer.accept('<')) proto.attribute = listOf(lexer, '>', () => attribute(source, graph, lexer.name('an attribute')))
  return proto
}

/** `[name]` before the outputs. */
function nodeName(lexer: Lexer): string | undefined {
  if (!lexer.accept('[')) return undefined
  const name = lexer.name('a node')
  lexer.expect(']')
  return name
}

/** Names with commas between, up to `end`; nothing between two commas is the empty name. */
function names(lexer: Lexer, end: string): string[] {
  if (lexer.accept(end)) return []
  const list: string[] = []
  do list.push(lexer.acceptName() ?? '')
  while (lexer.accept(','))
  lexer.expect(end)
  return list
}

/** A function of the model: `<domain: "d", opset_import: […]> name <attributes> (inputs) => (outputs) { nodes }`. */
function localFunction(source: TextSource): FunctionProto {
  const { lexer } = source
  const proto = create(FunctionProtoSchema, {})
  lexer.expect('<')
  listOf(lexer, '>', () => {
    const key = lexer.name('a field of the function')
    lexer.expect(':')
    if (key === 'domain') proto.domain = lexer.string()
    else if (key === 'opset_import') proto.opsetImport = opsets(lexer)
    else if (key === 'doc_string') proto.docString = lexer.string()
    else throw lexer.error(`'${key}' is not a field of a function; expected domain, opset_import or doc_string`)
  })
  proto.name = lexer.name('a function')
  if (lexer.accept('<')) {
    listOf(lexer, '>', () => {
      const name = lexer.name('an attribute')
      const hasDefault = lexer.peek('=') || lexer.peek(':')
      if (hasDefault) proto.attributeProto.push(attribute(source, graph, name))
      else proto.attribute.push(name)
    })
  }
  lexer.expect('(')
  proto.input = listOf(lexer, ')', () => lexer.name('an input'))
  lexer.expect('=>')
  lexer.expect('(')
  proto.output = listOf(lexer, ')', () => lexer.name('an output'))
  proto.node = nodes(source)
  return proto
}
