import { appendFileSync, existsSync, statSync } from 'node:fs'
import { visibleMessage } from '@pare/cli'
import { renderSummary } from '@pare/report'
import type { ActionFailure } from '../failure.js'
import type { ActionOutcome } from './outcome.js'

/** GitHub's limit for one step. A longer summary is dropped as a whole, so what is written must fit. */
const SUMMARY_BYTES = 1024 * 1024

/** With less room than this not even the verdict can be told. */
const LEAST_BYTES = 1024

/** Appends the outcome to the job summary at `path`, within what the step has left. Returns the bytes written. */
export function appendSummary(outcome: ActionOutcome, path: string): number {
  const room = SUMMARY_BYTES - (existsSync(path) ? statSync(path).size : 0)
  if (room < LEAST_BYTES) return 0
  const text = `${summaryOf(outcome, room - 1)}\n`
  const bytes = Buffer.byteLength(text)
  if (bytes > room) return 0
  appendFileSync(path, text)
  return bytes
}

function summaryOf(outcome: ActionOutcome, maxBytes: number): string {
  switch (outcome.kind) {
    case 'results':
      return renderSummary(outcome.results, { maxBytes })
    case 'failure':
      return failureMarkdown(outcome.failure)
    case 'shard': {
      const { index, count } = outcome.place
      const title = `## Pare: shard ${index} of ${count}`
      return [
        title,
        '',
        'Nothing is judged here: the merge puts all shards together.',
        '',
        fenced(outcome.shard.lines.join('\n')),
      ].join('\n')
    }
    case 'plan':
      return `## Pare: ${outcome.used.length} of at most ${outcome.shards} shards have something to do`
    default:
      return outcome satisfies never
  }
}

/** Appends where the report is, if there is room. */
export function appendLink(url: string, path: string): void {
  const text = `\n${reportLink(url)}\n`
  const taken = existsSync(path) ? statSync(path).size : 0
  if (taken + Buffer.byteLength(text) <= SUMMARY_BYTES) appendFileSync(path, text)
}

/** Markdown that leads to the report. */
export function reportLink(url: string): string {
  return `[Open the whole report](${url}): pictures, every layer, every number.`
}

/** The failure as markdown: message and hint in blocks of code, with what cannot be seen written out, the message up to `most` characters. */
export function failureMarkdown({ kind, message, hint }: ActionFailure, most = 100_000): string {
  const title = kind === 'interrupted' ? 'cancelled' : 'no verdict'
  const shown = message.length > most ? `${message.slice(0, most)} …` : message
  const advice = hint === undefined ? [] : ['', '**What to do**', '', fenced(hint)]
  return [`## Pare: ${title}`, '', fenced(shown), ...advice].join('\n')
}

/** A code block whose fence is longer than any run of backticks inside. */
function fenced(text: string): string {
  const shown = visibleMessage(text)
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(Math.max(3, longest + 1))
  return `${fence}text\n${shown}\n${fence}`
}
