import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { PareError } from './error.js'

export interface OpenedFile {
  readonly handle: FileHandle
  readonly size: number
}

/** Opens a regular file for reading. Throws PareError when there is none at `path`. */
export async function openRegular(path: string): Promise<OpenedFile> {
  const before = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  if (before.isDirectory()) {
    throw new PareError(`${path} is a folder, expected an ONNX file.`, { hint: `name the file, for example ${path}/model.onnx.` })
  }
  if (!before.isFile()) throw new PareError(`${path} is not a regular file.`, { hint: 'copy the model to a file first.' })
  // Not to wait for a writer should a pipe have taken the file's place since.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  const opened = await handle.stat()
  if (opened.isFile()) return { handle, size: opened.size }
  await handle.close()
  throw new PareError(`${path} is no longer a regular file.`, { hint: 'run again when nothing replaces it.' })
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
