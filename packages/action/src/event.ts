import { readFileSync } from 'node:fs'
import { ActionFailure, messageOf } from './failure.js'

/** What started the workflow, reduced to what decides trust and where a comment goes. */
export interface Event {
  /** `pull_request`, `push`, … */
  readonly name: string
  /** Where the code under test comes from. 'unknown': the event does not say. */
  readonly code: 'repository' | 'fork' | 'unknown'
  /** Number of the pull request a comment would go to. */
  readonly pullRequest?: number
  /** Of a run that was started by another: the code of that one. Its pull request is the open one whose head it is. */
  readonly head?: { readonly owner: string; readonly branch: string; readonly sha: string }
  /** What the pull request would be merged into. */
  readonly base?: { readonly branch: string; readonly sha: string }
}

/** The event of GITHUB_EVENT_NAME and GITHUB_EVENT_PATH. Throws a Failure where the payload is not JSON. */
export function readEvent(env: Readonly<Record<string, string | undefined>>): Event {
  const name = env.GITHUB_EVENT_NAME ?? ''
  const path = env.GITHUB_EVENT_PATH
  if (!path) return parseEvent(name, undefined)
  try {
    return parseEvent(name, JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    throw new ActionFailure('infrastructure', `action: the event payload '${path}' cannot be read: ${messageOf(error)}`, {
      hint: 'GITHUB_EVENT_PATH must name the JSON file that the runner writes; a step before this one may have changed it',
      cause: error,
    })
  }
}

/** The event behind a payload as GitHub documents it. A payload that lacks a field gives code 'unknown', never 'repository'. */
export function parseEvent(name: string, payload: unknown): Event {
  switch (name) {
    case 'pull_request':
    case 'pull_request_target':
    case 'pull_request_review':
    case 'pull_request_review_comment':
      return {
        name,
        code: origin(payload, at(payload, 'pull_request', 'head', 'repo', 'id')),
        ...pullRequest(at(payload, 'pull_request', 'number')),
        ...baseOf(at(payload, 'pull_request', 'base')),
      }
    case 'workflow_run':
      return {
        name,
        code: origin(payload, at(payload, 'workflow_run', 'head_repository', 'id')),
        ...pullRequest(at(payload, 'workflow_run', 'pull_requests', '0', 'number')),
        ...headOf(at(payload, 'workflow_run')),
      }
    case 'issue_comment':
      // The payload names the pull request but not the repository its code comes from.
      if (at(payload, 'issue') !== undefined && at(payload, 'issue', 'pull_request') === undefined)
        return { name, code: 'repository' }
      return { name, code: 'unknown', ...pullRequest(at(payload, 'issue', 'number')) }
    default:
      return { name, code: 'repository' }
  }
}

/** A deleted fork leaves `head.repo` null: it counts as a fork. */
function origin(payload: unknown, head: unknown): Event['code'] {
  const repository = at(payload, 'repository', 'id')
  if (typeof repository !== 'number' && typeof repository !== 'string') return 'unknown'
  return head === repository ? 'repository' : 'fork'
}

function pullRequest(number: unknown): { readonly pullRequest?: number } {
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? { pullRequest: number } : {}
}

function baseOf(base: unknown): { readonly base?: NonNullable<Event['base']> } {
  const [branch, sha] = [at(base, 'ref'), at(base, 'sha')]
  return typeof branch === 'string' && typeof sha === 'string' ? { base: { branch, sha } } : {}
}

function headOf(run: unknown): { readonly head?: NonNullable<Event['head']> } {
  const [owner, branch, sha] = [at(run, 'head_repository', 'owner', 'login'), at(run, 'head_branch'), at(run, 'head_sha')]
  const isWhole = typeof owner === 'string' && typeof branch === 'string' && typeof sha === 'string'
  return isWhole ? { head: { owner, branch, sha } } : {}
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inside, key) => (isRecord(inside) ? inside[key] : undefined), value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
