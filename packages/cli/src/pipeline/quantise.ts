import { join } from 'node:path'
import type { PlanStep } from '@pare/core'
import type { Evaluation, Scores } from '@pare/evaluate'
import type { Drop } from '@pare/gate'
import { type Model, present, writeModel } from '@pare/onnx'
import { type Quantiser, type QuantiseStep, quantise } from '@pare/quantise'
import { openFolded } from '../engine/folding.js'
import type { Work } from '../engine/work.js'
import type { QuantiseConfig } from '../options/quantise.js'
import type { EvaluationSettings } from '../settings/evaluation.js'
import type { Task } from '../settings/tasks.js'
import { measure } from './measure.js'
import { zippedSize } from './zipped.js'

/** What was done to weights, and what was not. */
export interface QuantisationFacts {
  readonly method: Quantiser
  /** Of weights in blocks. */
  readonly block?: number
  readonly weights: number
  readonly elements: number
  readonly left: QuantiseStep['left']
}

export interface QuantisedOutcome {
  readonly model: Model
  readonly steps: readonly PlanStep[]
  readonly facts?: QuantisationFacts
  readonly warnings: readonly string[]
}

/** The model in fewer bits, where that is wanted. */
export async function quantiseModel(
  model: Model,
  setting: QuantiseConfig | undefined,
  { signal }: Work,
): Promise<QuantisedOutcome> {
  if (setting === undefined) return { model, steps: [], warnings: [] }
  const { model: quantised, step } = await quantise(model, typeof setting === 'string' ? { method: setting } : setting)
  signal.throwIfAborted()
  const warnings = step.weights.length > 0 ? [] : [`nothing is quantised: ${whyNothing(step)}`]
  return { model: quantised, steps: step.weights.length > 0 ? [step] : [], facts: factsOf(step), warnings }
}

function factsOf({ method, block, weights, left }: QuantiseStep): QuantisationFacts {
  const inBlocks = weights.some(({ form }) => form === 'blocks')
  const elements = weights.reduce((sum, weight) => sum + weight.elements, 0)
  return { method, ...present({ block: inBlocks ? block : undefined }), weights: weights.length, elements, left }
}

function whyNothing({ left }: QuantiseStep): string {
  const [first] = left
  return first === undefined ? 'the model has no large weights' : `of '${first.id}', ${first.reason}`
}

/** 'int4 in blocks of 32: 43 weights; 2 left as they are' */
export function describeQuantisation({ method, block, weights, left }: QuantisationFacts): string {
  const blocks = block === undefined ? '' : ` in blocks of ${block}`
  const others = left.length === 0 ? '' : `; ${left.length} left as ${left.length === 1 ? 'it is' : 'they are'}`
  return `${method}${blocks}: ${weights} weight${weights === 1 ? '' : 's'}${others}`
}

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
  { path, baselines = [], mergeAdapters = false }: Pick<Task, 'path' | 'baselines' | 'mergeAdapters'>,
  { evaluation, metric, reference }: BaselineMeasuring,
  { folder, work }: { readonly folder: string; readonly work: Work },
): Promise<Baseline[]> {
  const measured: Baseline[] = []
  for (const method of new Set(baselines)) {
    const label = `${work.label}, unpruned in ${method}`
    const file = join(folder, `${method}.onnx`)
    const bytes = await (async () => {
      await using opened = await openFolded(path, { ...work, label }, { mergeAdapters })
      const { model } = await quantise(opened.model, { method })
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
