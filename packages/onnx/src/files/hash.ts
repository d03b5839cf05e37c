import { createHash } from 'node:crypto'
import { chunks, filePayload } from '../bytes/payload.js'
import type { Payload } from '../model.js'
import { openRegular } from './regular-file.js'

/** SHA-256 of a file or of the elements of a tensor, in hexadecimal. Reads in pieces of 1 MiB. */
export async function sha256(source: string | Payload): Promise<string> {
  if (typeof source !== 'string') return digest(source)
  const { handle, size } = await openRegular(source, 'a file')
  try {
    return await digest(filePayload(handle, { path: source, offset: 0 }, size))
  } finally {
    await handle.close()
  }
}

async function digest(payload: Payload): Promise<string> {
  const hash = createHash('sha256')
  for await (const { bytes } of chunks(payload)) hash.update(bytes)
  return hash.digest('hex')
}
