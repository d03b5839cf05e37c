import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onnxruntimeCommon, onnxruntimeNode, type PinnedPackage } from '@pare/onnxruntime'
import type { Handler } from './server.js'

/** An npm registry that serves tarballs, by default those that were really published. */
export interface Registry {
  /** In order of arrival. */
  readonly requests: string[]
  /** What is served instead, by package name; 'stall': nothing ever arrives. */
  readonly instead: Map<string, Buffer | 'stall'>
  readonly handler: Handler
}

export function registry(): Registry {
  const requests: string[] = []
  const instead = new Map<string, Buffer | 'stall'>()
  const handler: Handler = ({ url }) => {
    const pinned = [onnxruntimeNode, onnxruntimeCommon].find(
      ({ name, version }) => url.pathname === `/${name}/-/${name}-${version}.tgz`,
    )
    if (pinned === undefined) return undefined
    requests.push(pinned.name)
    const other = instead.get(pinned.name)
    return other === 'stall' ? other : { status: 200, body: other ?? readFileSync(publishedTarball(pinned)) }
  }
  return { requests, instead, handler }
}

const cache = fileURLToPath(new URL('../../../../node_modules/.cache/pare-registry', import.meta.url))

/** The tarball as npm has it: usually still in npm's own cache from the installation, so nothing is downloaded. */
export function publishedTarball({ name, version }: PinnedPackage): string {
  const file = join(cache, `${name}-${version}.tgz`)
  if (existsSync(file)) return file
  mkdirSync(cache, { recursive: true })
  const temporary = mkdtempSync(join(cache, 'pack-'))
  try {
    const windows = process.platform === 'win32'
    const argv = ['pack', `${name}@${version}`, '--prefer-offline', '--pack-destination', temporary]
    execFileSync(windows ? 'npm.cmd' : 'npm', argv, { cwd: dirname(cache), stdio: 'ignore', shell: windows })
    renameSync(join(temporary, `${name}-${version}.tgz`), file)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return file
}
