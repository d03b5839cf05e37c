import type { FileHandle } from 'node:fs/promises'

/** One message of Arrow's stream format: where it lies, and what it is. */
export interface ArrowMessage {
  readonly kind: 'schema' | 'dictionary' | 'rows' | 'other'
  readonly start: number
  /** Of frame, description and body together. */
  readonly bytes: number
  /** Of a batch of rows. */
  readonly rows: number
}

const KINDS: Readonly<Record<number, ArrowMessage['kind']>> = { 1: 'schema', 2: 'dictionary', 3: 'rows' }
const MAGIC = 'ARROW1'
/** Before the length of a description, since version 0.15 of Arrow. */
const CONTINUED = 0xffffffff
const MOST_DESCRIPTION = 2 ** 26

/** The messages of a stream, or of a file, which is a stream behind eight bytes, with their places again at its end. Throws Error where it is cut short. */
export async function arrowMessages(handle: FileHandle, size: number): Promise<readonly ArrowMessage[]> {
  const begin = await stretch(handle, 0, Math.min(8, size))
  const isFile = Buffer.from(begin.buffer, 0, begin.byteLength).toString('latin1', 0, MAGIC.length) === MAGIC
  if (isFile) {
    const end = await stretch(handle, Math.max(0, size - MAGIC.length), Math.min(MAGIC.length, size))
    if (Buffer.from(end.buffer).toString('latin1') !== MAGIC) throw new Error('it has no end')
  }
  const messages: ArrowMessage[] = []
  for (let at = isFile ? 8 : 0; at < size; ) {
    if (size - at === 4 && (await stretch(handle, at, 4)).getUint32(0) === 0) break
    const frame = await stretch(handle, at, 8)
    const isContinued = frame.getUint32(0, true) === CONTINUED
    const length = frame.getUint32(isContinued ? 4 : 0, true)
    if (length === 0) break
    const head = isContinued ? 8 : 4
    if (length > MOST_DESCRIPTION || at + head + length > size)
      throw new Error(`a message of ${length} bytes at byte ${at} runs past the end`)
    const { kind, rows, body } = describe(await stretch(handle, at + head, length))
    const bytes = head + length + body
    if (at + bytes > size) throw new Error(`a message of ${bytes} bytes at byte ${at} runs past the end`)
    messages.push({ kind, start: at, bytes, rows })
    at += bytes
  }
  if (messages[0]?.kind !== 'schema') throw new Error('it begins with no schema')
  return messages
}

/** Reads a Message of Message.fbs: its header's kind, the length of its body, and of a RecordBatch how many rows. */
function describe(view: DataView): { readonly kind: ArrowMessage['kind']; readonly rows: number; readonly body: number } {
  const message = view.getUint32(0, true)
  const [kindAt, headerAt, bodyAt] = [1, 2, 3].map((field) => fieldAt(view, message, field)) as [number, number, number]
  const kind = KINDS[kindAt === 0 ? 0 : view.getUint8(kindAt)] ?? 'other'
  const body = bodyAt === 0 ? 0 : Number(view.getBigInt64(bodyAt, true))
  if (!(body >= 0)) throw new Error(`a body of ${body} bytes`)
  if (kind !== 'rows' || headerAt === 0) return { kind, rows: 0, body }
  const rowsAt = fieldAt(view, headerAt + view.getUint32(headerAt, true), 0)
  const rows = rowsAt === 0 ? 0 : Number(view.getBigInt64(rowsAt, true))
  if (!(rows >= 0)) throw new Error(`a batch of ${rows} rows`)
  return { kind, rows, body }
}

/** Where a field of a FlatBuffers table lies; 0 where it is left out. */
function fieldAt(view: DataView, table: number, field: number): number {
  const entries = table - view.getInt32(table, true)
  const entry = 4 + 2 * field
  if (entry + 2 > view.getUint16(entries, true)) return 0
  const offset = view.getUint16(entries + entry, true)
  return offset === 0 ? 0 : table + offset
}

/** Throws Error where there are fewer bytes. */
export async function stretch(handle: FileHandle, start: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length)
  const { bytesRead } = await handle.read(bytes, 0, length, start)
  if (bytesRead < length) throw new Error(`${length} bytes at byte ${start}, and ${bytesRead} are there`)
  return new DataView(bytes.buffer)
}
