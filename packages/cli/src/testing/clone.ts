import { execFile } from 'node:child_process'
import { access, cp, mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

/** What a clone of this repository would hold if everything were committed: no built file, no node_modules. */
export async function cleanClone(folder: string): Promise<void> {
  const listed = await promisify(execFile)('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    maxBuffer: 2 ** 26,
  })
  const deleted = await promisify(execFile)('git', ['ls-files', '-z', '--deleted'], { cwd: ROOT })
  const gone = new Set(deleted.stdout.split('\0'))
  for (const file of listed.stdout.split('\0')) {
    if (file === '' || gone.has(file)) continue
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await cp(join(ROOT, file), join(folder, file))
  }
  // turbo asks git what the sources are.
  for (const args of [
    ['init', '--quiet'],
    ['add', '--all'],
  ])
    await promisify(execFile)('git', args, { cwd: folder })
}

/** What `npm ci` has installed here, in a clone, too, where files can be linked: installing it once more takes most of a minute. Elsewhere the clone installs it. */
export async function linkInstalled(clone: string): Promise<void> {
  if (process.platform !== 'linux') return
  const packages = (await readdir(join(ROOT, 'packages'))).map((name) => `packages/${name}`)
  for (const folder of ['.', 'scripts/node24', ...packages]) {
    const modules = join(ROOT, folder, 'node_modules')
    const isInstalled = await access(modules).then(
      () => true,
      () => false,
    )
    // Links where both are on one file system, else copies.
    if (isInstalled)
      await promisify(execFile)('cp', ['-a', '--link', modules, join(clone, folder, 'node_modules')]).catch(() =>
        promisify(execFile)('cp', ['-a', modules, join(clone, folder)]),
      )
  }
}
