import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { IMAGE_FILE, SOUND_FILE } from './file-kinds.js'
import { tableOpener } from './formats.js'
import { contentOf, openClassFolder } from './tables/folder.js'
import { LABEL_FILE, type Table } from './tables/table.js'

/** As strangers' data are read: what lies elsewhere is not hashed anyway. */
const boundaryOf = (folder: string) => ({ trusted: false, root: folder })

/** Rows after which a table that named no file is taken to name none. */
const FIRST_ROWS = 256

/**
 * The images, sounds and label files that a table, or the tables of a folder, name by path and do not hold, as they name them: each once, in the order in which they are met. Paths
 * start at the folder of the table. None of what is no table. Throws as the data themselves do where they cannot be read.
 */
export async function filesNamedBy(path: string): Promise<readonly string[]> {
  const names = new Set<string>()
  for (const table of await tablesOf(path)) {
    let rows = 0
    const before = names.size
    for (const name of table.beside ?? []) names.add(name)
    for await (const { values } of table.read()) {
      for (const value of Object.values(values)) collect(value, names)
      if (typeof values[LABEL_FILE] === 'string') names.add(values[LABEL_FILE])
      if (++rows === FIRST_ROWS && names.size === before) break
    }
  }
  return [...names]
}

async function tablesOf(path: string): Promise<readonly Table[]> {
  if (!(await stat(path)).isDirectory()) return tableOpener(path) === undefined ? [] : [await open(path)]
  const content = await contentOf(path)
  if (content.kind === 'list') return [await open(content.path)]
  if (content.kind === 'tables') return await Promise.all(content.paths.map(open))
  const table = await openClassFolder(path, { findClasses: async () => undefined, boundary: boundaryOf(path) })
  // All other files of a folder lie in it.
  return table.holds === undefined ? [] : [table]
}

function open(path: string): Promise<Table> {
  return tableOpener(path)!({ path, name: basename(path), folder: dirname(path) })
}

function collect(value: unknown, names: Set<string>): void {
  const { path, bytes } = (value ?? {}) as { readonly path?: unknown; readonly bytes?: unknown }
  const name = typeof value === 'string' ? value : bytes instanceof Uint8Array ? undefined : path
  if (typeof name === 'string' && (IMAGE_FILE.test(name) || SOUND_FILE.test(name))) names.add(name)
}
