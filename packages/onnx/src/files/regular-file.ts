import { type BigIntStats, constants, type Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { PareError } from '../error.js'

export interface OpenedFile {
  readonly handle: FileHandle
  readonly size: number
}

/**
 * Opens a regular file for reading, at once: a pipe, a device or a socket is refused instead of waited for. `what` is what messages say was
 * expected. Throws PareError where there is no such file.
 */
export async function openRegular(path: string, what = 'an ONNX file'): Promise<OpenedFile> {
  const before = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  if (before.isDirectory()) throw new PareError(`${path} is a folder, expected ${what}.`, { hint: 'name a file in it.' })
  if (!before.isFile())
    throw new PareError(`${path} is ${kindOf(before)}, expected ${what}.`, { hint: 'copy it to a regular file first.' })
  // Not to wait for a writer should a pipe have taken the file's place since.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  const opened = await handle.stat()
  if (opened.isFile()) return { handle, size: opened.size }
  await handle.close()
  throw new PareError(`${path} is no longer a regular file.`, { hint: 'run again when nothing replaces it.' })
}

/** What a path leads to: another key is another file, or one that was written to. */
export interface FileState {
  readonly path: string
  readonly key: string
}

export function stateOf(path: string, { dev, ino, size, mtimeNs }: BigIntStats): FileState {
  return { path, key: [dev, ino, size, mtimeNs].join() }
}

/** The bytes of a regular file, see `openRegular`. Throws PareError where it has more than `maxBytes`. Default: 2 GiB */
export async function readRegular(
  path: string,
  { what = 'a file', maxBytes = MOST_BYTES }: { readonly what?: string; readonly maxBytes?: number } = {},
): Promise<Buffer<ArrayBuffer>> {
  const { handle, size } = await openRegular(path, what)
  await using file = handle
  if (size > maxBytes) {
    throw new PareError(`${path}: ${size} bytes, more than the ${maxBytes} that are read of ${what}.`, {
      hint: 'name another file.',
    })
  }
  return (await file.readFile()) as Buffer<ArrayBuffer>
}

const MOST_BYTES = 2 ** 31 - 1

function kindOf(file: Stats): string {
  if (file.isFIFO()) return 'a named pipe'
  if (file.isSocket()) return 'a socket'
  return 'a device'
}

/** The system's own word for why a file could not be opened, such as ENOENT, where that is what an error of this file says. */
export function systemCode(error: unknown): string | undefined {
  const causes = error instanceof Error ? [error, error.cause] : []
  const own = causes.find((each): each is NodeJS.ErrnoException => each instanceof Error && 'code' in each)
  return own && String(own.code)
}

export function unreadable(path: string, cause: unknown): PareError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new PareError(`${path} does not exist.`, { hint: `check the path; it is looked for from ${process.cwd()}.`, cause })
  }
  if (code === 'EMFILE') {
    return new PareError(`${path} cannot be opened: too many files are open.`, {
      hint: "raise the limit with 'ulimit -n', or save the model with one file of external data.",
      cause,
    })
  }
  return new PareError(`${path} cannot be read: ${code}.`, { hint: 'check its permissions.', cause })
}
