import type { RunResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { type Comment, type Comments, comment } from './comment.js'
import type { CommentSetting } from './inputs.js'

/** The comments of a pull request in memory. `login`: who the token belongs to; undefined for a workflow's. */
function inMemory(login?: string): Comments & { readonly stored: Comment[] } {
  const stored: Comment[] = []
  const author = { login: login ?? 'github-actions[bot]', bot: login === undefined }
  return {
    stored,
    async *list() {
      yield* stored
    },
    async create(body) {
      stored.push({ id: stored.length + 1, body, author })
    },
    async update(id, body) {
      const index = stored.findIndex((one) => one.id === id)
      stored[index] = { ...stored[index]!, body }
    },
    login: async () => login,
  }
}

function results(verdict: 'pass' | 'fail', accuracy: number): RunResults {
  return {
    schemaVersion: 1,
    command: 'run',
    verdict,
    models: [
      {
        path: 'a.onnx',
        verdict,
        reasons: [],
        metric: 'accuracy',
        reference: { path: 'a.onnx', bytes: 1, metrics: { accuracy: 0.98 } },
        pruned: { path: 'b.onnx', bytes: 1, metrics: { accuracy } },
      },
    ],
  }
}

const good = results('pass', 0.98)
const bad = results('fail', 0.5)

describe('the comment', () => {
  it.each<[CommentSetting, RunResults[], string[]]>([
    ['never', [bad], ['unchanged']],
    ['always', [good, good, bad], ['created', 'updated', 'updated']],
    ['on-failure', [good, bad, good, good], ['unchanged', 'created', 'updated', 'updated']],
    ['on-change', [good, good, bad, bad, results('fail', 0.6)], ['created', 'unchanged', 'updated', 'unchanged', 'updated']],
  ])('%s', async (setting, runs, expected) => {
    const comments = inMemory()
    const done: string[] = []
    for (const run of runs) done.push(await comment({ setting, id: 'job', results: run }, comments))
    expect(done).toEqual(expected)
    expect(comments.stored).toHaveLength(setting === 'never' ? 0 : 1)
  })

  it('of another step is another comment', async () => {
    const comments = inMemory()
    for (const id of ['a', 'b', 'a', 'b']) await comment({ setting: 'always', id, results: good }, comments)
    expect(comments.stored).toHaveLength(2)
  })

  it.each([['a user'], [undefined]])('is not that of a stranger who pasted the marker (token of %s)', async (login) => {
    const own = inMemory(login)
    await comment({ setting: 'always', id: 'job', results: good }, own)
    const pasted = { id: 99, body: own.stored[0]!.body, author: { login: 'mallory', bot: false } }
    const comments = inMemory(login)
    comments.stored.push(pasted)
    await comment({ setting: 'always', id: 'job', results: bad }, comments)
    expect(comments.stored).toHaveLength(2)
    expect(comments.stored[0]).toBe(pasted)
  })

  it('fits what GitHub takes', async () => {
    const comments = inMemory()
    const many = {
      ...bad,
      models: Array.from({ length: 2000 }, (_, index) => ({ ...bad.models[0]!, path: `models/number-${index}.onnx` })),
    }
    await comment({ setting: 'always', id: 'job', results: many }, comments)
    expect(Buffer.byteLength(comments.stored[0]!.body)).toBeLessThanOrEqual(65_536)
  })
})
