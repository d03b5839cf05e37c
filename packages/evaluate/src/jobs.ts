import type { RelayQuestion } from './measure/relay/open-relay.js'
import type { SegmentRequest } from './measure/relay/relay.js'
import type { Round } from './measure/trials/trials.js'
import type { Ask, Job, Setup, Talk } from './process/job.js'
import type { EvaluationProgress } from './process/request.js'
import { loadRuntime, openSession } from './process/runtime.js'

const PROGRESS_MS = 100

/** Each kind of work loads what it needs alone: a process is started for each, and loading everything took longer than many of them. */
export async function doJob(job: Job & Setup, talk: Talk, ask: Ask): Promise<unknown> {
  if (job.loader !== undefined) await import(job.loader)
  if (job.kind === 'digest') return (await import('./data/module.js')).digestOfYield(job.request)
  const runtime = loadRuntime({ folder: job.onnxruntime, provider: job.provider })
  switch (job.kind) {
    case 'describe': {
      await using session = await openSession(runtime, job.model)
      return { inputs: session.inputs, outputs: session.outputs }
    }
    case 'look':
      return (await import('./measure/look.js')).look(runtime, job.request)
    case 'constants':
      return (await import('./measure/constants.js')).constants(runtime, job.request)
    case 'compare':
      return (await import('./measure/compare.js')).compare(runtime, job.request)
    case 'renamed':
      return (await import('./measure/renamed.js')).compareRenamed(runtime, job.request)
    case 'forward': {
      const { forward } = await import('./measure/forward.js')
      return forward(runtime, job.request, { onPart: (part) => talk({ kind: 'part', part }), onProgress: progressOf(talk) })
    }
    case 'relay': {
      const { runRelay } = await import('./measure/relay/relay.js')
      const question = (asked: RelayQuestion) => asked
      return runRelay(runtime, job.request, {
        mostSamples: async (shapes) => (await ask<number>(question({ kind: 'most-samples', shapes })))!,
        next: (state) => ask<SegmentRequest>(question({ kind: 'next', state })),
        onPart: (part) => talk({ kind: 'part', part }),
        onProgress: progressOf(talk),
      })
    }
    case 'trials': {
      const { runTrials } = await import('./measure/trials/trials.js')
      return runTrials(runtime, job.request, { ask: (losses) => ask<Round>(losses), onProgress: progressOf(talk) })
    }
    case 'latency':
      return (await import('./measure/latency/latency.js')).measureLatency(runtime, job.request, progressOf(talk))
    case 'evaluate':
      return (await import('./measure/measure.js')).measure(runtime, job.request, { onProgress: progressOf(talk) })
  }
}

function progressOf(talk: Talk): (progress: EvaluationProgress) => void {
  let last = Number.NEGATIVE_INFINITY
  return (progress) => {
    const now = performance.now()
    if (now - last < PROGRESS_MS && progress.done !== progress.total) return
    last = now
    void talk({ kind: 'progress', progress })
  }
}
