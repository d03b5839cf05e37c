import { basename, dirname, join } from 'node:path'
import type { PlanStep } from '@pare/core'
import { type Model, readRegular } from '@pare/onnx'
import { changesOf, keptLayers } from '../../folder/changes.js'
import { editConfig, type Outcome } from '../../folder/config-edits.js'
import { SIZES_HOLDERS } from '../../folder/model-folder.js'
import { sideOfFile } from '../../folder/size-names.js'
import { sizesOf } from '../../folder/sizes.js'
import { refuseOutside } from '../../settings/config/workspace.js'

/** Above this nobody wrote it by hand, and nothing is read. */
const LIMIT = 1 << 20

/** A model and what a plan makes of it. */
export interface CutModel {
  readonly model: Model
  readonly pruned: Model
  readonly steps: readonly PlanStep[]
}

/**
 * What files beside a model that came alone say of sizes that a plan changes. They are only read: which of them run times look at, and for which layers, the
 * user knows. Files outside of `workspace` are not read; without one there is no such limit.
 */
export async function sideCarWarnings(path: string, cut: CutModel, workspace: string | undefined): Promise<readonly string[]> {
  if (!cut.steps.some((step) => step.kind === 'cut' && step.groups.some(({ removed }) => removed.length > 0))) return []
  const files = await sideCars(dirname(path), workspace)
  if (files.length === 0) return []
  const { model, pruned, steps } = cut
  const [before, after] = [await sizesOf(model), await sizesOf(pruned)]
  const side = sideOfFile(basename(path))
  const outcome = { changes: changesOf({ before, after }, steps, side), layers: keptLayers(steps, side), caches: after.caches }
  return files.flatMap(({ name, text }) => disagreements(name, text, outcome))
}

/** What a file would have to say, as warnings. */
export function disagreements(name: string, text: string, outcome: Outcome): readonly string[] {
  const edited = editConfig(name, text, outcome)
  if (edited === undefined)
    return [
      `${name} beside the model is not JSON, so it was not compared with what was cut: check the numbers of heads, layers and sizes in it.`,
    ]
  const { edits, conflicts } = edited
  return [
    ...edits.map(({ key, before, after }) =>
      Array.isArray(after)
        ? `${name} lists ${key} for ${(before as readonly unknown[]).length} layers, and the pruned model has ${after.length}: shorten it in the copy that goes with the pruned model.`
        : before === null
          ? `${name} does not say ${key}, which is ${after} in the pruned model: add it to the copy that goes with the pruned model.`
          : `${name} says ${key} is ${before}, and the pruned model has ${after}: change it in the copy that goes with the pruned model.`,
    ),
    ...conflicts.map(({ key, before, places }) => {
      const now = [...places.keys()]
      return `${name} says ${key} is ${before}, and the pruned model has ${Math.min(...now)} to ${Math.max(...now)}: it differs between layers, and one number cannot say it; --uniform makes them equal.`
    }),
  ]
}

/** Beside the model, or above a folder named onnx, where Hugging Face keeps it. */
async function sideCars(folder: string, workspace: string | undefined): Promise<{ name: string; text: string }[]> {
  const files: { name: string; text: string }[] = []
  for (const [shown, place] of [['', folder], ...(basename(folder) === 'onnx' ? [['../', dirname(folder)]] : [])]) {
    for (const name of SIZES_HOLDERS) {
      const path = join(place!, name)
      const isOurs = await refuseOutside(path, name, workspace).then(
        () => true,
        () => false,
      )
      if (!isOurs) continue
      const bytes = await readRegular(path, { maxBytes: LIMIT }).catch(() => undefined)
      if (bytes !== undefined) files.push({ name: `${shown}${name}`, text: bytes.toString('utf8') })
    }
  }
  return files
}
