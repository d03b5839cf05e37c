import { basename, dirname, extname } from 'node:path'
import { IMAGE_FILE, SOUND_FILE, TABLE_FORMATS } from './formats.js'

/** The images and sounds that a table names by path and does not hold, as it names them: each once, in the order in which they are met. None of what is no table. */
export async function filesNamedBy(path: string): Promise<readonly string[]> {
  const open = TABLE_FORMATS[extname(path).toLowerCase()]
  if (open === undefined) return []
  const table = await open({ path, name: basename(path), folder: dirname(path) })
  const names = new Set<string>()
  for await (const { values } of table.read()) for (const value of Object.values(values)) collect(value, names)
  return [...names]
}

function collect(value: unknown, names: Set<string>): void {
  const { path, bytes } = (value ?? {}) as { readonly path?: unknown; readonly bytes?: unknown }
  const name = typeof value === 'string' ? value : bytes instanceof Uint8Array ? undefined : path
  if (typeof name === 'string' && (IMAGE_FILE.test(name) || SOUND_FILE.test(name))) names.add(name)
}
