import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { manifestOf, type ToolVersions } from './manifest.js'
import type { NewPlugin } from './new-plugin.js'
import { UsageError } from './usage-error.js'

const TEMPLATES = fileURLToPath(new URL('../templates/', import.meta.url))

/** The files of a plugin, by their paths with forward slashes. `year`: of its licence. */
export async function filesOf(plugin: NewPlugin, year: number): Promise<ReadonlyMap<string, string>> {
  const files = new Map([['package.json', `${JSON.stringify(manifestOf(plugin, await versions()), null, 2)}\n`]])
  for (const template of ['shared', plugin.kind])
    for (const path of await pathsIn(join(TEMPLATES, template))) {
      const text = await readFile(join(TEMPLATES, template, path), 'utf8')
      files.set(placeOf(path), path.endsWith('.ts') ? inCode(text, plugin) : inProse(text, plugin, year))
    }
  return files
}

/** Writes the files into a folder that is empty, or made. Throws UsageError where it holds anything but a Git repository. */
export async function writePlugin(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  await refuseFull(folder)
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text, { flag: 'wx' })
  }
}

async function refuseFull(folder: string): Promise<void> {
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new UsageError(
      `create-pare-plugin: ${folder} cannot be read: ${error.message}.`,
      'choose another folder with --folder.',
    )
  })
  const others = there.filter((name) => name !== '.git').sort()
  if (others.length === 0) return
  const shown = others.length > 3 ? `${others.slice(0, 3).join(', ')} and ${others.length - 3} more` : others.join(', ')
  throw new UsageError(
    `create-pare-plugin: ${folder} is not empty: ${shown}. Nothing was written.`,
    'choose another name, or another folder with --folder.',
  )
}

/** npm leaves files out that begin with a dot: they are stored without it. */
function placeOf(path: string): string {
  if (path === 'gitignore') return '.gitignore'
  return path.startsWith('workflows/') ? `.github/${path}` : path
}

/** Templates are plugins that compile and pass their tests, called my-plugin. */
function inCode(text: string, { name, factory }: NewPlugin): string {
  return text
    .replaceAll('MyPlugin', factory.charAt(0).toUpperCase() + factory.slice(1))
    .replaceAll('myPlugin', factory)
    .replaceAll('my-plugin', name)
}

function inProse(text: string, { packageName, written, factory }: NewPlugin, year: number): string {
  const words: Readonly<Record<string, string>> = { package: packageName, written, factory, year: String(year) }
  // `${{ … }}` is an expression of a workflow.
  return text.replace(/(?<!\$)\{\{(\w+)\}\}/g, (_, word: string) => words[word]!)
}

async function pathsIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort()
}

async function versions(): Promise<ToolVersions> {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return { pare: version }
}
