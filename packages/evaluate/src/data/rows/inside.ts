import { realpath } from 'node:fs/promises'
import { isAbsolute, relative, sep } from 'node:path'
import { PareError } from '@pare/onnx'

/** Something was asked for that may not be had where the input is not trusted: code that would be run, a file outside. The command line makes it exit code 4. */
export class UntrustedError extends PareError {
  readonly kind = 'untrusted'
}

/** What strangers may name. */
export interface Boundary {
  /** Whether the data are trusted: then they may name any file. */
  readonly trusted: boolean
  /** The folder in which all files must lie that untrusted data name. */
  readonly root: string
}

/**
 * The path, behind all links where the data are not trusted. Throws UntrustedError for a file outside the root, and within `.git`, where credentials may
 * stand. A file that is not there is told by whoever reads it.
 */
export async function insideOf({ trusted, root }: Boundary, path: string, shown: string): Promise<string> {
  if (trusted) return path
  const own = await realpath(root)
  const real = await realpath(path).catch(() => undefined)
  const way = real === undefined ? relative(root, path) : relative(own, real)
  const isBelow = way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
  if (isBelow && !way.split(sep).includes('.git')) return real ?? path
  throw new UntrustedError(
    `${shown} ${isBelow ? 'lies in .git' : 'leads out of the folder that the data may name'}, and the data are not trusted.`,
    { hint: 'name files beside the data, or run where they are trusted.' },
  )
}
