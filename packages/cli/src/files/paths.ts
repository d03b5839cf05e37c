import { stat } from 'node:fs/promises'
import { relative, sep } from 'node:path'

/** A path as messages and results name it: relative to `cwd` where it is below, with forward slashes. */
export function showPath(path: string, cwd: string): string {
  const shown = relative(cwd, path)
  return (shown === '' || shown.startsWith('..') ? path : shown).split(sep).join('/')
}

/** Why there is no file at a path, as the end of a sentence; undefined where there is one. */
export async function missingFile(path: string): Promise<string | undefined> {
  const there = await stat(path).catch(() => undefined)
  if (there?.isFile()) return undefined
  return there === undefined
    ? `it does not exist (looked for ${path})`
    : `${path} is ${there.isDirectory() ? 'a folder' : 'something else'}`
}

export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  )
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  )
}
