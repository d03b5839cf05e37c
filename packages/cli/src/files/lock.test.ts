import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { holderOf, isLock, ownMark, takeLock } from './lock.js'

describe('a lock', () => {
  it('is had by one at a time, and is gone afterwards', async () => {
    await using folder = await fixture()
    const path = join(folder.path, 'a.lock')
    const first = await takeLock(path)
    if (!isLock(first)) throw new Error('not taken')
    expect(await takeLock(path)).toMatchObject({ pid: process.pid, host: hostname() })
    await first[Symbol.asyncDispose]()
    expect(await readdir(folder.path)).not.toContain('a.lock')
    expect(isLock(await takeLock(path))).toBe(true)
  })

  it('is waited for', async () => {
    await using folder = await fixture()
    const path = join(folder.path, 'a.lock')
    const first = await takeLock(path)
    const second = takeLock(path, { waitMs: 30_000 })
    if (isLock(first)) await first[Symbol.asyncDispose]()
    expect(isLock(await second)).toBe(true)
  })

  const { pid: ended } = spawnSync(process.execPath, ['-e', ''])
  const mark = JSON.parse(ownMark()) as { host: string; pid: number; start: string | null; since: string }

  const stale: [string, object][] = [['of a process that has ended', { ...mark, pid: ended }]]
  // Only where the system says when a process started.
  if (mark.start !== null) stale.push(['of a process whose number another has got since', { ...mark, start: '1' }])

  it.each(stale)('%s is taken over', async (_, owner) => {
    await using folder = await fixture(undefined, { 'a.lock': JSON.stringify(owner) })
    const path = join(folder.path, 'a.lock')
    expect(await holderOf(path)).toBe('nobody')
    expect(isLock(await takeLock(path))).toBe(true)
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid })
    expect((await readdir(folder.path)).filter((name) => name.startsWith('a.lock'))).toEqual(['a.lock'])
  })

  it('of another machine is left alone', async () => {
    const owner = { ...mark, host: 'another', pid: ended }
    await using folder = await fixture(undefined, { 'a.lock': JSON.stringify(owner) })
    expect(await takeLock(join(folder.path, 'a.lock'))).toEqual(owner)
  })

  it('is taken by one of several that find it stale at the same time', async () => {
    await using folder = await fixture(undefined, { 'a.lock': JSON.stringify({ ...mark, pid: ended }) })
    const locks = await Promise.all(Array.from({ length: 8 }, () => takeLock(join(folder.path, 'a.lock'))))
    expect(locks.filter(isLock)).toHaveLength(1)
  })

  it('that is empty belongs to somebody who is about to write it, unless it is old', async () => {
    await using folder = await fixture(undefined, { 'a.lock': '' })
    const path = join(folder.path, 'a.lock')
    expect(await takeLock(path)).toBe('somebody')
    await utimes(path, 0, 0)
    expect(isLock(await takeLock(path))).toBe(true)
  })

  it('is not written through a link', async () => {
    await using folder = await fixture(undefined, { victim: 'as it was' })
    await utimes(join(folder.path, 'victim'), 0, 0)
    await symlink('victim', join(folder.path, 'a.lock'))
    expect(isLock(await takeLock(join(folder.path, 'a.lock')))).toBe(true)
    expect(await readFile(join(folder.path, 'victim'), 'utf8')).toBe('as it was')
  })

  it('cannot be a folder', async () => {
    await using folder = await fixture()
    await mkdir(join(folder.path, 'a.lock'))
    await writeFile(join(folder.path, 'a.lock/x'), '')
    await expect(takeLock(join(folder.path, 'a.lock'))).rejects.toThrow('is a folder, expected a lock')
  })
})
