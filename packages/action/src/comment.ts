import { createHash } from 'node:crypto'
import { commentMarker, type RunResults, renderComment } from '@pare/report'
import type { CommentSetting } from './inputs.js'

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
}

export interface CommentRequest {
  readonly setting: CommentSetting
  /** The same for every run of this step, different from every other step that comments: the comment is found again by it. */
  readonly id: string
  readonly results: RunResults
}

/**
 * Writes the one comment of this step, or updates it in place.
 * on-failure: written when the gate does not pass, and updated when it passes again; on-change: as long as there is none, then when a
 * verdict, a metric or a sparsity changed; always: every time.
 */
export async function comment(
  { setting, id, results }: CommentRequest,
  comments: Comments,
): Promise<'created' | 'updated' | 'unchanged'> {
  if (setting === 'never') return 'unchanged'
  const marker = commentMarker(id)
  const facts = factsMarker(results)
  const earlier = await findOwn(marker, comments)
  if (earlier === undefined && setting === 'on-failure' && results.verdict === 'pass') return 'unchanged'
  if (earlier !== undefined && setting === 'on-change' && earlier.body.includes(facts)) return 'unchanged'
  const body = `${renderComment(results, { maxBytes: COMMENT_BYTES - facts.length - 1, marker })}\n${facts}`
  if (earlier === undefined) await comments.create(body)
  else await comments.update(earlier.id, body)
  return earlier === undefined ? 'created' : 'updated'
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

/** What `on-change` compares: hidden in the comment, a hash of all verdicts and headline numbers. */
function factsMarker({ models }: RunResults): string {
  const facts = models.map(({ path, verdict, metric, pruned, sparsity }) => [
    path,
    verdict,
    metric === undefined ? null : (pruned?.metrics[metric]?.toPrecision(6) ?? null),
    sparsity?.after.toPrecision(6) ?? null,
  ])
  return `<!-- pare-facts: ${createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16)} -->`
}
