import type { PlanStep } from '@pare/core'
import { type Model, present } from '@pare/onnx'
import { type Quantiser, type QuantiseStep, quantise } from '@pare/quantise'
import type { Work } from '../engine/work.js'
import type { QuantiseConfig } from '../options/quantise.js'

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
