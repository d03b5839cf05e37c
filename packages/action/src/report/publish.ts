import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DefaultArtifactClient } from '@actions/artifact'
import * as core from '@actions/core'
import { readEvent } from '../event.js'
import { messageOf } from '../failure.js'
import type { ActionInputs } from '../inputs.js'
import * as log from '../log.js'
import { artifactUrl, REPORT, uploadArtifact, uploadReport } from './artifact.js'
import { comment, contentOf } from './comment.js'
import { githubComments, pullRequestOf } from './github-comments.js'
import {
  type ActionOutcome,
  type Annotation,
  annotationsOf,
  conclusionOf,
  failureAnnotations,
  measuredOutputs,
  verdictLines,
} from './outcome.js'
import { appendLink, appendSummary } from './summary.js'

export interface Publishing {
  /** Undefined where the inputs themselves are wrong: then nothing is uploaded or commented. */
  readonly inputs: ActionInputs | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

/** Outputs, annotations, job summary, artifact, comment, in this order. None of them decides the verdict: what fails is a warning. */
export async function publish(outcome: ActionOutcome, { inputs, env, signal }: Publishing): Promise<void> {
  core.setOutput('conclusion', conclusionOf(outcome))
  annotate(outcome, rootOf(inputs))
  if (outcome.kind === 'results') setOutputs(outcome)
  if (outcome.kind === 'plan') core.setOutput('shards', JSON.stringify(outcome.used))
  await attempt('job summary', () => writeSummary(outcome, env))
  if (inputs === undefined || signal.aborted) return
  const links: { report?: string } = {}
  if (outcome.kind === 'results') {
    await attempt('artifact', async () => {
      await sendArtifact(outcome, inputs, env)
      const url = await sendReport(outcome, inputs, env)
      if (url !== undefined) Object.assign(links, { report: url })
    })
  }
  if (outcome.kind === 'shard') return await sendShard(outcome, inputs, env)
  if (outcome.kind === 'plan') return
  await attempt('comment', () => sendComment(outcome, inputs, { env, ...links }))
}

type WithResults = Extract<ActionOutcome, { kind: 'results' }>

/** Where paths of results and configs start, relative to the root of the repository. */
function rootOf(inputs: Publishing['inputs']): string {
  return (inputs?.workingDirectory ?? '').split('\\').join('/')
}

function annotate(outcome: ActionOutcome, root: string): void {
  if (outcome.kind === 'results') {
    for (const line of verdictLines(outcome.results)) log.info(line)
    showAnnotations(annotationsOf(outcome.results, root))
    return
  }
  if (outcome.kind === 'plan') {
    log.info(`Shards that have something to do: ${outcome.used.join(', ')}.`)
    return
  }
  if (outcome.kind === 'shard') {
    for (const line of outcome.shard.lines) log.info(line)
    if (outcome.shard.hasFailures) log.warning('Not everything could be measured here; the merge says which model is incomplete.')
    return
  }
  const { kind, message } = outcome.failure
  if (kind === 'interrupted') {
    log.warning(message)
    return
  }
  const annotations = failureAnnotations(outcome.failure, root)
  // Of several the log has the whole.
  if (annotations.length > 1) for (const line of message.split('\n')) log.info(line)
  showAnnotations(annotations)
}

function showAnnotations(annotations: readonly Annotation[]): void {
  for (const { level, title, message, at } of annotations) {
    if (level === 'error') log.error(message, title, at)
    else log.warning(message, title, at)
  }
}

function setOutputs({ results, folder }: WithResults): void {
  for (const [name, value] of Object.entries(measuredOutputs(results))) core.setOutput(name, value)
  for (const [name, file] of [
    ['results-path', 'results.json'],
    ['report-path', 'report.html'],
    ['badge-path', 'badge.json'],
  ] as const) {
    if (existsSync(join(folder, file))) core.setOutput(name, join(folder, file))
  }
}

function writeSummary(outcome: ActionOutcome, env: Publishing['env']): void {
  const path = env.GITHUB_STEP_SUMMARY
  if (!path) return
  if (appendSummary(outcome, path) === 0)
    log.warning('The job summary of this step has no room left; the report is in the artifact.')
}

async function sendArtifact({ folder }: WithResults, inputs: ActionInputs, env: Publishing['env']): Promise<void> {
  if (inputs.upload === 'none') return
  core.startGroup('Upload')
  try {
    const { upload: what, artifactName: name, retentionDays } = inputs
    const { id } = await uploadArtifact({ folder, what, name, retentionDays }, new DefaultArtifactClient())
    core.setOutput('artifact-id', id)
    core.setOutput('artifact-url', artifactUrl(id, env))
  } finally {
    core.endGroup()
  }
}

/** Without its artifact a shard is lost: what stops it stops the step. */
async function sendShard(
  { folder }: Extract<ActionOutcome, { kind: 'shard' }>,
  { upload, artifactName: name, retentionDays }: ActionInputs,
  env: Publishing['env'],
): Promise<void> {
  if (upload === 'none') {
    core.setOutput('shards-path', join(folder, 'shards'))
    return
  }
  const { id } = await uploadArtifact({ folder, what: 'models', name, retentionDays }, new DefaultArtifactClient())
  core.setOutput('artifact-id', id)
  core.setOutput('artifact-url', artifactUrl(id, env))
}

/** The report by itself: its address shows it in the browser. Undefined where there is none, or nothing is to be uploaded. */
async function sendReport({ folder }: WithResults, inputs: ActionInputs, env: Publishing['env']): Promise<string | undefined> {
  if (inputs.upload === 'none' || !existsSync(join(folder, REPORT))) return undefined
  core.startGroup('Upload the report')
  try {
    const { artifactName: name, retentionDays } = inputs
    const { id } = await uploadReport({ folder, name, retentionDays }, new DefaultArtifactClient())
    const url = artifactUrl(id, env)
    core.setOutput('report-url', url)
    if (env.GITHUB_STEP_SUMMARY) appendLink(url, env.GITHUB_STEP_SUMMARY)
    return url
  } finally {
    core.endGroup()
  }
}

async function sendComment(
  outcome: Exclude<ActionOutcome, { kind: 'shard' | 'plan' }>,
  inputs: ActionInputs,
  { env, report }: { readonly env: Publishing['env']; readonly report?: string },
): Promise<void> {
  const { comment: setting, token, artifactName } = inputs
  if (setting === 'never') return
  const event = readEvent(env)
  const { head } = event
  if (event.pullRequest === undefined && head === undefined) {
    log.info(`No comment: the event ${env.GITHUB_EVENT_NAME} belongs to no pull request.`)
    return
  }
  if (token === undefined) throw new Error("the input 'github-token' is empty")
  const repository = env.GITHUB_REPOSITORY ?? ''
  const number = event.pullRequest ?? (head && (await pullRequestOf(token, { repository, head })))
  if (number === undefined) {
    log.info(`No comment: no open pull request has ${head?.sha} as its head; it may have gone on since.`)
    return
  }
  const comments = githubComments(token, { repository, number })
  const id = [env.GITHUB_WORKFLOW, env.GITHUB_JOB, env.GITHUB_ACTION, artifactName].join('/')
  const outcomeOfComment = await comment({ setting, id, content: contentOf(outcome, report) }, comments)
  log.info(outcomeOfComment === 'nothing to say' ? `No comment: ${SILENT[setting]}.` : `Comment: ${outcomeOfComment}.`)
}

/** Why a first comment is not written. */
const SILENT = {
  never: 'none is wanted',
  'on-failure': 'the gate passes',
  'on-change': 'the gate passes, and the pull request changes no file that the results depend on',
  always: 'none is needed',
} as const

/** GitHub answers 403 where the token may only read: in pull requests from forks, and without `permissions: pull-requests: write`. */
async function attempt(what: string, work: () => void | Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
    const cure =
      status === 403
        ? " The token may not write here: pull requests from forks get none that may, others need 'permissions: pull-requests: write'."
        : ''
    log.warning(`No ${what}: ${messageOf(error)}.${cure} The verdict is not touched by this.`)
  }
}
