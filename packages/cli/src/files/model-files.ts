import { readdir, realpath, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { globMatcher, isGlob } from '@pare/onnx'
import { usage } from '../terminal/failure.js'

export interface FileSearchOptions {
  /** Deepest folder below `folder` that is looked into. Default: no limit */
  readonly depth?: number
  /** Folders with such a name are passed over, besides node_modules. */
  readonly skip?: readonly string[]
}

/**
 * The files that a glob matches, absolute and in order. Hidden files and folders only where the glob names them; nothing in node_modules; a
 * folder that is reached in several ways counts once. Throws a Failure where there is too much to look through.
 */
export async function globFiles(
  glob: string,
  folder: string,
  { depth, skip = [] }: FileSearchOptions = {},
): Promise<readonly string[]> {
  const parts = glob.split(sep).join('/').split('/')
  const plain = parts.findIndex(isGlob)
  const [fixed, rest] = plain < 0 ? [parts.slice(0, -1), parts.slice(-1)] : [parts.slice(0, plain), parts.slice(plain)]
  const start = resolve(folder, fixed.join('/') || (glob.startsWith('/') ? '/' : '.'))
  const search: Search = {
    matches: globMatcher(rest.join('/')),
    hidden: rest.some((part) => part.startsWith('.')),
    // Without ** as deep as there are slashes.
    depth:
      depth ?? (rest.includes('**') || rest.some((part) => /[{}\\]/.test(part)) ? Number.POSITIVE_INFINITY : rest.length - 1),
    skip: new Set(['node_modules', ...skip]),
    visits: new Set(),
    names: [],
    budget: MOST_ENTRIES,
  }
  await look(start, '', 0, search)
  return search.names.map((name) => join(start, name)).sort()
}

/** More than any repository has, and soon looked through. */
const MOST_ENTRIES = 500_000

interface Search {
  readonly matches: (name: string) => boolean
  readonly hidden: boolean
  readonly depth: number
  readonly skip: ReadonlySet<string>
  /** Real paths of folders. */
  readonly visits: Set<string>
  readonly names: string[]
  budget: number
}

async function look(start: string, below: string, depth: number, search: Search): Promise<void> {
  const folder = join(start, below)
  const real = await realpath(folder).catch(() => undefined)
  if (real === undefined || search.visits.has(real)) return
  search.visits.add(real)
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  search.budget -= entries.length
  if (search.budget < 0) {
    throw usage(
      `pare: there are more than ${MOST_ENTRIES} files and folders in ${start} to look through.`,
      'begin the glob with a folder: models/**/*.onnx',
    )
  }
  for (const entry of entries) {
    if (!search.hidden && entry.name.startsWith('.')) continue
    const name = below === '' ? entry.name : `${below}/${entry.name}`
    const kind = entry.isSymbolicLink() ? await stat(join(start, name)).catch(() => undefined) : entry
    if (kind?.isDirectory() && depth < search.depth && !search.skip.has(entry.name)) await look(start, name, depth + 1, search)
    if (kind?.isFile() && search.matches(name)) search.names.push(name)
  }
}
