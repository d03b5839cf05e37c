import { createHash } from 'node:crypto'
import { commentMarker, figure, renderComment } from '@pare/report'
import { mayChange } from '../changed-files.js'
import type { CommentSetting } from '../inputs.js'
import type { ActionOutcome } from './outcome.js'
import { failureMarkdown, reportLink } from './summary.js'

/** GitHub refuses more than 65,536 characters; a character is at most as many as its bytes. */
const COMMENT_BYTES = 65_536

export interface Comment {
  readonly id: number
  readonly body: string
  readonly author: { readonly login: string; readonly bot: boolean }
}

/** The comments of one pull request. */
export interface Comments {
  list(): AsyncIterable<Comment>
  create(body: string): Promise<void>
  update(id: number, body: string): Promise<void>
  /** Login behind the token; undefined for the token of a workflow, which belongs to a bot. */
  login(): Promise<string | undefined>
  /** What the pull request changes, from the root of the repository; undefined where that cannot be known. */
  files(): Promise<readonly string[] | undefined>
}

/** What a comment says. */
export interface CommentContent {
  /** Whether all is well: `on-failure` starts a comment only when it is not. */
  readonly passes: boolean
  /** What `on-change` compares, as any JSON value. */
  readonly facts: unknown
  /** Whether what changes with these files may have changed the facts. */
  mayDependOn(files: readonly string[]): boolean
  /** Markdown of at most `maxBytes` bytes that begins with `marker`. */
  render(marker: string, maxBytes: number): string
}

export interface CommentRequest {
  readonly setting: CommentSetting
  /** The same for every run of this step, different from every other step that comments: the comment is found again by it. */
  readonly id: string
  readonly content: CommentContent
}

/** `report`: the address of the whole report. Of results: the report's comment; of a failure: its message. A comment from an earlier commit must not stay green. */
export function contentOf(outcome: Exclude<ActionOutcome, { kind: 'shard' | 'plan' }>, report?: string): CommentContent {
  if (outcome.kind === 'results') {
    const { results } = outcome
    // As far as they are shown: the last digits differ from machine to machine.
    const shown = (value: number | undefined) => (value === undefined ? null : figure(value))
    const facts = results.models.map(({ path, verdict, metric = '', reference, pruned, sparsity }) => [
      path,
      verdict,
      shown(reference.metrics[metric]),
      shown(pruned?.metrics[metric]),
      shown(sparsity?.after),
    ])
    return {
      passes: results.verdict === 'pass',
      facts,
      mayDependOn: (files) => mayChange(files, results),
      render: (marker, maxBytes) => {
        const link = report === undefined ? '' : `\n${reportLink(report)}\n`
        return `${renderComment(results, { maxBytes: maxBytes - link.length, marker })}${link}`
      },
    }
  }
  const { failure } = outcome
  return {
    passes: false,
    facts: failure.message,
    mayDependOn: () => true,
    // A character is at most four bytes.
    render: (marker, maxBytes) => `${marker}\n${failureMarkdown(failure, Math.floor(maxBytes / 4) - marker.length - 200)}`,
  }
}

/** What was done about a comment. 'nothing to say': there is none, and nothing that it would tell has changed. */
export type CommentOutcome = 'created' | 'updated' | 'unchanged' | 'nothing to say'

/**
 * Writes the one comment of this step, or updates it in place.
 * on-failure: written when the gate does not pass, and updated when it passes again. on-change: written when the gate does not pass, or when the pull
 * request changes a file that the results may depend on; then updated when a verdict or a figure is another one than it shows. always: every time.
 */
export async function comment({ setting, id, content }: CommentRequest, comments: Comments): Promise<CommentOutcome> {
  if (setting === 'never') return 'unchanged'
  const marker = commentMarker(id)
  const facts = `<!-- pare-facts: ${createHash('sha256').update(JSON.stringify(content.facts)).digest('hex').slice(0, 16)} -->`
  const earlier = await findOwn(marker, comments)
  if (earlier === undefined && !(await isWorthSaying(setting, content, comments))) return 'nothing to say'
  if (earlier !== undefined && setting === 'on-change' && earlier.body.includes(facts)) return 'unchanged'
  const body = `${content.render(marker, COMMENT_BYTES - facts.length - 1)}\n${facts}`
  if (earlier === undefined) await comments.create(body)
  else await comments.update(earlier.id, body)
  return earlier === undefined ? 'created' : 'updated'
}

/** Of a first comment. Where it is not known what the pull request changes, it may be anything. */
async function isWorthSaying(setting: CommentSetting, content: CommentContent, comments: Comments): Promise<boolean> {
  if (setting === 'always' || !content.passes) return true
  if (setting === 'on-failure') return false
  const files = await comments.files()
  return files === undefined || content.mayDependOn(files)
}

/** The oldest comment with the marker that this token wrote: anybody may paste a marker, and a workflow's token may edit any comment. */
async function findOwn(marker: string, comments: Comments): Promise<Comment | undefined> {
  const marked: Comment[] = []
  for await (const candidate of comments.list()) {
    if (candidate.body.includes(marker)) marked.push(candidate)
  }
  if (marked.length === 0) return undefined
  const login = await comments.login()
  return marked.find(({ author }) => (login === undefined ? author.bot : author.login === login))
}
