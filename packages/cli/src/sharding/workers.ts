import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeTemporaryFolder } from '@pare/onnx'
import { WORKER_THREADS } from '../engine/work.js'
import type { RunOptions, RunOutcome } from '../pipeline/run.js'
import { Failure, usage } from '../terminal/failure.js'
import { mergeRun } from './merge-run.js'
import { SHARDS } from './run-shard.js'

export interface WorkerOptions extends RunOptions {
  readonly workers: number
  /** The command line, as it was typed. */
  readonly words: readonly string[]
}

/** The shards of a run in processes of this machine, put together: the same results as of one process. */
export async function runWorkers({ workers, words, ...options }: WorkerOptions): Promise<RunOutcome> {
  const { signal = new AbortController().signal, progress, cwd = process.cwd() } = options
  if (workers > 4 * availableParallelism())
    throw usage(
      `pare run: --workers ${workers} are more than this machine's ${availableParallelism()} cores can do.`,
      'take as many as there are cores, or fewer',
    )
  const folder = makeTemporaryFolder('workers')
  const activity = progress?.begin(`${workers} processes`)
  try {
    const threads = Math.max(1, Math.floor(availableParallelism() / workers))
    const done = { count: 0 }
    const all = Array.from({ length: workers }, async (_, i) => {
      const ended = await runWorker([...withoutWorkers(words), '--quiet', '--out', folder, '--shard', `${i + 1}/${workers}`], {
        cwd,
        signal,
        threads,
      })
      activity?.update(++done.count, workers)
      return ended
    })
    const ends = await Promise.all(all)
    signal.throwIfAborted()
    for (const [i, { code, stderr }] of ends.entries())
      if (code !== 0)
        progress?.note(`warning: process ${i + 1} of ${workers} ended with ${code ?? 'a signal'}: ${lastLine(stderr)}`)
    // Wrong options and data are wrong for all of them, and told once.
    const wrong = ends.find(({ code }) => code === 2 || code === 4)
    if (wrong !== undefined)
      throw new Failure(wrong.code === 4 ? 'untrusted' : 'usage', wrong.stderr.trim() || 'pare run: a process ended')
    return await mergeRun({ ...options, shards: join(folder, SHARDS) })
  } finally {
    activity?.end()
    await rm(folder, { recursive: true, force: true })
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'it said nothing'
}

interface WorkerEnd {
  readonly code: number | null
  readonly stderr: string
}

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

function runWorker(
  argv: readonly string[],
  { cwd, signal, threads }: { readonly cwd: string; readonly signal: AbortSignal; readonly threads: number },
): Promise<WorkerEnd> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, [WORKER_THREADS]: `${threads}` }
    const child = spawn(process.execPath, [MAIN, ...argv], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] })
    const texts: string[] = []
    child.stderr.setEncoding('utf8').on('data', (text: string) => texts.push(text))
    const stop = () => child.kill('SIGINT')
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    child.on('error', reject)
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop)
      resolve({ code, stderr: texts.join('') })
    })
  })
}

/** The options and models of the run, without what is said to each process anew. */
function withoutWorkers(words: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (/^(--workers|--out|-o)$/.test(word)) i++
    else if (!/^(--workers=|--out=|--json$|--lock$|--no-lock$|--quiet$|-q$)/.test(word)) kept.push(word)
  }
  return kept
}
