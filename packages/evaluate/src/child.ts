import { digestOfYield } from './data/module.js'
import { compare } from './measure/compare.js'
import { constants } from './measure/constants.js'
import { forward } from './measure/forward.js'
import { measureLatency } from './measure/latency/latency.js'
import { look } from './measure/look.js'
import { measure } from './measure/measure.js'
import type { RelayQuestion } from './measure/relay/open-relay.js'
import { runRelay, type SegmentRequest } from './measure/relay/relay.js'
import { compareRenamed } from './measure/renamed.js'
import { type Round, runTrials } from './measure/trials.js'
import { answerJob, type Talk } from './process/answer.js'
import type { Job, Setup } from './process/process.js'
import type { EvaluationProgress } from './process/request.js'
import { loadRuntime, openSession } from './process/runtime.js'

const PROGRESS_MS = 100

answerJob<Job & Setup>(work)

async function work(job: Job & Setup, talk: Talk): Promise<unknown> {
  if (job.loader !== undefined) await import(job.loader)
  if (job.kind === 'digest') return digestOfYield(job.request)
  const runtime = loadRuntime({ folder: job.onnxruntime, provider: job.provider })
  if (job.kind === 'describe') {
    await using session = await openSession(runtime, job.model)
    return { inputs: session.inputs, outputs: session.outputs }
  }
  if (job.kind === 'look') return look(runtime, job.request)
  if (job.kind === 'constants') return constants(runtime, job.request)
  if (job.kind === 'compare') return compare(runtime, job.request)
  if (job.kind === 'renamed') return compareRenamed(runtime, job.request)
  let last = Number.NEGATIVE_INFINITY
  const onProgress = (progress: EvaluationProgress) => {
    const now = performance.now()
    if (now - last < PROGRESS_MS && progress.done !== progress.total) return
    last = now
    void talk({ kind: 'progress', progress })
  }
  if (job.kind === 'forward') return forward(runtime, job.request, { onPart: (part) => talk({ kind: 'part', part }), onProgress })
  const ask = async <Answer>(outcome: unknown) => {
    const answered = new Promise<{ answer?: Answer }>((resolve) => process.once('message', resolve))
    await talk({ kind: 'ask', outcome })
    return (await answered).answer
  }
  if (job.kind === 'relay') {
    const question = (asked: RelayQuestion) => asked
    return runRelay(runtime, job.request, {
      mostSamples: async (shapes) => (await ask<number>(question({ kind: 'most-samples', shapes })))!,
      next: (state) => ask<SegmentRequest>(question({ kind: 'next', state })),
      onPart: (part) => talk({ kind: 'part', part }),
      onProgress,
    })
  }
  if (job.kind === 'trials') return runTrials(runtime, job.request, { ask: (losses) => ask<Round>(losses), onProgress })
  return job.kind === 'latency' ? measureLatency(runtime, job.request, onProgress) : measure(runtime, job.request, { onProgress })
}
