import { join } from 'node:path'
import { present } from '@pare/onnx'
import { isEncoderDecoder } from '../folder/encoder-decoder.js'
import type { ModelFolder } from '../folder/model-folder.js'
import { beside } from '../settings/data/partner.js'
import type { Task } from '../settings/task.js'
import { Failure } from '../terminal/failure.js'
import type { ModelOutcome } from './facts/result.js'
import type { PrunedModel } from './model.js'

/** What a run has pruned so far, for tasks that need it. */
export class PrunedModels {
  /** Where pruned encoders can be run until they are published. */
  readonly #encoders = new Map<ModelFolder, string>()
  readonly #models = new Map<Task, MadeModel>()

  /** Keeps an encoder that was pruned, for its decoder. */
  keepEncoder({ folder, path }: Task, staged: string): void {
    if (folder !== undefined && isEncoderDecoder(folder) && path === join(folder.path, folder.models[0]!))
      this.#encoders.set(folder, staged)
  }

  /** Keeps what came out of a task, for those that judge it on other data. */
  keep(task: Task, { pruned, zipped, chosen = task }: ModelOutcome): void {
    if (task.first === undefined && pruned !== undefined) this.#models.set(task, { task: chosen, pruned, ...present({ zipped }) })
  }

  /** The model that the first task of this one pruned. Throws a Failure where there is none. */
  modelOf(task: Task & { readonly first: Task }): MadeModel {
    const made = this.#models.get(task.first)
    if (made !== undefined) return made
    throw new Failure('infrastructure', `pare: ${task.name} is judged as it was pruned, and ${task.first.name} was not pruned.`, {
      hint: `see why ${task.first.name} has no result, and run again`,
    })
  }

  /** The task as what was pruned before leaves it: with the steps of the model that it judges, beside its pruned encoder. The outcome of such a task is told of these steps. Throws a Failure where either was not pruned. */
  asPruned(task: Task, outcome: ModelOutcome = {}): Task {
    if (!isFurther(task)) return this.#besideEncoder(task)
    outcome.chosen = this.#besideEncoder(judging(task, this.modelOf(task).task))
    return outcome.chosen
  }

  #besideEncoder(task: Task): Task {
    const { folder, evaluation } = task
    const partner = evaluation?.partner
    if (folder === undefined || partner?.role !== 'encoder') return task
    const path = this.#encoders.get(folder)
    if (path !== undefined) return beside(task, { ...partner, path })
    throw new Failure('infrastructure', `pare: ${task.name} is measured with its encoder, and that was not pruned.`, {
      hint: `see why ${folder.name}/${folder.models[0]} has no result, and run again`,
    })
  }
}

/** A model that was pruned, with the task as it was in the end. */
interface MadeModel extends Pick<ModelOutcome, 'zipped'> {
  readonly task: Task
  readonly pruned: PrunedModel
}

/** Whether a task judges what another one pruned. */
export function isFurther(task: Task): task is Task & { readonly first: Task } {
  return task.first !== undefined
}

function judging({ first, name, at, evaluation, demands, source }: Task & { readonly first: Task }, made: Task): Task {
  const { at: _, smallest: __, ...settings } = made
  return { ...settings, first, name, evaluation, demands, source, smallest: undefined, ...(at && { at }) }
}

/** What the results of a further evaluation say of a model: what was done to it is told once, where it was pruned. */
export function withoutPruning(pruned: PrunedModel): PrunedModel {
  const { repair: _, quantised: __, stored: ___, masks: ____, ...rest } = pruned
  const none = {
    layers: [],
    cut: [],
    declined: [],
    folded: [],
    proofs: [],
    blocks: [],
    trainings: [],
    searches: [],
    warnings: [],
  }
  return { ...rest, ...none, unrecovered: false }
}
