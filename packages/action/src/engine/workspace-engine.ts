import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { hyphened } from '@pare/cli/options'
import { runResults } from '@pare/report'
import { z } from 'zod'
import { ActionFailure, exitCodes, messageOf, problemsIn } from '../failure.js'
import type { RunInputs } from '../inputs.js'
import { type EngineOutcome, type EngineRequest, shardDone, shardsOf } from './engine.js'
import { findUpwards } from './onnxruntime.js'

/** The command line that the workspace's lockfile chose. */
export interface WorkspaceCli {
  readonly version: string
  /** The script behind the command `pare`. */
  readonly script: string
}

/** How long a command may take to stop after it was told to, in milliseconds. GitHub kills the step after 10 s. */
const STOP_MS = 5_000

/** `node_modules/@pare/cli`, nearest to the working directory and not above the workspace. */
export function findWorkspaceCli(workingDirectory: string, workspace: string): WorkspaceCli | undefined {
  const folder = findUpwards(workingDirectory, workspace, join('@pare', 'cli'))
  if (folder === undefined) return undefined
  const manifest = readManifest(join(folder, 'package.json'))
  if (typeof manifest !== 'object' || manifest === null || !('bin' in manifest)) return undefined
  const { bin } = manifest
  const script = typeof bin === 'string' ? bin : typeof bin === 'object' && bin !== null && 'pare' in bin ? bin.pare : undefined
  if (typeof script !== 'string') return undefined
  return { version: 'version' in manifest ? String(manifest.version) : 'unknown', script: resolve(folder, script) }
}

function readManifest(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new ActionFailure('usage', `action: '${path}' cannot be read: ${messageOf(error)}`, {
      hint: "install the workspace's packages again (npm ci), or remove @pare/cli from it to use the built-in one",
      cause: error,
    })
  }
}

/** Runs `pare run --json`, or its relatives, in a process of its own. Its JSON is all that is taken from it; its messages go to the log. */
export async function runWorkspaceCli(cli: WorkspaceCli, request: EngineRequest): Promise<EngineOutcome> {
  const { stdout, exitCode } = await runCommand([cli.script, ...argumentsOf(request.inputs, request)], request)
  request.signal.throwIfAborted()
  const document = parseJson(stdout)
  const { kind } = request.task
  if (kind === 'plan') {
    const plan = z.object({ used: z.array(z.number().int().min(1)).max(256) }).safeParse(document)
    if (plan.success) return { used: shardsOf(plan.data.used.map((shard) => ({ shard }))) }
  } else if (kind === 'shard') {
    const shard = z
      .object({ pieces: z.array(z.object({ id: z.string() })), failures: z.record(z.string(), z.string()) })
      .safeParse(document)
    if (shard.success) return { shard: shardDone(shard.data.pieces, shard.data.failures) }
  } else {
    const results = runResults.safeParse(document)
    if (results.success) return { results: results.data, exitCode }
  }
  throw failureOf(document, exitCode, cli)
}

/** Of `pare run`, `merge` or `plan-run`. Absent inputs are left out: the config decides. */
export function argumentsOf(
  { models, texts }: RunInputs,
  { folder, against, task }: Pick<EngineRequest, 'folder' | 'against' | 'task'>,
): readonly string[] {
  const options = [...texts].flatMap(([option, text]) => {
    const name = hyphened(option.name)
    // A plan writes nothing.
    if (task.kind === 'plan' && ['lock', 'badge'].includes(option.name)) return []
    if (option.argument !== undefined) return [`--${name}=${text}`]
    return [`--${/^true$/i.test(text) ? '' : 'no-'}${name}`]
  })
  const compared = against === undefined ? [] : [`--against=${against === 'none' ? against : `${against.name}=${against.path}`}`]
  const [command, own, words] = commandOf(task)
  const out = task.kind === 'plan' ? [] : [`--out=${folder}`]
  const named = [...words, ...models]
  return [command, '--json', ...out, ...own, ...compared, ...options, ...(named.length > 0 ? ['--', ...named] : [])]
}

function commandOf(
  task: EngineRequest['task'],
): readonly [command: string, options: readonly string[], words: readonly string[]] {
  switch (task.kind) {
    case 'run':
      return ['run', [], []]
    case 'shard':
      return ['run', [`--shard=${task.index}/${task.count}`], []]
    case 'plan':
      return ['plan-run', [`--shards=${task.shards}`], []]
    case 'merge':
      return ['merge', [], [task.path]]
    default:
      return task satisfies never
  }
}

/** What belongs to the action alone: its inputs, its files, and tokens. */
const PRIVATE = /^(INPUT_|ACTIONS_|GITHUB_(OUTPUT|ENV|PATH|STATE|STEP_SUMMARY|TOKEN)$)/i

export function scrubbed(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !PRIVATE.test(name)))
}

function runCommand(argv: readonly string[], request: EngineRequest): Promise<{ stdout: string; exitCode: number }> {
  const { signal, workingDirectory } = request
  return new Promise((resolvePromise, reject) => {
    const child = spawn(process.execPath, argv, {
      cwd: workingDirectory,
      env: scrubbed(process.env),
      stdio: ['ignore', 'pipe', 'inherit'],
      windowsHide: true,
    })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    const stop = () => {
      child.kill('SIGINT')
      setTimeout(() => child.kill('SIGKILL'), STOP_MS).unref()
    }
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    child.on('error', reject)
    child.on('close', (code, killedBy) => {
      signal.removeEventListener('abort', stop)
      if (killedBy !== null) process.stderr.write(`pare was ended by ${killedBy}\n`)
      resolvePromise({ stdout: Buffer.concat(chunks).toString('utf8'), exitCode: code ?? exitCodes.infrastructure })
    })
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    return new ActionFailure('infrastructure', `its output is not JSON: ${messageOf(error)}: '${text.slice(0, 80)}'`)
  }
}

/** Why there are no results: the error the command reports in its JSON, a schema that is not ours, or no JSON at all. */
function failureOf(document: unknown, exitCode: number, cli: WorkspaceCli): ActionFailure {
  const who = `action: the workspace's @pare/cli ${cli.version}`
  const hint =
    'see its messages in the log above; update @pare/cli in the workspace to the version of this action, or uninstall it to use the built-in one'
  if (document instanceof ActionFailure)
    return new ActionFailure(kindOf(exitCode), `${who} ended with exit code ${exitCode}; ${document.message}`, { hint })
  const { error, schemaVersion } = fieldsOf(document)
  if (isReport(error))
    return new ActionFailure(kindOf(exitCode), error.message, { hint: error.hint ?? hint, problems: problemsIn(error) })
  return new ActionFailure(
    'infrastructure',
    `${who} wrote results with schemaVersion ${JSON.stringify(schemaVersion)}, which this action cannot read (expected 1)`,
    {
      hint,
    },
  )
}

function kindOf(exitCode: number): ActionFailure['kind'] {
  if (exitCode === exitCodes.usage) return 'usage'
  return exitCode === exitCodes.untrusted ? 'untrusted' : 'infrastructure'
}

function fieldsOf(document: unknown): { readonly error?: unknown; readonly schemaVersion?: unknown } {
  return typeof document === 'object' && document !== null ? document : {}
}

function isReport(error: unknown): error is { readonly message: string; readonly hint?: string } {
  return typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string'
}
