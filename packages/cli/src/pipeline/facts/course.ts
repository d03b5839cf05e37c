import { basename } from 'node:path'
import { describeFolded } from '../../engine/folded-weights.js'
import type { CardModel } from '../../folder/card.js'
import { describeProof, type Proof } from '../../proof/prove.js'
import { describeStep } from '../../settings/prune-step.js'
import type { Task } from '../../settings/task.js'
import { fileIn, type PrunedModel } from '../model.js'
import { describeBlocks } from '../steps/blocks.js'
import { describeQuantisation } from '../steps/quantise.js'
import { describeRepair } from '../steps/repair.js'
import { describeTraining } from '../steps/retrain.js'
import { describeStorage } from '../steps/storage.js'
import { changed, removedUnits } from './removed-units.js'
import { describeSearch } from './search.js'

/** What was done to a model, in order, a sentence for each step. */
export function courseOf({ steps }: Pick<Task, 'steps'>, pruned: PrunedModel | undefined): readonly string[] {
  return [
    ...(pruned?.folded ?? []).map((weight) => `folded: ${describeFolded(weight)}`),
    ...steps.map(describeStep),
    ...(pruned?.searches ?? []).map((search) => `searched: ${describeSearch(search)}`),
    ...(pruned?.proofs ?? []).map((proof) => `proved ${proof.structure}: ${describeProof(proof)}`),
    ...(pruned?.repair === undefined ? [] : [`repaired: ${describeRepair(pruned.repair)}`]),
    ...(pruned?.blocks ?? []).map((blocks) => `trained block by block: ${describeBlocks(blocks)}`),
    ...(pruned?.trainings ?? []).map((training) => `retrained: ${describeTraining(training)}`),
    ...(pruned?.quantised === undefined ? [] : [`quantised: ${describeQuantisation(pruned.quantised)}`]),
    ...(pruned?.stored === undefined ? [] : [`stored: ${describeStorage(pruned.stored)}`]),
  ]
}

/** What the card of a folder says of one of its models. */
export function cardOf(task: Task, pruned: PrunedModel, measured: readonly string[]): readonly [file: string, card: CardModel] {
  const { model, output, cut, parameters, sparsity, layers } = pruned
  const removed = [
    ...(cut.length > 0 ? [`${removedUnits(cut)} removed`] : []),
    ...(layers.length > 0 ? [`sparsity ${sparsity.before.toFixed(3)} → ${sparsity.after.toFixed(3)}`] : []),
    `parameters ${changed(parameters)}`,
  ]
  const file = fileIn(task)
  const bytes = { before: model.bytes, after: output.bytes }
  return [file, { file, sha256: model.sha256, bytes, steps: courseOf(task, pruned), removed: removed.join(', '), measured }]
}

/** What the card of a folder says of a model that a plan made: its name there, and the text. */
export function replayedCard({
  name: file,
  planPath,
  source,
  facts,
  proofs,
}: Replayed): readonly [file: string, card: CardModel] {
  const bytes = { before: source.bytes, after: facts.bytes }
  const steps = proofs.map((proof) => `proved ${proof.structure}: ${describeProof(proof)}`)
  return [file, { file, sha256: source.sha256, bytes, steps, removed: `by the plan ${basename(planPath)}`, measured: [] }]
}

interface Replayed {
  /** Of the model in its folder. */
  readonly name: string
  readonly planPath: string
  readonly source: { readonly bytes: number; readonly sha256: string }
  readonly facts: { readonly bytes: number }
  readonly proofs: readonly Proof[]
}
