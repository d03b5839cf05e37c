import { answerJob, loadRuntime, type Setup } from '@pare/evaluate'
import type { RetrainRequest } from './prepare.js'
import { runTraining } from './run.js'
import type { StepProgress } from './train.js'

const PROGRESS_MS = 100

// The entry of the child process: one training comes in, progress and one result or failure go out. It can be asked to stop.
answerJob<{ readonly request: RetrainRequest } & Setup>(async ({ request, onnxruntime, provider, loader }, talk) => {
  let stopped = false
  process.on('message', ({ stop }: { readonly stop?: boolean }) => {
    stopped ||= stop === true
  })
  if (loader !== undefined) await import(loader)
  let last = Number.NEGATIVE_INFINITY
  const onProgress = (progress: StepProgress) => {
    const now = performance.now()
    if (now - last < PROGRESS_MS && progress.heldOut === undefined) return
    last = now
    void talk({ kind: 'progress', progress })
  }
  return runTraining(loadRuntime({ folder: onnxruntime, provider }), request, { onProgress, isStopped: () => stopped })
})
