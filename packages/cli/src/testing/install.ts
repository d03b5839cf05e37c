import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

/** Packs our packages and `others` with `npm pack`, and installs the tarballs into `folder` with `npm install`, as their users would. */
export async function installPacked(folder: string, others: readonly string[]): Promise<void> {
  const tarballs = join(folder, 'tarballs')
  await mkdir(tarballs, { recursive: true })
  const own = await dependenciesOf('@pare/cli')
  const sources = [...own.map((name) => join(ROOT, 'packages', name.slice('@pare/'.length))), ...others]
  await npm(['pack', '--ignore-scripts', '--pack-destination', tarballs, ...sources], ROOT)
  const files = (await readdir(tarballs)).map((file) => `./tarballs/${file}`)
  await npm(['install', '--prefix', folder, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...files], folder)
}

const npm = (args: readonly string[], cwd: string) =>
  promisify(execFile)('npm', args, { cwd, shell: process.platform === 'win32' })

/** The package and those of ours that it depends on, directly or not. */
async function dependenciesOf(name: string, names = new Set<string>()): Promise<readonly string[]> {
  if (names.has(name)) return [...names]
  names.add(name)
  const manifest = await readFile(join(ROOT, 'packages', name.slice('@pare/'.length), 'package.json'), 'utf8')
  const { dependencies = {} } = JSON.parse(manifest) as { dependencies?: Readonly<Record<string, string>> }
  for (const dependency of Object.keys(dependencies)) {
    if (dependency.startsWith('@pare/')) await dependenciesOf(dependency, names)
  }
  return [...names]
}
