import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { inputVariables } from './action-yml.js'
import { type ArtifactStore, artifactStore, runtimeToken } from './artifact-service.js'
import { type GithubApi, githubApi } from './github-api.js'
import { node24 } from './node24.js'
import { type Registry, registry } from './registry.js'
import { type Server, serve } from './server.js'
import { type Machine, readCommandFile } from './workspace.js'

/** Everything outside the machine that a step talks to, on loopback. */
export interface Services extends AsyncDisposable {
  readonly url: string
  readonly store: ArtifactStore
  readonly api: GithubApi
  readonly registry: Registry
}

export interface Event {
  readonly name: string
  readonly payload: unknown
}

export interface Step {
  readonly event: Event
  /** What the workflow says under `with:`. */
  readonly with: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
}

export interface StepResult {
  readonly exitCode: number | null
  readonly outputs: Readonly<Record<string, string>>
  readonly summary: string
  /** stdout and stderr together, as the log shows them. */
  readonly log: string
  /** `::error …::` and `::warning …::` lines of the log. */
  readonly annotations: readonly { readonly level: string; readonly message: string }[]
}

export interface RunningStep {
  readonly process: ChildProcess
  readonly result: Promise<StepResult>
  /** Resolves when the log contains `text`; rejects when the step ends without. */
  seen(text: string): Promise<void>
}

export async function startServices(): Promise<Services> {
  const origin: { url: string } = { url: '' }
  const store = artifactStore(() => origin.url)
  const api = githubApi(() => origin.url)
  const packages = registry()
  const server: Server = await serve([store.handler, api.handler, packages.handler])
  origin.url = server.url
  return { url: server.url, store, api, registry: packages, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** Runs the step to its end. */
export function runStep(machine: Machine, services: Services, step: Step): Promise<StepResult> {
  return startStep(machine, services, step).result
}

/** Starts what action.yml names, under Node 24, with the variables of a hosted runner and nothing of this process's but PATH. */
export function startStep(machine: Machine, services: Services, step: Step): RunningStep {
  const { runs } = parse(readFileSync(join(machine.action, 'action.yml'), 'utf8')) as { runs: { main: string } }
  const executable = node24()
  if (executable === undefined) throw new Error('no Node 24 on this machine')
  const child = spawn(executable, [join(machine.action, runs.main)], {
    cwd: machine.workspace,
    env: variables(machine, services, step),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log: string[] = []
  const collect = (chunk: Buffer) => log.push(chunk.toString('utf8'))
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const result = new Promise<StepResult>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode) => resolve(stepResult(exitCode, log.join(''), machine)))
  })
  return { process: child, result, seen: (text) => seen(text, log, child) }
}

function variables(machine: Machine, services: Services, step: Step): NodeJS.ProcessEnv {
  const payload = join(machine.temp, 'event.json')
  writeFileSync(payload, JSON.stringify(step.event.payload))
  const contexts = { 'github.token': 'ghs_secret', 'github.job': 'prune', 'strategy.job-index': '0' }
  return {
    PATH: process.env.PATH,
    ...(process.platform === 'win32' ? { SystemRoot: process.env.SystemRoot, TEMP: machine.temp } : { TMPDIR: machine.temp }),
    ...machine.commandFiles,
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTION: '__pare-dev_pare',
    GITHUB_API_URL: services.url,
    GITHUB_EVENT_NAME: step.event.name,
    GITHUB_EVENT_PATH: payload,
    GITHUB_JOB: 'prune',
    GITHUB_REPOSITORY: 'octo/models',
    GITHUB_RUN_ID: '77',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_WORKFLOW: 'Models',
    GITHUB_WORKSPACE: machine.workspace,
    RUNNER_TEMP: machine.temp,
    RUNNER_TOOL_CACHE: machine.toolCache,
    ACTIONS_RUNTIME_TOKEN: runtimeToken(),
    ACTIONS_RESULTS_URL: `${services.url}/`,
    npm_config_registry: services.url,
    ...inputVariables(step.with, contexts),
    ...step.env,
  }
}

function stepResult(exitCode: number | null, log: string, machine: Machine): StepResult {
  const { GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = machine.commandFiles
  return {
    exitCode,
    outputs: readCommandFile(GITHUB_OUTPUT!),
    summary: readFileSync(GITHUB_STEP_SUMMARY!, 'utf8'),
    log,
    annotations: [...log.matchAll(/^::(error|warning)[^:]*(?:%3A[^:]*)*::(.*)$/gm)].map(([, level = '', message = '']) => ({
      level,
      message: message.replaceAll('%0A', '\n').replaceAll('%25', '%'),
    })),
  }
}

function seen(text: string, log: readonly string[], child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (log.join('').includes(text)) resolve()
    }
    look()
    child.stdout?.on('data', look)
    child.stderr?.on('data', look)
    child.on('close', () => reject(new Error(`the step ended without '${text}':\n${log.join('')}`)))
  })
}
