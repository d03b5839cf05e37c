import { deserialize, serialize } from 'node:v8'
import type { ForwardPart } from '../measure/forward.js'
import type { Ask, Job, JobFunction, Setup, Talk } from './job.js'

/** As a message to or from a child arrives. */
const sent = <Value>(value: Value): Value => deserialize(serialize(value)) as Value

/** Whom a job is told of, and what ends the waiting for it. */
interface Listeners<Progress> {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
  readonly onPart?: (part: ForwardPart) => void
}

/** Does a job in this process, as a child would. The signal ends the waiting, and not the work. */
export async function doInProcess<Progress>(
  job: Job & Setup,
  work: JobFunction,
  { signal, onProgress, onPart }: Listeners<Progress>,
): Promise<{ result: unknown; peakMemoryBytes: number }> {
  const talk: Talk = async (reply) => {
    const arrived = sent(reply)
    if (arrived.kind === 'progress') onProgress?.(arrived.progress as Progress)
    else if (arrived.kind === 'part') onPart?.(arrived.part)
    // Whoever listens has a turn, as between messages.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const ask: Ask = () => Promise.reject(new Error('a job that asks is done by a child'))
  let abort = () => {}
  const stopped = new Promise<never>((_, reject) => {
    abort = () => reject(signal!.reason)
    signal?.addEventListener('abort', abort)
  })
  try {
    const result = await Promise.race([work(sent(job), talk, ask), stopped])
    return { result: sent(result), peakMemoryBytes: process.memoryUsage.rss() }
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}
