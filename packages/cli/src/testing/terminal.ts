// What the child does; it is no part of what the package exports.
import { doJob } from '../../../evaluate/dist/jobs.js'
import { main } from '../command-line/command-line.js'
import type { Io } from '../terminal/io.js'

export interface Session {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** What stdout holds, which must be one JSON document. */
  json(): Document
}

export interface Document {
  readonly [field: string]: unknown
}

export interface SessionOptions {
  readonly cwd: string
  readonly env?: Io['env']
  readonly signal?: AbortSignal
  /** A terminal somebody looks at. Default: false, a pipe. */
  readonly isTTY?: boolean
  /** Of the terminal. Default: 100 */
  readonly columns?: number
  /** Where somebody types. */
  readonly stdin?: Io['stdin']
  /** What a run measures unasked beside the pruned model stays. Default: it is left out, since it takes seconds */
  readonly baselines?: boolean
  /** Sees what goes to stderr as it comes. */
  readonly onStderr?: (text: string) => void
}

/** Runs `pare …argv` in this process; child processes do the jobs of models, as they do for users. */
export async function pare(
  argv: readonly string[],
  {
    cwd,
    env = {},
    signal,
    isTTY = false,
    columns = 100,
    stdin,
    onStderr,
    baselines = false,
    work,
  }: SessionOptions & Pick<Io, 'work'>,
): Promise<Session> {
  const out: string[] = []
  const err: string[] = []
  const record = (texts: string[], see?: (text: string) => void) => ({
    isTTY,
    columns,
    write(text: string) {
      texts.push(text)
      see?.(text)
      return true
    },
  })
  const io = {
    stdout: record(out),
    stderr: record(err, onStderr),
    stdin,
    env,
    cwd,
    signal: signal ?? new AbortController().signal,
    now: Date.now,
    ...(work && { work }),
  }
  const isBare = argv[0] === 'run' && !baselines && !argv.some((word) => /^(--baselines|--help|-h)/.test(word))
  const exitCode = await main(isBare ? [...argv, '--no-baselines'] : argv, io)
  const [stdout, stderr] = [out.join(''), err.join('')]
  return { exitCode, stdout, stderr, json: () => JSON.parse(stdout) as Document }
}

/** The same with jobs of models done in this process, too: for tests of what comes of them, of which each would start several processes. */
export function pareInProcess(argv: readonly string[], options: SessionOptions): Promise<Session> {
  return pare(argv, { ...options, work: doJob })
}
