import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { getOctokit } from '@actions/github'
import type { Against } from './engine/engine.js'
import type { Event } from './event.js'
import { messageOf } from './failure.js'
import * as log from './log.js'

interface Asking {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly event: Event
  readonly token: string | undefined
  readonly workspace: string
  readonly workingDirectory: string
}

/** Of the lock file: the run of a workflow may hold many models. */
const LOCK = 'pare.lock.json'

/**
 * The lock file of the branch that a pull request would be merged into, read through the API: what the checkout holds is the pull request's own. 'none' where
 * that branch has none, or it cannot be read, which is told. Undefined outside of pull requests: the checkout's own counts.
 */
export async function baseLock({ env, event, token, workspace, workingDirectory }: Asking): Promise<Against | undefined> {
  const { pullRequest, base } = event
  if (pullRequest === undefined) return undefined
  const path = [...relative(workspace, workingDirectory).split(sep), LOCK].filter((part) => part !== '').join('/')
  if (base === undefined || token === undefined) {
    const missing =
      token === undefined
        ? "the input 'github-token' is empty"
        : `the event ${event.name} does not say what it would be merged into`
    log.info(`Not compared with the base branch: ${missing}.`)
    return 'none'
  }
  const [owner = '', repo = ''] = (env.GITHUB_REPOSITORY ?? '').split('/')
  try {
    const { data } = await getOctokit(token, env.GITHUB_API_URL ? { baseUrl: env.GITHUB_API_URL } : {}).rest.repos.getContent({
      ...{ owner, repo, path, ref: base.sha },
      // The file as it is: the other form has no more than 1 MB.
      mediaType: { format: 'raw' },
    })
    const file = join(mkdtempSync(join(env.RUNNER_TEMP || tmpdir(), 'pare-base-')), LOCK)
    writeFileSync(file, String(data))
    log.info(`Compared with ${path} of ${base.branch}.`)
    return { name: base.branch, path: file }
  } catch (error) {
    if ((error as { readonly status?: unknown }).status === 404) log.info(`Not compared with ${base.branch}: it has no ${path}.`)
    else log.warning(`Not compared with ${base.branch}: ${path} cannot be read there (${messageOf(error)}).`)
    return 'none'
  }
}
