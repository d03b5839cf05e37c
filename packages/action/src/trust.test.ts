import { describe, expect, it } from 'vitest'
import { parseEvent } from './event.js'
import { decideTrust } from './trust.js'

const repository = { id: 1 }
const head = (id: number | null) => ({ repository, pull_request: { number: 7, head: { repo: id === null ? null : { id } } } })
const run = (id: number) => ({ repository, workflow_run: { head_repository: { id }, pull_requests: [{ number: 9 }] } })

describe('trust auto', () => {
  it.each([
    ['push', {}, true],
    ['schedule', {}, true],
    ['workflow_dispatch', {}, true],
    ['merge_group', {}, true],
    ['pull_request', head(1), true],
    ['pull_request', head(2), true], // read-only token, no secrets
    ['pull_request_review', head(2), true],
    ['pull_request_target', head(1), true],
    ['pull_request_target', head(2), false],
    ['pull_request_target', head(null), false],
    ['pull_request_target', {}, false],
    ['pull_request_target', undefined, false],
    ['workflow_run', run(1), true],
    ['workflow_run', run(2), false],
    ['workflow_run', { repository }, false],
    ['issue_comment', { repository, issue: { number: 3 } }, true],
    ['issue_comment', { repository, issue: { number: 3, pull_request: {} } }, false],
    ['issue_comment', {}, false],
  ])('%s with %j: %s', (name, payload, trusted) => {
    expect(decideTrust('auto', parseEvent(name, payload)).trusted).toBe(trusted)
  })

  it('says why a fork is not trusted', () => {
    const { reason } = decideTrust('auto', parseEvent('pull_request_target', head(2)))
    expect(reason).toBe("pull_request_target runs with this repository's secrets on code of a fork")
  })
})

describe('the input wins over the event', () => {
  it.each([
    ['always', 'pull_request_target', true],
    ['never', 'push', false],
  ] as const)('%s on %s: %s', (setting, name, trusted) => {
    expect(decideTrust(setting, parseEvent(name, head(2))).trusted).toBe(trusted)
  })
})

describe('the pull request a comment goes to', () => {
  it.each([
    ['pull_request', head(1), 7],
    ['pull_request_target', head(2), 7],
    ['workflow_run', run(1), 9],
    ['issue_comment', { repository, issue: { number: 3, pull_request: {} } }, 3],
    ['issue_comment', { repository, issue: { number: 3 } }, undefined],
    ['push', head(1), undefined],
    ['pull_request', { pull_request: { number: '7; rm' } }, undefined],
  ])('of %s with %j is %s', (name, payload, number) => {
    expect(parseEvent(name, payload).pullRequest).toBe(number)
  })
})
