import { PareError } from '@pare/onnx'
import { compare } from './compare.js'
import { UntrustedError } from './data.js'
import { forward } from './forward.js'
import { measureLatency } from './latency.js'
import { measure } from './measure.js'
import type { Job, Reply, Setup } from './process.js'
import type { Progress } from './request.js'
import { loadRuntime, openSession } from './runtime.js'
import { type Round, runTrials } from './trials.js'

const PROGRESS_MS = 100

// The entry of the child process: one job comes in, progress and one result or failure go out.
process.once('message', async (job: Job & Setup) => {
  const reply = (message: Reply) => new Promise<void>((done) => process.send?.(message, () => done()))
  try {
    await reply({ kind: 'result', result: await work(job, reply) })
  } catch (error) {
    await reply(failure(error))
  }
  process.disconnect()
})
// A terminal sends Ctrl-C to both; the parent decides.
process.on('SIGINT', () => {})
// The parent is gone: nobody waits for the result.
process.on('disconnect', () => process.exit())

async function work(job: Job & Setup, reply: (message: Reply) => Promise<void>): Promise<unknown> {
  if (job.loader !== undefined) await import(job.loader)
  const runtime = loadRuntime({ folder: job.onnxruntime, provider: job.provider })
  if (job.kind === 'describe') {
    await using session = await openSession(runtime, job.model)
    return { inputs: session.inputs, outputs: session.outputs }
  }
  if (job.kind === 'compare') return compare(runtime, job.request)
  let last = Number.NEGATIVE_INFINITY
  const onProgress = (progress: Progress) => {
    const now = performance.now()
    if (now - last < PROGRESS_MS && progress.done !== progress.total) return
    last = now
    void reply({ kind: 'progress', progress })
  }
  if (job.kind === 'forward')
    return forward(runtime, job.request, { onPart: (part) => reply({ kind: 'part', part }), onProgress })
  if (job.kind === 'trials') {
    const ask = async (told?: readonly number[]) => {
      const answered = new Promise<{ answer?: Round }>((resolve) => process.once('message', resolve))
      await reply({ kind: 'ask', told })
      return (await answered).answer
    }
    return runTrials(runtime, job.request, { ask, onProgress })
  }
  return job.kind === 'latency' ? measureLatency(runtime, job.request, onProgress) : measure(runtime, job.request, { onProgress })
}

function failure(error: unknown): Reply {
  if (error instanceof PareError) {
    return { kind: 'failure', message: error.message, hint: error.hint, untrusted: error instanceof UntrustedError }
  }
  return { kind: 'bug', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
