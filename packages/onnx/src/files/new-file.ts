import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PareError } from '../error.js'

/**
 * A file on its way. It is written under a random name of its own in the folder of `path`, which no link can wait for, and takes its name
 * once it is complete. A link under that name is replaced, not followed. Disposed of before, it leaves nothing behind.
 */
export class NewFile implements AsyncDisposable {
  readonly path: string
  /** Its name until it is published. */
  readonly temporary: string
  readonly handle: FileHandle
  #state: 'open' | 'complete' | 'published' = 'open'

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path
    this.temporary = temporary
    this.handle = handle
  }

  /** Throws PareError where its folder is missing or may not be written to. */
  static async create(path: string): Promise<NewFile> {
    const temporary = join(dirname(path), `.pare-${randomUUID()}.tmp`)
    const handle = await open(temporary, 'wx').catch((cause: unknown) => {
      throw unwritable(path, cause)
    })
    return new NewFile(path, temporary, handle)
  }

  /** Flushes it to the disk. Nothing is written after that. */
  async complete(): Promise<void> {
    await this.handle.sync()
    await this.handle.close()
    this.#state = 'complete'
  }

  /** Gives it its name. */
  async publish(): Promise<void> {
    await rename(this.temporary, this.path)
    this.#state = 'published'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'open') await this.handle.close()
    if (this.#state !== 'published') await rm(this.temporary, { force: true })
  }
}

/** Writes a file that is there whole or not at all, see `NewFile`. Gives its bytes. */
export async function writeWhole(
  path: string,
  content: string | Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>,
): Promise<number> {
  await using file = await NewFile.create(path)
  let bytes = 0
  for await (const piece of typeof content === 'string' ? [content] : content) {
    const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece
    // In pieces: one call writes at most 2 GiB.
    for (let at = 0; at < chunk.length; at += PIECE) await file.handle.writeFile(chunk.subarray(at, at + PIECE))
    bytes += chunk.length
  }
  await file.complete()
  await file.publish()
  return bytes
}

const PIECE = 2 ** 26

function unwritable(path: string, cause: unknown): PareError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  const hint = code === 'ENOENT' ? `make the folder first: mkdir -p ${dirname(path)}` : 'check the permissions of its folder.'
  return new PareError(`${path} cannot be written: ${code}.`, { hint, cause })
}
