import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DefaultArtifactClient } from '@actions/artifact'
import * as core from '@actions/core'
import { artifactUrl, REPORT, uploadArtifact, uploadReport } from './artifact.js'
import { comment, contentOf } from './comment.js'
import { readEvent } from './event.js'
import { messageOf } from './failure.js'
import { githubComments } from './github-comments.js'
import type { ActionInputs } from './inputs.js'
import * as log from './log.js'
import { type ActionOutcome, annotationsOf, conclusionOf, measuredOutputs, verdictLines } from './outcome.js'
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
  annotate(outcome)
  if (outcome.kind === 'results') setOutputs(outcome)
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
  await attempt('comment', () => sendComment(outcome, inputs, { env, ...links }))
}

type WithResults = Extract<ActionOutcome, { kind: 'results' }>

function annotate(outcome: ActionOutcome): void {
  if (outcome.kind === 'results') {
    for (const line of verdictLines(outcome.results)) log.info(line)
    for (const { level, title, message } of annotationsOf(outcome.results)) {
      if (level === 'error') log.error(message, title)
      else log.warning(message, title)
    }
    return
  }
  const { kind, message, hint } = outcome.failure
  if (kind === 'interrupted') log.warning(message)
  else log.error(hint === undefined ? message : `${message}\n  hint: ${hint}`)
}

function setOutputs({ results, folder }: WithResults): void {
  for (const [name, value] of Object.entries(measuredOutputs(results))) core.setOutput(name, value)
  for (const [name, file] of [
    ['results-path', 'results.json'],
    ['report-path', 'report.html'],
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
  outcome: ActionOutcome,
  inputs: ActionInputs,
  { env, report }: { readonly env: Publishing['env']; readonly report?: string },
): Promise<void> {
  const { comment: setting, token, artifactName } = inputs
  if (setting === 'never') return
  const { pullRequest } = readEvent(env)
  if (pullRequest === undefined) {
    log.info(`No comment: the event ${env.GITHUB_EVENT_NAME} belongs to no pull request.`)
    return
  }
  if (token === undefined) throw new Error("the input 'github-token' is empty")
  const comments = githubComments(token, { repository: env.GITHUB_REPOSITORY ?? '', number: pullRequest })
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
