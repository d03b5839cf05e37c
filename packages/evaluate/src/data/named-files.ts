import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { IMAGE_FILE, SOUND_FILE } from './file-kinds.js'
import { tableOpener } from './formats.js'
import { contentOf } from './tables/folder.js'

/** Rows after which a table that named no file is taken to name none. */
const FIRST_ROWS = 256

/**
 * The images and sounds that a table, or the tables of a folder, name by path and do not hold, as they name them: each once, in the order in which they are met. Paths
 * start at the folder of the table. None of what is no table. Throws as the data themselves do where they cannot be read.
 */
export async function filesNamedBy(path: string): Promise<readonly string[]> {
  const names = new Set<string>()
  for (const table of await tablesOf(path)) {
    let rows = 0
    const before = names.size
    for await (const { values } of (await open(table)).read()) {
      for (const value of Object.values(values)) collect(value, names)
      if (++rows === FIRST_ROWS && names.size === before) break
    }
  }
  return [...names]
}

async function tablesOf(path: string): Promise<readonly string[]> {
  if ((await stat(path)).isDirectory()) {
    const content = await contentOf(path)
    return content.kind === 'list' ? [content.path] : content.kind === 'tables' ? content.paths : []
  }
  return tableOpener(path) === undefined ? [] : [path]
}

const open = (path: string) => tableOpener(path)!({ path, name: basename(path), folder: dirname(path) })

function collect(value: unknown, names: Set<string>): void {
  const { path, bytes } = (value ?? {}) as { readonly path?: unknown; readonly bytes?: unknown }
  const name = typeof value === 'string' ? value : bytes instanceof Uint8Array ? undefined : path
  if (typeof name === 'string' && (IMAGE_FILE.test(name) || SOUND_FILE.test(name))) names.add(name)
}
