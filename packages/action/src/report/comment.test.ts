import type { RunResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { ActionFailure } from '../failure.js'
import type { CommentSetting } from '../inputs.js'
import { type Comment, type Comments, comment, contentOf } from './comment.js'

/** The comments of a pull request in memory. `login`: who the token belongs to; undefined for a workflow's. `files`: what it changes. */
function inMemory(login?: string, files: readonly string[] | undefined = ['a.onnx']): Comments & { readonly stored: Comment[] } {
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
    files: async () => files,
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

const of = (run: RunResults) => contentOf({ kind: 'results', results: run, exitCode: 0, folder: '' })
const good = results('pass', 0.98)
const bad = results('fail', 0.5)

describe('the comment', () => {
  it.each<[CommentSetting, RunResults[], string[]]>([
    ['never', [bad], ['unchanged']],
    ['always', [good, good, bad], ['created', 'updated', 'updated']],
    ['on-failure', [good, bad, good, good], ['nothing to say', 'created', 'updated', 'updated']],
    ['on-change', [good, good, bad, bad, results('fail', 0.6)], ['created', 'unchanged', 'updated', 'unchanged', 'updated']],
  ])('%s', async (setting, runs, expected) => {
    const comments = inMemory()
    const done: string[] = []
    for (const run of runs) done.push(await comment({ setting, id: 'job', content: of(run) }, comments))
    expect(done).toEqual(expected)
    expect(comments.stored).toHaveLength(setting === 'never' ? 0 : 1)
  })

  const README = ['README.md', 'docs/logo.png', 'src/train.py']

  it.each<[string, readonly string[] | undefined, RunResults, string]>([
    ['only texts, pictures and code that is not run', README, good, 'nothing to say'],
    ['nothing at all', [], good, 'nothing to say'],
    ['only texts, but the gate fails', README, bad, 'created'],
    ['the model, too', [...README, 'models/a.onnx'], good, 'created'],
    ['what a config may import', ['src/app.ts'], good, 'created'],
    ['the workflow', ['.github/workflows/prune.yml'], good, 'created'],
    ['a file of a kind that is not known', ['weights.bin'], good, 'created'],
    ['what cannot be known', undefined, good, 'created'],
  ])('on-change, where a pull request changes %s', async (_, files, run, expected) => {
    const comments = { ...inMemory(), files: async () => files }
    expect(await comment({ setting: 'on-change', id: 'job', content: of(run) }, comments)).toBe(expected)
    // A later commit is compared with the comment, whatever it changes.
    const later = await comment({ setting: 'on-change', id: 'job', content: of(results('pass', 0.97)) }, comments)
    expect(later).toBe(expected === 'created' ? 'updated' : expected)
  })

  it('is written for a text that is the data', async () => {
    const model = { ...good.models[0]!, data: { path: 'data/eval.md', samples: 3 } }
    const request = { setting: 'on-change', id: 'job', content: of({ ...good, models: [model] }) } as const
    for (const [file, expected] of [
      ['data/eval.md', 'created'],
      // The repository is not always the folder that paths start from.
      ['sub/data/eval.md', 'created'],
      ['docs/eval.md', 'nothing to say'],
    ] as const) {
      expect(await comment(request, inMemory(undefined, [file]))).toBe(expected)
    }
  })

  it('does not change with digits that it does not show', async () => {
    const comments = inMemory()
    const at = (accuracy: number) =>
      comment({ setting: 'on-change', id: 'job', content: of(results('pass', accuracy)) }, comments)
    expect(await at(0.97001)).toBe('created')
    expect(await at(0.97002)).toBe('unchanged')
    expect(await at(0.9711)).toBe('updated')
  })

  it('of another step is another comment', async () => {
    const comments = inMemory()
    for (const id of ['a', 'b', 'a', 'b']) await comment({ setting: 'always', id, content: of(good) }, comments)
    expect(comments.stored).toHaveLength(2)
  })

  it.each([['a user'], [undefined]])('is not that of a stranger who pasted the marker (token of %s)', async (login) => {
    const own = inMemory(login)
    await comment({ setting: 'always', id: 'job', content: of(good) }, own)
    const pasted = { id: 99, body: own.stored[0]!.body, author: { login: 'mallory', bot: false } }
    const comments = inMemory(login)
    comments.stored.push(pasted)
    await comment({ setting: 'always', id: 'job', content: of(bad) }, comments)
    expect(comments.stored).toHaveLength(2)
    expect(comments.stored[0]).toBe(pasted)
  })

  it('of an earlier commit does not stay green when there is no verdict any more', async () => {
    const comments = inMemory()
    await comment({ setting: 'on-change', id: 'job', content: of(good) }, comments)
    const failure = new ActionFailure('usage', `no model ${'é'.repeat(70_000)}`, { hint: 'name one' })
    const content = contentOf({ kind: 'failure', failure })
    await expect(comment({ setting: 'on-change', id: 'job', content }, comments)).resolves.toBe('updated')
    expect(comments.stored[0]!.body).toMatch(/no verdict.*no model.*name one/s)
    expect(Buffer.byteLength(comments.stored[0]!.body)).toBeLessThanOrEqual(65_536)
  })

  it('fits what GitHub takes', async () => {
    const comments = inMemory()
    const many = {
      ...bad,
      models: Array.from({ length: 2000 }, (_, index) => ({ ...bad.models[0]!, path: `models/number-${index}.onnx` })),
    }
    await comment({ setting: 'always', id: 'job', content: of(many) }, comments)
    expect(Buffer.byteLength(comments.stored[0]!.body)).toBeLessThanOrEqual(65_536)
  })
})
