// Thrift's compact protocol, as far as Parquet is written in it: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

/** A struct: its whole numbers and its structs by the number of the field. What else it holds is walked over. */
export interface ThriftStruct {
  readonly numbers: ReadonlyMap<number, number>
  readonly structs: ReadonlyMap<number, ThriftStruct>
  /** Where it ends. */
  readonly end: number
}

/** Parquet's own structs are less deep. */
const MOST_DEPTH = 32

/** Reads a struct at `start`. Linear in its bytes. Throws RangeError where it does not end in them, and Error where it cannot be one. */
export function readStruct(view: DataView, start: number, depth = 0): ThriftStruct {
  if (depth > MOST_DEPTH) throw new Error(`structs are nested more than ${MOST_DEPTH} deep`)
  const numbers = new Map<number, number>()
  const structs = new Map<number, ThriftStruct>()
  let field = 0
  for (let at = start; ; ) {
    const head = view.getUint8(at++)
    if (head === STOP) return { numbers, structs, end: at }
    const type = head & 15
    if (head >> 4 !== 0) field += head >> 4
    else ({ value: field, end: at } = zigzag(view, at))
    const { end, number, struct } = readValue(view, at, { type, depth, isInList: false })
    if (number !== undefined) numbers.set(field, number)
    if (struct !== undefined) structs.set(field, struct)
    at = end
  }
}

const [STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, STRUCT] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12,
] as const

interface Value {
  readonly end: number
  readonly number?: number
  readonly struct?: ThriftStruct
}

function readValue(
  view: DataView,
  at: number,
  { type, depth, isInList }: { readonly type: number; readonly depth: number; readonly isInList: boolean },
): Value {
  switch (type) {
    case TRUE:
    case FALSE:
      // In a field the type says it all.
      return { end: isInList ? at + 1 : at }
    case BYTE:
      return { end: at + 1, number: view.getInt8(at) }
    case I16:
    case I32:
    case I64: {
      const { value, end } = zigzag(view, at)
      return { end, number: value }
    }
    case DOUBLE:
      return { end: within(view, at + 8) }
    case BINARY: {
      const { value, end } = varint(view, at)
      return { end: within(view, end + value) }
    }
    case LIST:
    case SET:
      return { end: endOfList(view, at, depth) }
    case STRUCT: {
      const struct = readStruct(view, at, depth + 1)
      return { end: struct.end, struct }
    }
    default:
      throw new Error(`a value of type ${type}, which Parquet does not use`)
  }
}

function endOfList(view: DataView, start: number, depth: number): number {
  const head = view.getUint8(start)
  const { value: length, end } = head >> 4 === 15 ? varint(view, start + 1) : { value: head >> 4, end: start + 1 }
  // Each element has a byte at least.
  within(view, end + length)
  let at = end
  for (let i = 0; i < length; i++) at = readValue(view, at, { type: head & 15, depth: depth + 1, isInList: true }).end
  return at
}

function within(view: DataView, end: number): number {
  if (end > view.byteLength) throw new RangeError(`a value ends at byte ${end} of ${view.byteLength}`)
  return end
}

/** Whole numbers, the smaller ones in fewer bytes, whatever their sign. */
function zigzag(view: DataView, at: number): { readonly value: number; readonly end: number } {
  const { value, end } = varint(view, at)
  return { value: value % 2 === 0 ? value / 2 : -(value + 1) / 2, end }
}

/** Above 2^53 the value is rounded: enough to tell that it cannot be. */
function varint(view: DataView, start: number): { readonly value: number; readonly end: number } {
  let value = 0
  let factor = 1
  for (let at = start; at < start + 10; at++, factor *= 128) {
    const byte = view.getUint8(at)
    value += (byte & 127) * factor
    if (byte < 128) return { value, end: at + 1 }
  }
  throw new Error('a number of more than ten bytes')
}
