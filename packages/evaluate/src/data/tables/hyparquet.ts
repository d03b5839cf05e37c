import type { FileHandle } from 'node:fs/promises'
import type { AsyncBuffer } from 'hyparquet'

export { type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'

/** A file as hyparquet reads it: stretch by stretch. */
export function asyncBufferFrom(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const from = start < 0 ? Math.max(0, byteLength + start) : start
      const length = Math.max(0, Math.min(end, byteLength) - from)
      const bytes = new Uint8Array(length)
      await handle.read(bytes, 0, length, from)
      return bytes.buffer
    },
  }
}
