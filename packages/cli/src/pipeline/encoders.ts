import type { ModelFolder } from '../folder/model-folder.js'
import { beside } from '../settings/data/partner.js'
import type { Task } from '../settings/task.js'
import { Failure } from '../terminal/failure.js'

/** Pruned encoders whose decoders are measured with them: where they can be run until they are published, by their folder. */
export type PrunedEncoders = Map<ModelFolder, string>

/** Keeps an encoder that was pruned for its decoder. */
export function keepEncoder({ folder, evaluation }: Task, staged: string, encoders: PrunedEncoders): void {
  if (folder !== undefined && evaluation?.partner?.role === 'decoder') encoders.set(folder, staged)
}

/** A decoder's task beside its encoder as that was pruned; others as they are. Throws a Failure where the encoder was not pruned. */
export function besidePruned(task: Task, encoders: PrunedEncoders): Task {
  const { folder, evaluation } = task
  const partner = evaluation?.partner
  if (folder === undefined || partner?.role !== 'encoder') return task
  const path = encoders.get(folder)
  if (path !== undefined) return beside(task, { ...partner, path })
  throw new Failure('infrastructure', `pare: ${task.name} is measured with its encoder, and that was not pruned.`, {
    hint: `see why ${folder.name}/${folder.models[0]} has no result, and run again`,
  })
}
