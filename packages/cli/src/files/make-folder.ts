import { mkdir } from 'node:fs/promises'
import { usage } from '../terminal/failure.js'

/** Makes a folder, as far as it is not there, and says which is the first that was made. Throws a Failure where that cannot be. */
export function makeFolder(folder: string): Promise<string | undefined> {
  return mkdir(folder, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    throw usage(`pare: the folder ${folder} cannot be made: ${cause.message}`, 'choose another folder with --out', cause)
  })
}
