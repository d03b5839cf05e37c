import type { Event } from './runner.js'

const repository = { id: 1, full_name: 'octo/models' }
const fork = { id: 2, full_name: 'mallory/models' }

const pull = (head: object) => ({ repository, pull_request: { number: 7, head: { repo: head }, base: { repo: repository } } })

/** Payloads as GitHub sends them, cut down to what is read. */
export const events = {
  push: { name: 'push', payload: { repository, ref: 'refs/heads/main' } },
  pullRequest: { name: 'pull_request', payload: pull(repository) },
  forkPullRequest: { name: 'pull_request', payload: pull(fork) },
  forkPullRequestTarget: { name: 'pull_request_target', payload: pull(fork) },
  /** Of a run on the fork's pull request, which it does not name. */
  forkWorkflowRun: {
    name: 'workflow_run',
    payload: {
      repository,
      workflow_run: {
        pull_requests: [],
        head_branch: 'patch',
        head_sha: 'c0ffee',
        head_repository: { ...fork, owner: { login: 'mallory' } },
      },
    },
  },
} as const satisfies Record<string, Event>
