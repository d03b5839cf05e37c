import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Makes a folder for temporary files of this process, in that of the system, and gives its path. Whoever makes it removes it; what processes of this user that have
 * ended left behind is removed when the first one is made. `name` says what it is for: 'run', 'proof'.
 */
export function makeTemporaryFolder(name: string): string {
  const place = tmpdir()
  if (!swept.has(place)) {
    swept.add(place)
    sweep(place)
  }
  return mkdtempSync(join(place, `pare-${name}-${machine()}-${process.pid}-`))
}

/** Folders of the system in which this process has looked already. */
const swept = new Set<string>()

/** 'pare-run-1f0c9a2b-4711-Xy12Ab': made on that machine by process 4711. */
const NAME = /^pare-[a-z]+-([0-9a-f]{8})-(\d+)-\w{6}$/

/** Containers may share a folder for temporary files, and have process numbers of their own. */
function machine(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
}

function sweep(place: string): void {
  const own = machine()
  for (const entry of readdirSync(place)) {
    const [, host, pid] = NAME.exec(entry) ?? []
    if (host !== own || pid === undefined || !hasEnded(Number(pid))) continue
    const path = join(place, entry)
    try {
      // Others may put anything into this folder: neither what is theirs nor what a link leads to is removed.
      const stats = lstatSync(path)
      if (stats.isDirectory() && stats.uid === (process.getuid?.() ?? stats.uid)) rmSync(path, { recursive: true, force: true })
    } catch {
      // Another process removes it just now, or it may not be removed: it takes room, and does no harm.
    }
  }
}

function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    // EPERM: it is there, and another user's.
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
