import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

/**
 * Packs our packages and `others` with `npm pack` and installs the tarballs into `folder`, without a registry: what they declare as
 * dependencies, and nothing else, is linked from this workspace.
 */
export async function installPacked(folder: string, others: readonly string[]): Promise<void> {
  const tarballs = join(folder, 'tarballs')
  await mkdir(tarballs, { recursive: true })
  const sources = [
    ...(await dependenciesOf('@pare/cli')).map((name) => join(ROOT, 'packages', name.slice('@pare/'.length))),
    ...others,
  ]
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', tarballs, ...sources], {
    cwd: ROOT,
    shell: process.platform === 'win32',
  })
  for (const tarball of await readdir(tarballs)) await unpack(join(tarballs, tarball), folder)
  await rm(tarballs, { recursive: true })
}

/** The package and those of ours that it depends on, directly or not. */
async function dependenciesOf(name: string, found = new Set<string>()): Promise<readonly string[]> {
  if (found.has(name)) return [...found]
  found.add(name)
  const { dependencies = {} } = await manifestOf(join(ROOT, 'packages', name.slice('@pare/'.length)))
  for (const dependency of Object.keys(dependencies)) {
    if (dependency.startsWith('@pare/')) await dependenciesOf(dependency, found)
  }
  return [...found]
}

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

async function manifestOf(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
}

async function unpack(tarball: string, folder: string): Promise<void> {
  const unpacked = `${tarball}.unpacked`
  await mkdir(unpacked)
  await run('tar', ['-xzf', tarball, '-C', unpacked])
  const manifest = await manifestOf(join(unpacked, 'package'))
  const home = join(folder, 'node_modules', manifest.name)
  await mkdir(dirname(home), { recursive: true })
  await rename(join(unpacked, 'package'), home)
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    if (name.startsWith('@pare/')) continue
    await mkdir(dirname(join(home, 'node_modules', name)), { recursive: true })
    await symlink(join(ROOT, 'node_modules', name), join(home, 'node_modules', name), 'junction')
  }
}
