import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TimeModel } from '@pare/core'
import { makeTemporaryFolder, present, writeModel } from '@pare/onnx'
import type { RunResults } from '@pare/report'
import { childOf, type Work } from './work.js'

export type ModelLatency = NonNullable<RunResults['models'][number]['latency']>

/** Time of a run of the pruned model ÷ that of the reference, with all cores: both run in turn, as `pare bench` does it. Dense, as users of the file run it. */
export async function relativeLatency(
  models: { readonly reference: string; readonly pruned: string; readonly seconds?: number },
  { engine, signal, progress, label }: Work,
): Promise<ModelLatency> {
  const { benchModels } = await import('@pare/evaluate')
  const { availableParallelism } = await import('node:os')
  const activity = progress.begin(`${label}: timing both models in turn`)
  try {
    const { reference, pruned } = models
    const more = { threads: [availableParallelism()], sparse: 'never', ...present({ seconds: models.seconds }) } as const
    const { cases, executionProvider, identical } = await benchModels(
      { reference, pruned, ...more },
      { ...childOf(engine), signal, onProgress: ({ done, total }) => activity.update(done, total ?? 0) },
    )
    const { speedup, referenceMs, prunedMs, threads, batch, seconds } = cases[0]!
    const [low, high] = speedup.interval
    return {
      relative: 1 / speedup.value,
      interval: [1 / high, 1 / low],
      referenceMs,
      prunedMs,
      threads,
      batch,
      executionProvider,
      seconds,
      ...(identical && { identical }),
    }
  } finally {
    activity.end()
  }
}

/** Times models that are not written yet, for targets of latency. */
export function timeModels(work: Work): TimeModel {
  return async (model, original) => {
    const folder = makeTemporaryFolder('latency')
    try {
      const [reference, pruned] = [join(folder, 'reference.onnx'), join(folder, 'pruned.onnx')]
      await writeModel(original, reference)
      await writeModel(model, pruned)
      return (await relativeLatency({ reference, pruned }, work)).relative
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}
