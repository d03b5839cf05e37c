import { stat } from 'node:fs/promises'
import { openRegular, PareError, parseJson, systemCode } from '@pare/onnx'

const LFS_POINTER = 'version https://git-lfs.github.com/spec/v1'

/** The bytes of a file of at most `maxBytes`. Throws PareError where there is none, where it is larger, or where it is a Git LFS pointer. */
export async function readWhole(path: string, maxBytes: number): Promise<Buffer> {
  await using file = await openFile(path)
  const { size } = await file.handle.stat()
  if (size > maxBytes) {
    throw new PareError(`${path}: ${size} bytes, more than the ${maxBytes} allowed.`, {
      hint: 'evaluate on fewer samples, or split the file.',
    })
  }
  return await file.handle.readFile()
}

/** For `catch`: undefined where a file or folder is not there. Throws everything else again. */
export function missing(error: unknown): undefined {
  const code = (error as NodeJS.ErrnoException).code
  const isMissing =
    code === 'ENOENT' || code === 'ENOTDIR' || (error instanceof PareError && error.message.includes('no such file'))
  if (!isMissing) throw error
  return undefined
}

/** Throws PareError unless the path is a readable regular file with contents of its own, which a Git LFS pointer has not. */
export async function checkFile(path: string): Promise<void> {
  await using _ = await openFile(path)
}

const MOST_JSON_BYTES = 2 ** 24

/** The object in a JSON file; undefined where there is no file. `allow` is asked before it is read. */
export async function readJsonFile(path: string, allow: (path: string) => Promise<string>): Promise<object | undefined> {
  const there = await stat(path).catch(() => undefined)
  if (there === undefined) return undefined
  const bytes = await readWhole(await allow(path), MOST_JSON_BYTES)
  try {
    const value = parseJson(bytes.toString('utf8'))
    if (typeof value === 'object' && value !== null) return value
  } catch (cause) {
    throw new PareError(`${path}: not JSON (${(cause as Error).message}).`, { hint: 'correct it, or take it away.', cause })
  }
  throw new PareError(`${path}: not a JSON object.`, { hint: 'correct it, or take it away.' })
}

/** A file of data, until it is closed. */
export type OpenFile = Awaited<ReturnType<typeof openFile>>

/** Opens a file of data to read parts of it. Throws like `readWhole`, but for its size. */
export async function openFile(path: string) {
  const { handle } = await openRegular(path, 'a file of data').catch((cause: unknown) => {
    const code = systemCode(cause)
    if (code === undefined) throw cause
    throw new PareError(`${path}: ${code === 'ENOENT' ? 'no such file' : `cannot be opened (${code})`}.`, {
      hint: 'paths are relative to the folder the command runs in, or to that of the config file.',
      cause,
    })
  })
  const file = { handle, [Symbol.asyncDispose]: () => handle.close() }
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LFS_POINTER.length), 0, LFS_POINTER.length, 0)
    if (buffer.toString('latin1', 0, bytesRead) === LFS_POINTER) {
      throw new PareError(`${path}: a Git LFS pointer, not the file itself.`, {
        hint: 'fetch it with git lfs pull, or in a workflow with actions/checkout and lfs: true.',
      })
    }
    return file
  } catch (error) {
    await handle.close()
    throw error
  }
}
