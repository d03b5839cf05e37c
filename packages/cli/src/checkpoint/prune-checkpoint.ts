import type { TracedPlan, TracedTensor } from '@pare/core'
import { elementCount, isFloat, PareError } from '@pare/onnx'
import type { Progress } from '../terminal/progress.js'
import type { Checkpoint, CheckpointFile, CheckpointTensor } from './checkpoint.js'
import { type Matching, matchTensors } from './match.js'
import { outcomeOf, type TensorOutcome } from './outcome.js'
import { type Fate, renumbered } from './renumber.js'

/** What a plan makes of a checkpoint. Nothing of it is in memory. */
export interface PrunedCheckpoint {
  readonly files: readonly PrunedFile[]
  /** How many tensors are the same numbers as constants of the model. */
  readonly matched: number
  /** Names of tensors that the model does not hold: they are copied. */
  readonly copied: readonly string[]
  /** Names of tensors that go. */
  readonly gone: readonly string[]
  readonly warnings: readonly string[]
}

export interface PrunedFile extends Pick<CheckpointFile, 'name' | 'metadata'> {
  readonly tensors: readonly PrunedTensor[]
}

export interface PrunedTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly outcome: TensorOutcome
}

/** Throws PareError where the checkpoint is not that of the model, or the plan does what a checkpoint cannot say. */
export async function pruneCheckpoint(
  checkpoint: Checkpoint,
  { tensors: constants, added }: TracedPlan,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<PrunedCheckpoint> {
  const tensors = checkpoint.files.flatMap((file) => file.tensors)
  const activity = progress.begin(`${checkpoint.shown}: looking for its tensors in the model`)
  let done = 0
  const onTensor = () => {
    signal.throwIfAborted()
    activity.update(++done, tensors.length + constants.length)
  }
  const matching = await matchTensors(tensors, constants, { onTensor }).finally(() => activity.end())
  refuseAnother(checkpoint, constants, matching)
  const outcomes = new Map(matching.matches.map((match) => [match.tensor, outcomeOf(match)]))
  const fates = new Map(tensors.map((tensor) => [tensor.name, fateOf(outcomes.get(tensor))]))
  const { names, torn } = renumbered(fates)
  const problems = [
    ...added.map((name) => `the plan adds '${name}' to the model, and the checkpoint has no tensor for it`),
    ...matching.missing.filter(({ isCut, isRewritten, after }) => after !== undefined && (isCut || isRewritten)).map(missingOne),
    ...[...outcomes.values()].filter((each) => typeof each === 'string' && each !== 'gone'),
    ...torn.map((name) => `'${name}' goes, and other tensors of its layer stay`),
    ...matching.problems,
  ] as readonly string[]
  if (problems.length > 0) throw impossible(checkpoint.shown, problems)
  const prunedTensor = (tensor: CheckpointTensor): PrunedTensor[] => {
    const name = names.get(tensor.name)
    if (name === undefined) return []
    const outcome = outcomes.get(tensor)
    const made = typeof outcome === 'object' ? outcome : untouched(tensor)
    return [{ name, shape: made.kept.map(({ length }) => length), outcome: made }]
  }
  const files = checkpoint.files.map(({ name, metadata, tensors: own }) => ({
    name,
    metadata,
    tensors: own.flatMap(prunedTensor),
  }))
  const copied = matching.others.filter(({ name }) => names.has(name))
  return {
    files: files.filter((file) => file.tensors.length > 0),
    matched: matching.matches.length,
    copied: copied.map(({ name }) => name),
    gone: tensors.flatMap(({ name }) => (names.has(name) ? [] : [name])),
    warnings: doubtful(copied, matching),
  }
}

function fateOf(outcome: TensorOutcome | string | undefined): Fate {
  return outcome === undefined ? 'follows' : outcome === 'gone' ? 'goes' : 'stays'
}

function untouched(tensor: CheckpointTensor): TensorOutcome {
  const kept = tensor.shape.map((size) => Int32Array.from({ length: size }, (_, i) => i))
  return { tensor, kept, isCut: false, rewritten: [], ties: [] }
}

const missingOne = ({ id, before, readers: [reader] }: TracedTensor) =>
  `the plan changes '${id}' ${before.type}[${before.shape}]${reader ? `, which ${reader} reads` : ''}, and no tensor of the checkpoint has its numbers`

const MOST_SHOWN = 3

function some(texts: readonly string[]): string {
  const more = texts.length > MOST_SHOWN ? `; and ${texts.length - MOST_SHOWN} more` : ''
  return `${texts.slice(0, MOST_SHOWN).join('; ')}${more}`
}

/** A checkpoint of another model has hardly anything in common with this one. */
function refuseAnother({ shown }: Checkpoint, constants: readonly TracedTensor[], { matches, missing }: Matching): void {
  const weights = constants.filter(({ before }) => before.shape.length > 1)
  const present = weights.filter((constant) => !missing.includes(constant))
  if (present.length > 0 && present.length * 2 >= weights.length) return
  const names = missing.filter(({ before }) => before.shape.length > 1).map(({ id }) => `'${id}'`)
  throw new PareError(
    `${shown} is not the checkpoint of this model: ${present.length} of the ${weights.length} matrices of the model are in it (${matches.length} tensors match). Not there are ${some(names)}.`,
    {
      hint: 'give the checkpoint that the ONNX model was exported from, with --model the export from before pruning, optimising and quantising.',
    },
  )
}

function impossible(shown: string, problems: readonly string[]): PareError {
  return new PareError(`the plan cannot be applied to ${shown}: ${some(problems)}.`, {
    hint: 'export the model anew from this checkpoint, in floats and without optimising (optimum-cli export onnx), and make the plan on that; or make the plan without these tensors: --exclude NAME.',
  })
}

/** Tensors that are copied, with an axis as long as one that was cut. */
function doubtful(copied: readonly CheckpointTensor[], { matches }: Matching): readonly string[] {
  const cut = new Set(
    matches.flatMap(({ pieces }) =>
      pieces.flatMap(({ constant: { before, kept } }) => before.shape.filter((size, axis) => kept[axis]!.length < size)),
    ),
  )
  return copied
    .filter(({ type, shape }) => isFloat(type) && elementCount(shape) > 1 && shape.some((size) => cut.has(size)))
    .map(
      ({ name, shape }) =>
        `'${name}' [${shape}] is not in the ONNX model and is copied as it is, though the plan cuts axes of that length: check whether it still fits.`,
    )
}
