import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFeatureAvailable, restoreCache, saveCache } from '@actions/cache'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { restoreReuse } from './reuse-cache.js'
import { cacheStore } from './testing/cache-service.js'
import { type Server, serve } from './testing/server.js'

const service = { isFeatureAvailable, restoreCache, saveCache }
const [OLD, NEW] = ['a'.repeat(64), 'b'.repeat(64)]

describe('what runs leave for later ones', () => {
  let [workspace, lines] = ['', '']
  const folder = () => join(workspace, '.pare')
  let server: Server
  let store: ReturnType<typeof cacheStore>
  beforeEach(async () => {
    workspace = mkdtempSync(join(tmpdir(), 'pare-reuse-'))
    const origin = { url: '' }
    store = cacheStore(() => origin.url)
    server = await serve([store.handler])
    origin.url = server.url
    lines = ''
    // A step starts in the workspace.
    vi.spyOn(process, 'cwd').mockReturnValue(workspace)
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      lines += String(text)
      return true
    })
    const env = { GITHUB_WORKSPACE: workspace, RUNNER_TEMP: workspace, ACTIONS_RUNTIME_TOKEN: 'secret' }
    for (const [name, value] of Object.entries({
      ...env,
      ACTIONS_CACHE_URL: `${server.url}/`,
      GITHUB_SERVER_URL: 'https://github.com',
    }))
      vi.stubEnv(name, value)
    vi.stubEnv('ACTIONS_CACHE_SERVICE_V2', undefined)
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
    await server[Symbol.asyncDispose]()
    rmSync(workspace, { recursive: true, force: true })
  })
  const open = (run: string, trusted = true) =>
    restoreReuse({ folder: folder(), workspace, trusted, env: { GITHUB_RUN_ID: run, GITHUB_JOB: 'pare' } }, service)
  const leave = (name: string, usedMs = Date.now()) => {
    mkdirSync(join(folder(), name, 'shard-1-of-1/attempt-1'), { recursive: true })
    writeFileSync(join(folder(), name, 'shard-1-of-1/attempt-1/manifest.json'), name)
    utimesSync(join(folder(), name), usedMs / 1000, usedMs / 1000)
  }

  it('comes back in the next run on another machine, without what was of no use in this one', async () => {
    const first = await open('1')
    leave(OLD, Date.now() - 60_000)
    await first()
    expect([...store.archives.keys()]).toEqual([expect.stringMatching(/^pare-reuse-1-\w+-\w+-1-1-pare-pare$/)])
    rmSync(folder(), { recursive: true })
    const second = await open('2')
    expect(readFileSync(join(folder(), OLD, 'shard-1-of-1/attempt-1/manifest.json'), 'utf8')).toBe(OLD)
    expect(lines).toContain('What earlier runs left comes from the cache: pare-reuse-1-')
    leave(NEW)
    await second()
    expect(store.archives.size).toBe(2)
    rmSync(folder(), { recursive: true })
    await open('3')
    expect([existsSync(join(folder(), OLD)), existsSync(join(folder(), NEW))]).toEqual([false, true])
  })

  it('is not saved again where a run used all of it and left nothing new, nor where there is nothing', async () => {
    await (await open('1'))()
    expect(store.archives.size).toBe(0)
    leave(OLD)
    const save = await open('1')
    leave(NEW)
    await save()
    expect(store.archives.size).toBe(1)
    const again = await open('2')
    for (const name of [OLD, NEW]) leave(name)
    await again()
    expect(store.archives.size).toBe(1)
  })

  it('is one for each shard, which begins with what others left', async () => {
    const shard = (index: number, run: string) =>
      restoreReuse(
        {
          folder: folder(),
          workspace,
          trusted: true,
          env: { GITHUB_RUN_ID: run, GITHUB_JOB: 'shard' },
          shard: { index, count: 2 },
        },
        service,
      )
    const first = await shard(1, '1')
    leave(OLD)
    await first()
    rmSync(folder(), { recursive: true })
    const second = await shard(2, '1')
    expect(existsSync(join(folder(), OLD))).toBe(true)
    leave(NEW)
    await second()
    expect([...store.archives.keys()]).toEqual([
      expect.stringMatching(/-shard-1-of-2-1-1-shard-pare$/),
      expect.stringMatching(/-shard-2-of-2-1-1-shard-pare$/),
    ])
    rmSync(folder(), { recursive: true })
    await shard(1, '2')
    expect([existsSync(join(folder(), OLD)), existsSync(join(folder(), NEW))]).toEqual([true, false])
  })

  it('leaves other files of the folder alone', async () => {
    mkdirSync(join(folder(), 'mine'), { recursive: true })
    const save = await open('1')
    leave(NEW)
    utimesSync(join(folder(), 'mine'), 1, 1)
    await save()
    expect(existsSync(join(folder(), 'mine'))).toBe(true)
  })

  it('says so where a server or a runner has no cache, and goes on', async () => {
    vi.stubEnv('GITHUB_SERVER_URL', 'https://github.example')
    vi.stubEnv('ACTIONS_CACHE_URL', undefined)
    const save = await open('1')
    leave(NEW)
    await save()
    expect(lines).toContain(
      "The cache of GitHub is not used: this server, or this runner, has none. What lies in '.pare' is taken over",
    )
    expect(store.archives.size).toBe(0)
  })

  it('is neither restored nor saved where the workspace is not trusted', async () => {
    const save = await open('1', false)
    leave(NEW)
    await save()
    expect(lines).toContain("Nothing is taken over from '.pare', nor from the cache of GitHub: the workspace is not trusted.")
    expect(store.archives.size).toBe(0)
  })

  it('warns where the cache fails, and goes on', async () => {
    const broken = () => Promise.reject(new Error('no way'))
    const request = { folder: folder(), workspace, trusted: true, env: {} }
    const save = await restoreReuse(request, { isFeatureAvailable: () => true, restoreCache: broken, saveCache: broken })
    leave(NEW)
    await save()
    expect(lines).toContain('could not be read: no way. The run goes on without it.')
    expect(lines).toContain('could not be written to: no way.')
  })
})
