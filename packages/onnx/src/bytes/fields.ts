import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { ModelProtoSchema } from './proto.js'

/** How a value of a field stands in the file. The numbers are protobuf's wire types. */
export const VARINT = 0
export const FIXED64 = 1
export const LENGTH_DELIMITED = 2
export const FIXED32 = 5

/** What the indexer knows of a message, from the schema. */
export interface MessageTable {
  readonly name: string
  readonly fields: ReadonlyMap<number, FieldFacts>
  /** A tensor: its numeric elements are cut out. */
  readonly isTensor: boolean
  readonly isNode: boolean
}

export interface FieldFacts {
  readonly name: string
  readonly wireType: number
  /** Numbers that may stand one by one or packed behind one length. */
  readonly packable: boolean
  readonly repeated: boolean
  readonly message?: MessageTable
  /** Numeric elements of a tensor. */
  readonly isElements: boolean
}

/** Fields of TensorProto that hold elements, by number, with the wire type of one element; raw_data is plain bytes. */
export const RAW_DATA = 9
export const ELEMENT_FIELDS: ReadonlyMap<number, number> = new Map([
  [4, FIXED32],
  [5, VARINT],
  [7, VARINT],
  [RAW_DATA, LENGTH_DELIMITED],
  [10, FIXED64],
  [11, VARINT],
])

/** The table of ModelProto, and through it of every message inside. */
export function modelTable(): MessageTable {
  return MODEL
}

const MODEL = tableOf(ModelProtoSchema, new Map())

function tableOf(message: DescMessage, tables: Map<string, MessageTable>): MessageTable {
  const before = tables.get(message.typeName)
  if (before !== undefined) return before
  const fields = new Map<number, FieldFacts>()
  const isTensor = message.typeName === 'onnx.TensorProto'
  const table: MessageTable = { name: message.name, fields, isTensor, isNode: message.typeName === 'onnx.NodeProto' }
  tables.set(message.typeName, table)
  for (const field of message.fields) {
    const inner = field.message === undefined ? {} : { message: tableOf(field.message, tables) }
    const repeated = field.fieldKind === 'list'
    const wireType = wireTypeOf(field)
    fields.set(field.number, {
      name: field.name,
      wireType,
      repeated,
      packable: repeated && wireType !== LENGTH_DELIMITED,
      isElements: isTensor && ELEMENT_FIELDS.has(field.number),
      ...inner,
    })
  }
  return table
}

function wireTypeOf(field: DescField): number {
  if (field.message !== undefined) return LENGTH_DELIMITED
  if (field.scalar === undefined) return VARINT
  // Numbers of protobuf's scalar types: double 1, float 2, string 9, bytes 12. ONNX has no fixed integers.
  if (field.scalar === 1) return FIXED64
  if (field.scalar === 2) return FIXED32
  return field.scalar === 9 || field.scalar === 12 ? LENGTH_DELIMITED : VARINT
}
