import { lstat, realpath } from 'node:fs/promises'
import { isAbsolute, relative, sep } from 'node:path'
import { untrusted } from '../../terminal/failure.js'

/**
 * Throws a Failure (exit 4) where a file that strangers name is not inside the workspace, behind all links: a checkout may hold links to any
 * file of the machine, and what is in it would show in messages and results. Nor inside `.git`, where credentials may stand. `shown` is what
 * messages call it. Nothing is checked without a workspace: then nobody is a stranger.
 */
export async function refuseOutside(path: string, shown: string, workspace: string | undefined): Promise<void> {
  if (workspace === undefined) return
  const root = await realpath(workspace)
  const real = await realpath(path).catch(() => undefined)
  // What is not there is told by whoever wants to read it, but only inside.
  const way = real === undefined ? relative(workspace, path) : relative(root, real)
  if (isBelow(way) && !way.split(sep).includes('.git')) return
  const isLink = (await lstat(path).catch(() => undefined))?.isSymbolicLink()
  throw untrusted(
    `pare: ${shown} ${isLink ? 'is a link that leads' : 'lies'} ${isBelow(way) ? 'into .git' : 'out of the workspace'}, and code of this checkout is not trusted.`,
    'name a file of the checkout itself, or run on a trusted event',
  )
}

/** Whether a path lies below the workspace as it is written, links aside. */
export function isWrittenInside(path: string, workspace: string): boolean {
  return isBelow(relative(workspace, path))
}

function isBelow(way: string): boolean {
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
