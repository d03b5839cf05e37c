import { readdirSync, rmSync, statSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import { messageOf } from './failure.js'
import * as log from './log.js'

/** The part of `@actions/cache` that is used. */
export interface CacheService {
  isFeatureAvailable(): boolean
  restoreCache(paths: string[], key: string, restoreKeys: string[]): Promise<string | undefined>
  saveCache(paths: string[], key: string): Promise<number>
}

export interface ReuseCache {
  /** Absolute path of the folder of `reuse`. */
  readonly folder: string
  readonly workspace: string
  readonly trusted: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** What falls to one of several machines has a cache of its own. Default: all models are run here */
  readonly shard?: { readonly index: number; readonly count: number }
}

/**
 * Fills the folder of `reuse` with what the last run of the branch, or of its base, left in the cache of GitHub. What it gives saves the folder once the run has
 * ended, without what the run did not use. Where there is no such cache, or it does not answer, that is told, and nothing else changes. Of an untrusted checkout
 * nothing is restored or saved: what it leaves would be taken over by others.
 */
export async function restoreReuse(
  { folder, workspace, trusted, env, shard }: ReuseCache,
  service: CacheService,
): Promise<() => Promise<void>> {
  const nothing = async () => {}
  const inside = relative(workspace, folder)
  if (!trusted) {
    log.info(`Nothing is taken over from '${inside}', nor from the cache of GitHub: the workspace is not trusted.`)
    return nothing
  }
  if (!service.isFeatureAvailable()) {
    log.info(
      `The cache of GitHub is not used: this server, or this runner, has none. What lies in '${inside}' is taken over all the same.`,
    )
    return nothing
  }
  // Runners have different workspaces; the client resolves what is relative.
  const paths = [inside.startsWith('..') || isAbsolute(inside) ? folder : inside]
  const all = `pare-reuse-1-${process.platform}-${process.arch}-`
  const prefix = shard === undefined ? all : `${all}shard-${shard.index}-of-${shard.count}-`
  const key = `${prefix}${env.GITHUB_RUN_ID ?? '0'}-${env.GITHUB_RUN_ATTEMPT ?? '1'}-${env.GITHUB_JOB ?? 'job'}-${env.GITHUB_ACTION ?? 'pare'}`
  const restored = await attempt('read', () => service.restoreCache([...paths], key, [...new Set([prefix, all])]))
  log.info(
    restored === undefined
      ? 'The cache has nothing of earlier runs.'
      : `What earlier runs left comes from the cache: ${restored}.`,
  )
  const before = entriesOf(folder)
  const start = Date.now()
  return async () => {
    // The run touches what it uses. A file system may count in whole seconds, or in two.
    for (const [name, entry] of entriesOf(folder))
      if (before.has(name) && entry.usedMs < start - 2000 && before.get(name)!.usedMs === entry.usedMs)
        rmSync(join(folder, name), { recursive: true, force: true })
    const after = entriesOf(folder)
    const isSame =
      after.size === before.size && [...after].every(([name, { attempts }]) => before.get(name)?.attempts === attempts)
    if (isSame || after.size === 0) return
    const saved = await attempt('written to', () => service.saveCache([...paths], key))
    if (saved !== undefined && saved >= 0) log.info(`What this run leaves for later ones is in the cache: ${key}.`)
  }
}

interface ReuseEntry {
  /** When a run used it last, in milliseconds. */
  readonly usedMs: number
  readonly attempts: number
}

/** What lies in the folder, by name: pieces of runs, as the command line leaves them. Nothing else is looked at or removed. */
function entriesOf(folder: string): ReadonlyMap<string, ReuseEntry> {
  const names = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : []
  return new Map(
    names
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .map((name) => {
        const shard = join(folder, name, 'shard-1-of-1')
        const attempts = statSync(shard, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(shard).length : 0
        return [name, { usedMs: statSync(join(folder, name)).mtimeMs, attempts }] as const
      }),
  )
}

/** A cache that fails must not fail the step. */
async function attempt<Result>(what: string, act: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await act()
  } catch (error) {
    log.warning(`The cache of GitHub could not be ${what}: ${messageOf(error)}. The run goes on without it.`)
    return undefined
  }
}
