import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { downloadTool } from '@actions/tool-cache'
import { x as extract } from 'tar'
import { Failure, messageOf } from './failure.js'
import type { PinnedPackage } from './pinned.js'

/** The public registry. Another one is named by npm's own variable, `npm_config_registry`; the integrity check is the same. */
const PUBLIC_REGISTRY = 'https://registry.npmjs.org'

export interface Download {
  /** Base URL of an npm registry. */
  readonly registry: string
  /** Folder for the tarball while it is checked; it exists. */
  readonly temporary: string
  readonly signal: AbortSignal
}

export function registryOf(env: Readonly<Record<string, string | undefined>>): string {
  return (env.npm_config_registry || env.NPM_CONFIG_REGISTRY || PUBLIC_REGISTRY).replace(/\/+$/, '')
}

/**
 * Fetches the tarball of `pinned`, checks its hash, and only then unpacks the files that `keep` accepts into `folder`.
 * `keep` sees paths inside the package: 'dist/index.js'. Throws an infrastructure Failure.
 */
export async function downloadPackage(
  pinned: PinnedPackage,
  folder: string,
  keep: (path: string) => boolean,
  from: Download,
): Promise<void> {
  const url = `${from.registry}/${pinned.name}/-/${pinned.name}-${pinned.version}.tgz`
  const tarball = join(from.temporary, `${randomUUID()}.tgz`)
  try {
    await fetchTo(url, tarball, from.signal)
    await checkIntegrity(tarball, pinned, url)
    mkdirSync(folder, { recursive: true })
    await extract({
      file: tarball,
      cwd: folder,
      strip: 1,
      strict: true,
      filter: (path) => keep(path.split('/').slice(1).join('/')),
    })
  } finally {
    rmSync(tarball, { force: true })
  }
}

async function fetchTo(url: string, file: string, signal: AbortSignal): Promise<void> {
  try {
    await unlessAborted(downloadTool(url, file), signal)
  } catch (error) {
    signal.throwIfAborted()
    throw new Failure('infrastructure', `action: ${url} could not be downloaded: ${messageOf(error)}`, {
      hint: "check the runner's network and proxy, set npm_config_registry to a mirror, or give the input 'onnxruntime-path' a folder with onnxruntime-node",
      cause: error,
    })
  }
}

async function checkIntegrity(file: string, pinned: PinnedPackage, url: string): Promise<void> {
  const hash = createHash('sha512')
  await pipeline(createReadStream(file), hash)
  const found = `sha512-${hash.digest('base64')}`
  if (found === pinned.integrity) return
  throw new Failure('infrastructure', `action: ${url} has the integrity\n  ${found}\nexpected\n  ${pinned.integrity}`, {
    hint: 'nothing was unpacked; the registry or a proxy served other bytes than were published: run again, and ask who runs the mirror if it stays',
  })
}

/** Rejects with the signal's reason as soon as it is aborted; what `work` still does is left to the end of the process. */
function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
