import type { PlanStep } from '@pare/core'
import { plural, share } from '@pare/gate'
import { applyStorage, type Model, planStorage } from '@pare/onnx'
import type { Task } from '../../settings/task.js'

/** How weights were written. */
export interface StorageFacts {
  readonly storage: 'sparse'
  readonly weights: number
  readonly elements: number
  /** Elements of these that are stored. */
  readonly others: number
}

export interface StorageOutcome {
  readonly model: Model
  readonly steps: readonly PlanStep[]
  readonly facts?: StorageFacts
  readonly warnings: readonly string[]
}

/** The model with weights of many zeros stored sparsely, where that is wanted. */
export async function storeModel(model: Model, { storage = 'dense' }: Pick<Task, 'storage'>): Promise<StorageOutcome> {
  if (storage === 'dense') return { model, steps: [], warnings: [] }
  const step = await planStorage(model)
  const { weights } = step
  if (weights.length === 0)
    return {
      model,
      steps: [],
      warnings: ['nothing is stored sparsely: no weight has so many zeros that it would take less, or the opset is below 11'],
    }
  const sum = (of: 'elements' | 'others') => weights.reduce((total, weight) => total + weight[of], 0)
  const facts = { storage, weights: weights.length, elements: sum('elements'), others: sum('others') }
  return { model: await applyStorage(model, step), steps: [step], facts, warnings: [] }
}

/** 'sparse: 43 weights, 20 % of their elements' */
export function describeStorage({ storage, weights, elements, others }: StorageFacts): string {
  return `${storage}: ${plural(weights, 'weight')}, ${share(others / elements)} of their elements and a bit for each`
}
