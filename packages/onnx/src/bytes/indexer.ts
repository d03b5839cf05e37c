import { PareError } from '../error.js'
import { FIXED32, FIXED64, type FieldFacts, LENGTH_DELIMITED, type MessageTable, modelTable, VARINT } from './fields.js'
import { type Bytes, Cursor } from './wire.js'

/**
 * Where the elements of tensors stand in the bytes of a ModelProto, and which length prefixes depend on them. Everything else
 * is the skeleton. In the order of the file; a prefix comes before what it spans.
 */
export interface Index {
  readonly spans: readonly Span[]
  /** For each tensor in the order of the file: its spans of elements. */
  readonly tensors: readonly (readonly PartSpan[])[]
}

export type Span = PrefixSpan | PartSpan

/** The length of a message that holds tensors: a varint at [at, end). */
export interface PrefixSpan {
  readonly kind: 'prefix'
  readonly at: number
  readonly end: number
  readonly length: number
  /** Position in `spans` of the prefix around it; -1: none. */
  readonly parent: number
}

/** Elements of a tensor: [at, end) with tag and length, [start, end) without. */
export interface PartSpan {
  readonly kind: 'part'
  readonly at: number
  readonly start: number
  readonly end: number
  /** Number of the field in TensorProto. */
  readonly field: number
  /** Elements one by one, each with a tag of its own: `start` is `at`. */
  readonly loose: boolean
  readonly tensor: number
  readonly parent: number
}

/** Far above any real model; they bound the memory that a small hostile file can ask for. */
export const LIMITS = {
  depth: 90,
  messages: 4_000_000,
  nodes: 1_000_000,
  tensors: 500_000,
  listElements: 16_000_000,
  skeleton: 1 << 29,
} as const

interface State {
  readonly bytes: Bytes
  readonly cursor: Cursor
  readonly spans: Span[]
  readonly tensors: PartSpan[][]
  /** Names of the fields around the current one. */
  readonly path: string[]
  messages: number
  nodes: number
  listElements: number
}

/**
 * Walks the wire format once, checks every tag, length and nesting against ONNX's schema, and steps over the elements of tensors
 * without reading them. Linear in the bytes that are not elements. Throws PareError with field and byte offset.
 */
export function indexModel(bytes: Bytes): Index {
  const state: State = {
    bytes,
    cursor: new Cursor(bytes),
    spans: [],
    tensors: [],
    path: [],
    messages: 0,
    nodes: 0,
    listElements: 0,
  }
  walk(state, modelTable(), { end: bytes.size, parent: -1, cut: true })
  return state
}

interface Inside {
  readonly end: number
  /** Position of the prefix of this message in `spans`. */
  readonly parent: number
  /** False below training_info, whose tensors stay in the skeleton. */
  readonly cut: boolean
}

function walk(state: State, table: MessageTable, inside: Inside): void {
  const { cursor } = state
  const parts: PartSpan[] | undefined = table.isTensor && inside.cut ? [] : undefined
  if (parts !== undefined) state.tensors.push(parts)
  if (state.tensors.length > LIMITS.tensors)
    throw tooMuch(state, cursor.position, `there are more than ${LIMITS.tensors} tensors`)
  count(state, cursor.position, 'messages', 1)
  if (table.isNode) count(state, cursor.position, 'nodes', 1)
  let single = 0
  while (cursor.position < inside.end) {
    const at = cursor.position
    const tag = cursor.varint(inside.end)
    if (!(tag >= 8 && tag < 2 ** 32)) throw damaged(state, undefined, at, 'does not begin with the tag of a field')
    const wireType = tag % 8
    const number = (tag - wireType) / 8
    const field = table.fields.get(number)
    const here = { at, wireType, inside }
    if (field?.message !== undefined) {
      // Protobuf would merge two of them; other readers, and those that look for elements, do not agree on what that gives.
      const bit = field.repeated ? 0 : 1 << number
      if ((single & bit) !== 0) throw damaged(state, field, at, 'stands there a second time')
      single |= bit
      nested(state, field, here)
    } else {
      const start = skip(state, field ?? unknownField(number), here)
      if (field?.isElements && parts !== undefined) addPart(state, parts, { ...here, start, number })
    }
  }
}

interface Here {
  /** Of the tag. */
  readonly at: number
  readonly wireType: number
  readonly inside: Inside
}

function nested(state: State, field: FieldFacts, here: Here): void {
  const { cursor, spans, path } = state
  const { at, inside } = here
  const prefixAt = cursor.position
  const length = lengthHere(state, field, here)
  if (path.length >= LIMITS.depth) throw tooMuch(state, at, `messages are nested deeper than ${LIMITS.depth}`)
  const position = spans.length
  const start = cursor.position
  spans.push({ kind: 'prefix', at: prefixAt, end: start, length, parent: inside.parent })
  path.push(field.name)
  const cut = inside.cut && field.name !== 'training_info'
  walk(state, field.message!, { end: start + length, parent: position, cut })
  path.pop()
  // Nothing inside was cut out, so this length never changes.
  if (spans.length === position + 1) spans.pop()
}

/** Steps over the value of a field that is not a message; returns where its content begins. */
function skip(state: State, field: FieldFacts, here: Here): number {
  const { cursor } = state
  const { wireType, inside } = here
  if (wireType === LENGTH_DELIMITED) {
    const length = lengthHere(state, field, here)
    const start = cursor.position
    if (field.packable && !field.isElements) checkPacked(state, field, start + length)
    else if (field.repeated && !field.isElements) count(state, here.at, 'listElements', 1)
    cursor.position = start + length
    return start
  }
  if (field.wireType !== ANY && wireType !== field.wireType) throw wrongWireType(state, field, here)
  const start = cursor.position
  if (wireType === VARINT) {
    if (cursor.varint(inside.end) < 0) throw badVarint(state, field, here.at)
  } else if (wireType === FIXED32 || wireType === FIXED64) {
    cursor.position += wireType === FIXED32 ? 4 : 8
    if (cursor.position > inside.end) throw pastEnd(state, field, here)
  } else {
    throw wrongWireType(state, field, here)
  }
  if (field.repeated && !field.isElements) count(state, here.at, 'listElements', 1)
  return start
}

function lengthHere(state: State, field: FieldFacts, here: Here): number {
  const { at, wireType, inside } = here
  const fits = wireType === field.wireType || field.wireType === ANY || field.packable
  if (wireType !== LENGTH_DELIMITED || !fits) throw wrongWireType(state, field, here)
  const length = state.cursor.varint(inside.end)
  if (length < 0) throw badVarint(state, field, at)
  if (state.cursor.position + length > inside.end) throw pastEnd(state, field, here, length)
  return length
}

function checkPacked(state: State, field: FieldFacts, end: number): void {
  const { cursor } = state
  const start = cursor.position
  if (field.wireType === VARINT) {
    while (cursor.position < end) {
      const at = cursor.position
      if (cursor.varint(end) < 0) throw badVarint(state, field, at)
      count(state, at, 'listElements', 1)
    }
    return
  }
  const width = field.wireType === FIXED32 ? 4 : 8
  if ((end - start) % width !== 0) throw damaged(state, field, start, `holds ${end - start} bytes, not a multiple of ${width}`)
  count(state, start, 'listElements', (end - start) / width)
}

function addPart(state: State, parts: PartSpan[], part: Here & { readonly start: number; readonly number: number }): void {
  const { at, start, number } = part
  const end = state.cursor.position
  const loose = part.wireType !== LENGTH_DELIMITED
  if (loose && start !== at + 1) throw damaged(state, undefined, at, 'has a tag coded in more bytes than it needs')
  const last = parts.at(-1)
  if (loose && last?.loose && last.end === at && last.field === number) {
    const longer = { ...last, end }
    parts[parts.length - 1] = longer
    state.spans[state.spans.length - 1] = longer
    return
  }
  count(state, at, 'listElements', 1)
  const tensor = state.tensors.length - 1
  const parent = part.inside.parent
  const span: PartSpan = { kind: 'part', at, start: loose ? at : start, end, field: number, loose, tensor, parent }
  parts.push(span)
  state.spans.push(span)
}

/** Wire type of fields the schema does not know: they are kept, whatever they are. */
const ANY = -1

function unknownField(number: number): FieldFacts {
  return { name: `field ${number}`, wireType: ANY, packable: false, repeated: false, isElements: false }
}

function count(state: State, at: number, what: 'messages' | 'nodes' | 'listElements', by: number): void {
  state[what] += by
  if (state[what] > LIMITS[what]) throw tooMuch(state, at, `there are more than ${LIMITS[what]} ${COUNTED[what]}`)
}

const COUNTED = { messages: 'messages', nodes: 'nodes', listElements: 'list elements outside of tensors' } as const

function place(state: State, at: number, field?: FieldFacts): string {
  const name = [...state.path, ...(field === undefined ? [] : [field.name])].join('.')
  return `${state.bytes.label}: ${name === '' ? 'the model' : `'${name}'`} at byte ${at}`
}

function damaged(state: State, field: FieldFacts | undefined, at: number, problem: string): PareError {
  return new PareError(`${place(state, at, field)} ${problem}.`, { hint: NOT_ONNX })
}

const NOT_ONNX = 'this is not an ONNX model, or a damaged one: export, copy or download it again.'

function wrongWireType(state: State, field: FieldFacts, here: Here): PareError {
  const expected = field.wireType === ANY ? 'one of 0, 1, 2, 5' : `${field.wireType}`
  return damaged(state, field, here.at, `is coded with wire type ${here.wireType}, expected ${expected}`)
}

function badVarint(state: State, field: FieldFacts, at: number): PareError {
  return damaged(state, field, at, 'has a number that is cut off or longer than ten bytes')
}

function pastEnd(state: State, field: FieldFacts, { at, inside }: Here, length?: number): PareError {
  const size = length === undefined ? '' : `has ${length} bytes and `
  return damaged(state, field, at, `${size}runs past byte ${inside.end}, the end of what it is in`)
}

function tooMuch(state: State, at: number, problem: string): PareError {
  return new PareError(`${place(state, at)}: ${problem}.`, {
    hint: 'that is far beyond any real model, and refused because a small file could exhaust the memory with it.',
  })
}
