import { join } from 'node:path'
import type { Evaluation, Scores } from '@pare/evaluate'
import type { Drop } from '@pare/gate'
import { present, writeModel } from '@pare/onnx'
import { type Quantiser, quantise } from '@pare/quantise'
import { openFolded } from '../engine/folding.js'
import type { Work } from '../engine/work.js'
import type { EvaluationSettings } from '../settings/evaluation.js'
import type { Task } from '../settings/tasks.js'
import { measure } from './measure.js'
import { forwardFor } from './quantise.js'
import { zippedSize } from './zipped.js'

/** The unpruned model in fewer bits, as it was measured. */
export interface Baseline {
  readonly method: Quantiser
  readonly bytes: number
  readonly zippedBytes: number
  readonly scores: Scores
  /** Of the gate's metric. Absent where it could not be measured. */
  readonly drop?: Pick<Drop, 'value' | 'interval'>
}

/** What a user would take instead of pruning: writes the unpruned model in fewer bits to `folder`, measures it, and forgets it. */
export async function measureBaselines(
  {
    path,
    baselines = [],
    mergeAdapters = false,
    calibration,
  }: Pick<Task, 'path' | 'baselines' | 'mergeAdapters' | 'calibration'>,
  { evaluation, metric, reference }: BaselineMeasuring,
  { folder, work }: { readonly folder: string; readonly work: Work },
): Promise<Baseline[]> {
  const measured: Baseline[] = []
  for (const method of new Set(baselines)) {
    const label = `${work.label}, unpruned in ${method}`
    const file = join(folder, `${method}.onnx`)
    const bytes = await (async () => {
      await using opened = await openFolded(path, { ...work, label }, { mergeAdapters })
      const { model } = await quantise(opened.model, {
        method,
        ...present({ run: forwardFor(method, calibration, { ...work, label }) }),
      })
      const files = await writeModel(model, file, { signal: work.signal })
      return files.reduce((sum, each) => sum + each.bytes, 0)
    })()
    const request = { ...evaluation.request, model: file, ...(evaluation.comparing.length > 0 && { reference: path }) }
    const scores = await measure(request, evaluation.limits, { ...work, label })
    const zippedBytes = await zippedSize(file, work.signal)
    measured.push({ method, bytes, zippedBytes, scores, ...present({ drop: await dropOf(scores) }) })
  }
  return measured

  async function dropOf(scores: Evaluation): Promise<Baseline['drop'] | undefined> {
    const [before, after] = [reference, scores].map(({ measurements }) => measurements.find((one) => one.metric === metric))
    if (before === undefined || after === undefined) return undefined
    const { drop } = await import('@pare/gate')
    const { findAggregates } = await import('@pare/evaluate')
    const aggregates = await findAggregates([metric], evaluation.request.modules)
    const { value, interval } = drop(before, after, { facts: scores.facts, aggregate: aggregates.get(metric) })
    return { value, interval }
  }
}

/** How the unpruned model was measured. */
interface BaselineMeasuring {
  readonly evaluation: EvaluationSettings
  /** The one that the gate looks at. */
  readonly metric: string
  readonly reference: Scores
}
