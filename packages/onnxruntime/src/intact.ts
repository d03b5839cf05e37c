import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { packageIn } from './find.js'
import { hasLibrary, type Platform } from './library.js'
import { CONTENTS } from './pinned.js'

/**
 * Whether a place holds the pinned ONNX Runtime of a platform, every file with the bytes that were published and nothing else. Others may write to a cache that several jobs
 * share, and what lies in it is native code. It reads some 40 MB.
 */
export function isIntact(place: string, platform: Platform): boolean {
  if (!hasLibrary(packageIn(place), platform)) return false
  return digestOf(place) === CONTENTS[`${platform.os}/${platform.arch}`]
}

/** The SHA-256 of what sha256sum prints for all files below a folder, in the order of their paths. Undefined where something else than files and folders is there. */
export function digestOf(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory())
  if (entries.some((entry) => !entry.isFile())) return undefined
  const paths = entries.map(({ parentPath, name }) => relative(folder, join(parentPath, name)).split(sep).join('/')).sort()
  const whole = createHash('sha256')
  for (const path of paths) {
    const sha256 = createHash('sha256')
      .update(readFileSync(join(folder, path)))
      .digest('hex')
    whole.update(`${sha256}  ${path}\n`)
  }
  return whole.digest('hex')
}
