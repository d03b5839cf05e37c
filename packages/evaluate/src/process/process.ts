import { type ChildProcess, fork } from 'node:child_process'
import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { makeTemporaryFolder, PareError } from '@pare/onnx'
import { provideOnnxRuntime } from '@pare/onnxruntime'
import pidusage from 'pidusage'
import { UntrustedError } from '../data/rows/inside.js'
import type { ForwardPart } from '../measure/forward.js'
import { scrubEnvironment, temporaryIn } from './environment.js'
import { doInProcess } from './in-process.js'
import type { Job, JobFunction, Reply, Setup } from './job.js'
import type { EvaluationProgress } from './request.js'

export interface ChildOptions<Progress = EvaluationProgress> extends Setup {
  readonly onProgress?: (progress: Progress) => void
  /** Called with what a model gives, batch by batch. */
  readonly onPart?: (part: ForwardPart) => void
  /** Called when the child wants to know what to do next, with what came out so far; what it gives is sent to the child. */
  readonly onAsk?: (outcome: unknown) => Promise<unknown>
  /** Ends the child; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /** Once aborted, the child is told to come to an end by itself: it is sent `{ stop: true }`. Default: it never is. */
  readonly stop?: AbortSignal
  /** Wall-clock limit. Default: an hour. */
  readonly timeoutMs?: number
  /** Called with a sentence for the user where ONNX Runtime must be fetched first. Default: nobody is told. */
  readonly onFetch?: (what: string) => void
  /** Limit of the child's resident memory, polled. Default: three quarters of the machine's. */
  readonly memoryLimitBytes?: number
  /** The child's entry, for bundles. Default: this package's, which is a bundle itself. */
  readonly child?: URL
  /**
   * Does the job in this process, without limits: for tests of what jobs come to. One with a loader, or one that is ended from outside, is a child's all the
   * same. Default: a child does all
   */
  readonly work?: JobFunction
}

/** Jobs that hold models open, ask what is next, and go on until they are ended. */
const LASTING = new Set<Job['kind']>(['relay', 'trials'])
const HOUR_MS = 3_600_000
/** Node fires longer timers at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
const POLL_MS = process.platform === 'win32' ? 1000 : 100
const STDERR_TAIL = 4096

/**
 * Does the job in a child process of its own: one of those that this package's child does, or another where `child` names an entry that does it (see
 * `answerJob`). `name` is what messages call it.
 * Throws PareError for what the child reports, and when it crashes, runs too long or takes too much memory; the signal's reason when aborted.
 */
export async function runChild<Progress = EvaluationProgress>(
  job: Job | { readonly kind: 'other'; readonly request: unknown },
  name: string,
  options: ChildOptions<Progress>,
): Promise<{ result: unknown; peakMemoryBytes: number }> {
  const { signal, stop, timeoutMs = HOUR_MS, memoryLimitBytes = machineMemory() * 0.75 } = options
  signal?.throwIfAborted()
  const { provider, loader } = options
  const onnxruntime = options.onnxruntime ?? (await provideOnnxRuntime(options))
  if (options.work !== undefined && loader === undefined && job.kind !== 'other' && !LASTING.has(job.kind))
    return await doInProcess({ ...job, onnxruntime, ...(provider && { provider }) }, options.work, options)
  const folder = makeTemporaryFolder('child')
  const child = fork(options.child ?? new URL('../../dist/child/child.js', import.meta.url), {
    env: { ...scrubEnvironment(process.env), ...temporaryIn(folder) },
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const ended = outcome(child, name, options)
  // A process that ends at once waits for nothing, and its children would go on.
  const end = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', end)
  const stops: (() => void)[] = []
  const stopped = new Promise<never>((_, reject) => {
    const abort = () => reject(signal!.reason)
    const stopChild = () => child.send({ stop: true }, () => {})
    signal?.addEventListener('abort', abort)
    stop?.addEventListener('abort', stopChild)
    const timer = setTimeout(() => reject(tooSlow(name, timeoutMs)), Math.min(timeoutMs, MAX_TIMER_MS))
    stops.push(
      () => signal?.removeEventListener('abort', abort),
      () => stop?.removeEventListener('abort', stopChild),
      () => clearTimeout(timer),
    )
  })
  const memory = watchMemory(child, memoryLimitBytes, name)
  try {
    child.send({ ...job, onnxruntime, provider, loader }, () => {})
    if (stop?.aborted === true) child.send({ stop: true }, () => {})
    const result = await Promise.race([ended, stopped, memory.exceeded])
    return { result, peakMemoryBytes: memory.peak() }
  } finally {
    for (const stop of [...stops, memory.stop]) stop()
    // Native code does not notice other signals.
    child.kill('SIGKILL')
    await ended.catch(() => {})
    process.off('exit', end)
    await rm(folder, { recursive: true, force: true })
  }
}

/** The child's result once it has ended. */
function outcome<Progress>(
  child: ChildProcess,
  name: string,
  { onProgress, onPart, onAsk }: ChildOptions<Progress>,
): Promise<unknown> {
  let last: Exclude<Reply, { kind: 'progress' | 'part' | 'ask' }> | undefined
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_TAIL)
  })
  child.on('message', (reply: Reply) => {
    if (reply.kind === 'progress') onProgress?.(reply.progress as Progress)
    else if (reply.kind === 'part') onPart?.(reply.part)
    else if (reply.kind === 'ask') void onAsk?.(reply.outcome).then((answer) => child.send({ answer }, () => {}))
    else last = reply
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (last?.kind === 'result') return resolve(last.result)
      if (last?.kind === 'bug') return reject(new Error(`in the child process for ${name}: ${last.stack}`))
      if (last) return reject(new (last.untrusted ? UntrustedError : PareError)(last.message, { hint: last.hint }))
      reject(crash(name, signal ?? `exit code ${code}`, stderr))
    })
  })
}

/** The model could not be run to its end here: a crash, a limit. Not a fault of the request. */
export class RunError extends PareError {
  readonly kind = 'infrastructure'
}

function crash(name: string, how: string, stderr: string): RunError {
  const tail = stderr.trim() === '' ? '' : `\n  ${stderr.trim().replaceAll('\n', '\n  ')}`
  return new RunError(`${name}: the model crashed the run time (${how}).${tail}`, {
    hint:
      how === 'SIGKILL'
        ? 'the system ended it, most likely because memory ran out: make the batch smaller.'
        : 'try the model with one thread, or with another version of onnxruntime-node.',
  })
}

function tooSlow(name: string, timeoutMs: number): RunError {
  return new RunError(`${name}: stopped after ${timeoutMs / 1000} s, its time limit.`, {
    hint: 'evaluate on fewer samples, or raise the time limit.',
  })
}

/** Polls the child's resident memory until stopped. */
function watchMemory(child: ChildProcess, limit: number, name: string) {
  let peak = 0
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const exceeded = new Promise<never>((_, reject) => {
    const poll = async () => {
      // It may have ended between two polls.
      const memory =
        child.pid === undefined
          ? 0
          : await pidusage(child.pid).then(
              (usage) => usage.memory,
              () => 0,
            )
      peak = Math.max(peak, memory)
      if (memory > limit) {
        reject(
          new RunError(`${name}: stopped at ${mebibytes(memory)} of resident memory; its limit is ${mebibytes(limit)}.`, {
            hint: 'make the batch smaller, or raise the memory limit.',
          }),
        )
      } else if (!stopped) timer = setTimeout(poll, POLL_MS)
    }
    void poll()
  })
  const stop = () => {
    stopped = true
    clearTimeout(timer)
  }
  return { exceeded, peak: () => peak, stop }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}

function machineMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}
