import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRegular, systemCode } from '@pare/onnx'
import { z } from 'zod'

/** The process that something belongs to, as it is written into a file. */
const owner = z.object({
  host: z.string(),
  pid: z.number().int().positive(),
  /** When the process started, in a unit of the system: another process may have got its number since. Null: the system does not say. */
  start: z.string().nullable(),
  /** Date and time at which it took what it owns. */
  since: z.string(),
})

export type Owner = z.infer<typeof owner>

/** A file that only one process has at a time. Disposed of, it is gone. */
export interface Lock extends AsyncDisposable {
  readonly path: string
}

/** The lock, or the process that has it and is not known to have ended. A lock whose process has ended is taken over. */
export async function takeLock(path: string, { waitMs = 0 } = {}): Promise<Lock | Owner | 'somebody'> {
  const end = Date.now() + waitMs
  for (;;) {
    if (await create(path)) return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) }
    const holder = await holderOf(path)
    if (holder === 'nobody') await removeStale(path)
    else if (Date.now() >= end) return holder
    else await sleep(RETRY_MS)
  }
}

export function isLock(holder: Lock | Owner | 'somebody'): holder is Lock {
  return typeof holder === 'object' && Symbol.asyncDispose in holder
}

/** What a process writes down of itself. */
export function ownMark(): string {
  const mark: Owner = { host: hostname(), pid: process.pid, start: startOf(process.pid), since: new Date().toISOString() }
  return JSON.stringify(mark)
}

/** Who wrote this file; 'nobody' where that process has ended, or there is no such file. */
export async function holderOf(path: string): Promise<Owner | 'somebody' | 'nobody'> {
  const entry = await stat(path).catch(() => undefined)
  if (entry === undefined) return 'nobody'
  const opened = await openRegular(path, 'a lock').catch((error: Error) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  // It was given back meanwhile.
  if (opened === undefined) return 'nobody'
  const { handle } = opened
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MARK_BYTES), 0, MARK_BYTES, 0)
    const mark = owner.safeParse(parseJsonIfAny(buffer.toString('utf8', 0, bytesRead)))
    if (mark.success) return hasEnded(mark.data) ? 'nobody' : mark.data
    // Between its making and its first byte it is empty.
    return Date.now() - entry.mtimeMs < WRITTEN_MS ? 'somebody' : 'nobody'
  } finally {
    await handle.close()
  }
}

const RETRY_MS = 50
const MARK_BYTES = 1024
const WRITTEN_MS = 10_000

async function create(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx')
    await file.writeFile(ownMark())
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Moved away first, and looked at again: of two processes that found it stale, the second must not remove the lock of the first. */
async function removeStale(path: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await holderOf(aside)) === 'nobody') await rm(aside, { force: true })
  else await rename(aside, path)
}

/** On another machine it cannot be seen, and counts as running. */
function hasEnded({ host, pid, start }: Owner): boolean {
  if (host !== hostname()) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is there, and another user's.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true
  }
  const now = startOf(pid)
  return start !== null && now !== null && start !== now
}

/** Linux: clock ticks from the start of the system, field 22 of /proc/PID/stat; the second field may hold blanks and parentheses. */
function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

function parseJsonIfAny(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
