import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly exports?: Readonly<Record<string, { readonly types?: string } | string>>
}

// It stands here because this package is built after all others that are published.
it('declarations of all public packages compile in a plain strict project, without skipLibCheck, for Node 20', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'pare-declarations-')))
  try {
    const entries = await publicEntries()
    expect(entries.length).toBeGreaterThan(40)
    await mkdir(join(folder, 'node_modules/@types'), { recursive: true })
    for (const name of ['@pare', '@types/node', 'create-pare-plugin'])
      await symlink(await realpath(join(ROOT, 'node_modules', name)), join(folder, 'node_modules', name), 'junction')
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    await writeFile(join(folder, 'all.ts'), entries.map((entry, i) => `export * as entry${i} from '${entry}'\n`).join(''))
    const compilerOptions = {
      ...{ strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      ...{ target: 'es2022', module: 'nodenext', noEmit: true, types: ['node'] },
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['all.ts'] }))
    expect(await compile(folder)).toBe('')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 300_000)

/** '@pare/core', '@pare/core/backends', '@pare/metric-value/mse', … */
async function publicEntries(): Promise<readonly string[]> {
  const entries: string[] = []
  for (const directory of await readdir(join(ROOT, 'packages'))) {
    const text = await readFile(join(ROOT, 'packages', directory, 'package.json'), 'utf8')
    const { name, private: isPrivate, exports = {} } = JSON.parse(text) as Manifest
    if (isPrivate === true) continue
    for (const [path, target] of Object.entries(exports)) {
      if (typeof target === 'string' || target.types === undefined) continue
      if (!path.includes('*')) entries.push(join(name, path).replaceAll('\\', '/'))
      else for (const file of await declarationsIn(join(ROOT, 'packages', directory, 'dist'))) entries.push(`${name}/${file}`)
    }
  }
  return entries
}

async function declarationsIn(folder: string): Promise<readonly string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.d.ts') && !file.includes('.test.'))
  return files.map((file) => basename(file, '.d.ts'))
}

/** What the compiler says, nothing where all is well. */
function compile(cwd: string): Promise<string> {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  return new Promise((resolve) => {
    execFile(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd, maxBuffer: 2 ** 26 }, (_, stdout) => resolve(stdout))
  })
}
