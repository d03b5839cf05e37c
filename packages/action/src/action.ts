import { mkdirSync, mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { isFeatureAvailable, restoreCache, saveCache } from '@actions/cache'
import * as core from '@actions/core'
import { baseLock } from './base-lock.js'
import { bundledEngine } from './engine/bundled-engine.js'
import type { RunEngine } from './engine/engine.js'
import { findOnnxRuntime } from './engine/onnxruntime.js'
import { findWorkspaceCli, runWorkspaceCli } from './engine/workspace-engine.js'
import { readEvent } from './event.js'
import { ActionFailure, asFailure } from './failure.js'
import { type ActionInputs, readInputs } from './inputs.js'
import * as log from './log.js'
import { type ActionOutcome, exitCodeOf, stepExitCode } from './report/outcome.js'
import { publish } from './report/publish.js'
import { readReported } from './report/reported.js'
import { restoreReuse } from './reuse-cache.js'
import { decideTrust } from './trust.js'

type Env = Readonly<Record<string, string | undefined>>

/** The step: inputs and event in; outputs, summary, annotations, artifact and comment out. Returns its exit code. */
export async function runAction(env: Env, signal: AbortSignal): Promise<number> {
  try {
    const inputs = readInputs(env)
    if (inputs.token !== undefined) core.setSecret(inputs.token)
    const outcome = await measure(inputs, env, signal)
    await publish(outcome, { inputs, env, signal })
    return stepExitCode(exitCodeOf(outcome), inputs.failOn)
  } catch (error) {
    const outcome: ActionOutcome = { kind: 'failure', failure: asFailure(error, signal) }
    await publish(outcome, { inputs: undefined, env, signal })
    return exitCodeOf(outcome)
  }
}

/** Whatever goes wrong on the way to the results is an outcome too: it is reported in the same places. */
async function measure(inputs: ActionInputs, env: Env, signal: AbortSignal): Promise<ActionOutcome> {
  try {
    const workspace = resolve(env.GITHUB_WORKSPACE ?? '.')
    if (inputs.task.kind === 'report') return await readReported(resolve(workspace, inputs.task.path), outputFolder(env))
    const workingDirectory = existingFolder(resolve(workspace, inputs.workingDirectory), inputs.workingDirectory)
    const event = readEvent(env)
    const { trusted, reason } = decideTrust(inputs.trust, event)
    log.info(`The workspace is ${trusted ? '' : 'not '}trusted: ${reason}.`)
    const engine = await chooseEngine({ inputs, env, signal, workspace, workingDirectory, trusted })
    const folder = outputFolder(env)
    const against = await baseLock({ env, event, token: inputs.token, workspace, workingDirectory })
    const task = inputs.task.kind === 'merge' ? { ...inputs.task, path: resolve(workspace, inputs.task.path) } : inputs.task
    const request = { inputs: inputs.run, task, workingDirectory, folder, against, signal }
    const { reuse } = inputs.run.values
    const save =
      typeof reuse === 'string'
        ? await restoreReuse(
            { folder: resolve(workingDirectory, reuse), workspace, trusted, env, ...(task.kind === 'shard' && { shard: task }) },
            { isFeatureAvailable, restoreCache, saveCache },
          )
        : undefined
    const done = await core.group(TITLES[task.kind], () => engine(request))
    await save?.()
    if (signal.aborted) return { kind: 'failure', failure: asFailure(signal.reason, signal) }
    if ('results' in done) return { kind: 'results', ...done, folder }
    if ('used' in done) return { kind: 'plan', ...done, shards: task.kind === 'plan' ? task.shards : 1 }
    const { index, count } = task.kind === 'shard' ? task : { index: 1, count: 1 }
    return { kind: 'shard', ...done, place: { index, count }, folder }
  } catch (error) {
    return { kind: 'failure', failure: asFailure(error, signal) }
  }
}

const TITLES = {
  run: 'Prune and measure',
  shard: 'Prune and measure',
  plan: 'Plan',
  merge: 'Put the shards together',
} as const

interface Surroundings {
  readonly inputs: ActionInputs
  readonly env: Env
  readonly signal: AbortSignal
  readonly workspace: string
  readonly workingDirectory: string
  readonly trusted: boolean
}

/** A workspace with a command line of its own runs that one, so that versions and plugins follow its lockfile. */
async function chooseEngine({ inputs, env, signal, workspace, workingDirectory, trusted }: Surroundings): Promise<RunEngine> {
  const cli = trusted ? findWorkspaceCli(workingDirectory, workspace) : undefined
  if (cli !== undefined) {
    log.info(`Engine: @pare/cli ${cli.version} of the workspace (${cli.script}).`)
    if (inputs.onnxruntimePath !== undefined) {
      log.warning("The input 'onnxruntime-path' has no effect: the workspace's @pare/cli brings its own.")
    }
    return (request) => runWorkspaceCli(cli, request)
  }
  const platform = { os: process.platform, arch: process.arch }
  const runtime = await findOnnxRuntime({
    env,
    platform,
    workspace,
    workingDirectory,
    path: inputs.onnxruntimePath,
    trusted,
    signal,
  })
  log.info(`Engine: built in. ONNX Runtime: ${runtime.from} (${runtime.folder}).`)
  return bundledEngine({ onnxruntime: runtime.folder, trusted, workspace })
}

function existingFolder(path: string, input: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path
  throw new ActionFailure(
    'usage',
    `action: 'working-directory' is '${input}', which is not a folder of the workspace (looked for ${path})`,
    {
      hint: 'name a folder that is checked out, relative to the root of the repository; is there an actions/checkout step before this one?',
    },
  )
}

/** A folder of this step alone: another step of the job may run Pare too. */
function outputFolder(env: Env): string {
  const temporary = env.RUNNER_TEMP || tmpdir()
  mkdirSync(temporary, { recursive: true })
  return mkdtempSync(join(temporary, 'pare-'))
}
