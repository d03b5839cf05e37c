import { stat } from 'node:fs/promises'
import { relative, sep } from 'node:path'

/** A path as messages and results name it: relative to `cwd` where it is below, with forward slashes. */
export function showPath(path: string, cwd: string): string {
  const shown = relative(cwd, path)
  return (shown === '' || shown.startsWith('..') ? path : shown).split(sep).join('/')
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}
