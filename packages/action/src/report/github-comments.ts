import { getOctokit } from '@actions/github'
import type { Event } from '../event.js'
import type { Comment, Comments } from './comment.js'

export interface PullRequest {
  /** `owner/name`. */
  readonly repository: string
  readonly number: number
}

/** GitHub lists no more files of a pull request. */
const MOST_FILES = 3000

/** The open pull request of the repository whose head is this commit, if there is one. Runs of forks do not name theirs. */
export async function pullRequestOf(
  token: string,
  { repository, head }: { readonly repository: string; readonly head: NonNullable<Event['head']> },
): Promise<number | undefined> {
  const { rest } = getOctokit(token)
  const [owner = '', repo = ''] = repository.split('/')
  const { data } = await rest.pulls.list({ owner, repo, state: 'open', head: `${head.owner}:${head.branch}`, per_page: 100 })
  return data.find((pull) => pull.head.sha === head.sha)?.number
}

/** The comments of a pull request through GitHub's REST API (GITHUB_API_URL). */
export function githubComments(token: string, { repository, number }: PullRequest): Comments {
  const { rest, paginate } = getOctokit(token)
  const [owner = '', repo = ''] = repository.split('/')
  return {
    async files() {
      const changed: string[] = []
      try {
        for await (const { data } of paginate.iterator(rest.pulls.listFiles, {
          owner,
          repo,
          pull_number: number,
          per_page: 100,
        })) {
          for (const { filename, previous_filename } of data)
            changed.push(filename, ...(previous_filename ? [previous_filename] : []))
        }
      } catch {
        return undefined
      }
      return changed.length < MOST_FILES ? changed : undefined
    },
    async *list() {
      for await (const { data } of paginate.iterator(rest.issues.listComments, {
        owner,
        repo,
        issue_number: number,
        per_page: 100,
      })) {
        for (const { id, body, user } of data) {
          yield { id, body: body ?? '', author: { login: user?.login ?? '', bot: user?.type === 'Bot' } } satisfies Comment
        }
      }
    },
    async create(body) {
      await rest.issues.createComment({ owner, repo, issue_number: number, body })
    },
    async update(id, body) {
      await rest.issues.updateComment({ owner, repo, comment_id: id, body })
    },
    async login() {
      try {
        const { data } = await rest.users.getAuthenticated()
        return data.type === 'Bot' ? undefined : data.login
      } catch {
        // The token of a workflow may not ask who it is: it is github-actions[bot].
        return undefined
      }
    },
  }
}
