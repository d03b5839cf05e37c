import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { hashFile } from './hash.js'

/** The SHA-256 of a data file; of a folder, that of the names and hashes of all files in it. 'none' where there is nothing. */
export async function hashData(path: string): Promise<string> {
  const entry = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (entry === undefined) return 'none'
  if (!entry.isDirectory()) return digestOf(path)
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name))
  const names = files.map((file) => relative(path, file).split(sep).join('/'))
  const order = [...names.keys()].sort((a, b) => (names[a]! < names[b]! ? -1 : 1))
  const whole = createHash('sha256')
  for (const at of order) whole.update(`${names[at]}\0${await digestOf(files[at]!)}\n`)
  return whole.digest('hex')
}

async function digestOf(path: string): Promise<string> {
  await using hashing = hashFile(path)
  return await hashing.digest()
}
