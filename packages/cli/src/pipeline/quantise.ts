import type { CalibrationFacts, PlanStep } from '@pare/core'
import { type Model, present } from '@pare/onnx'
import { type Quantiser, type QuantiseStep, quantise, type RunData } from '@pare/quantise'
import { forwardOver } from '../engine/forward.js'
import type { Work } from '../engine/work.js'
import { hashData } from '../files/hash.js'
import { showPath } from '../files/paths.js'
import type { QuantiseConfig } from '../options/quantise.js'
import { quantiserOf, whoMeasures } from '../settings/quantise.js'
import type { Task } from '../settings/tasks.js'

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
  /** The data that ranges were measured on. */
  readonly calibration?: CalibrationFacts
  readonly warnings: readonly string[]
}

/** The model in fewer bits, where that is wanted. */
export async function quantiseModel(
  model: Model,
  { quantise: setting, calibration }: Pick<Task, 'quantise' | 'calibration'>,
  work: Work,
): Promise<QuantisedOutcome> {
  if (setting === undefined) return { model, steps: [], warnings: [] }
  const { signal } = work
  const counts: Pick<CalibrationFacts, 'samples'> = {}
  const run = runFor(setting, calibration, work, ({ samples }) => Object.assign(counts, { samples }))
  await using hashing = run && hashData(calibration!.run.data)
  const { model: quantised, step } = await quantise(model, { ...quantiserOf(setting), signal, ...present({ run }) })
  signal.throwIfAborted()
  const warnings = step.weights.length > 0 ? [] : [`nothing is quantised: ${whyNothing(step)}`]
  const { provider: executionProvider = 'cpu' } = work.engine
  const facts = hashing && {
    ...{ path: showPath(calibration!.run.data, work.cwd), sha256: await hashing.digest() },
    ...{ ...counts, executionProvider },
  }
  return {
    ...{ model: quantised, steps: step.weights.length > 0 ? [step] : [], facts: factsOf(step), warnings },
    ...present({ calibration: facts }),
  }
}

/** What runs calibration data, where a form of weights needs them. `onEnd` is told what ran. */
export function runFor(
  setting: QuantiseConfig,
  calibration: Task['calibration'],
  { engine, progress, label, signal }: Work,
  onEnd?: Parameters<typeof forwardOver>[2],
): RunData | undefined {
  if (calibration === undefined || whoMeasures(setting) === undefined) return undefined
  const forward = forwardOver(calibration.run, engine, onEnd)
  return async function* (model, options) {
    const activity = progress.begin(`${label}: running calibration data`)
    const onProgress = ({ done, total }: { done: number; total?: number }) => activity.update(done, total ?? done)
    try {
      yield* forward(model, { ...options, signal, onProgress })
    } finally {
      activity.end()
    }
  }
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
