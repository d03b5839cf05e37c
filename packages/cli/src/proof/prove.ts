import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { applyPlan, type ChosenUnits, chosenUnits, gatePlan, type PlanStep } from '@pare/core'
import type { compareModels, Difference } from '@pare/evaluate'
import { type Model, makeTemporaryFolder, writeModel } from '@pare/onnx'
import { childOf, type Work } from '../engine/work.js'
import { Failure, isPareError } from '../terminal/failure.js'
import { withComparedOutputs } from './compared-outputs.js'
import { type Decision, decisionsOf, givenDecisions, withDecisions, withGrounds } from './decisions.js'
import { withoutSaturation } from './saturation.js'
import { toleranceOf } from './tolerance.js'
import { unrounded } from './unrounded.js'
import { widen } from './widen.js'
import { withoutZeros } from './zeros.js'

/** How far a changed model was from what it must equal: where units were cut, the model with those units gated; where they were permuted, the one before. */
export interface Proof {
  readonly step: 'cut' | 'permute'
  readonly structure: string
  /** Largest difference of an output, relative to the largest element of that output. */
  readonly difference: number
  readonly tolerance: number
  /** Runs that were compared, and whether their sizes differed. */
  readonly runs: number
  readonly sizesDiffer: boolean
}

/** What a proof needs of the work on a model. */
export type ProofWork = Pick<Work, 'signal' | 'progress' | 'label' | 'engine'>

/** What a proof of one step needs. */
interface StepWork extends ProofWork {
  readonly step: Proof['step']
  /** Default: nothing that goes is chosen by the model */
  readonly chosen?: ChosenUnits
  /** How two models are compared. Default: in a child process */
  readonly compare?: typeof compareModels
}

const NONE_CHOSEN: ChosenUnits = { areChosen: false, renumbered: new Set(), kept: () => [] }
/** Inputs on which experts are compared: few tokens are not sent to all. */
const MANY_RUNS = 6

/** 'cut = masked: largest difference 3e-7, tolerance 1e-4, two sizes' */
export function describeProof({
  step = 'cut',
  difference,
  tolerance,
  sizesDiffer,
  runs = 2,
}: Pick<Proof, 'difference' | 'tolerance' | 'sizesDiffer'> &
  Partial<Pick<Proof, 'runs'>> & { readonly step?: Proof['step'] | undefined }): string {
  return `${EQUATION[step]}: largest difference ${difference === 0 ? 0 : difference.toExponential(0)}, tolerance ${tolerance.toExponential(0)}, ${runs === 2 ? 'two' : runs} ${sizesDiffer ? 'sizes' : 'inputs'}`
}

const EQUATION = { cut: 'cut = masked', permute: 'permuted = original' } as const

/**
 * Runs, for each step that cuts or permutes, the model after it and what that must equal on made-up inputs, before anything else changes weights. Throws
 * where they differ.
 */
export async function prove(
  { model, steps, seed }: { model: Model; steps: readonly PlanStep[]; seed: number },
  work: ProofWork,
): Promise<Proof[]> {
  const proofs: Proof[] = []
  let current = await withoutZeros(model)
  for (const step of steps) {
    const next = await applyPlan(current, { seed, steps: [step] })
    if (step.kind === 'cut' || step.kind === 'permute') {
      const expected = step.kind === 'cut' ? await gatePlan(current, step) : current
      const chosen = step.kind === 'cut' ? await chosenUnits(current, step) : NONE_CHOSEN
      const about = { ...work, step: step.kind, chosen }
      const { relative, sizes, free, failure, tolerance } = await comparedWithin([expected, next], about)
      const proof = {
        step: step.kind,
        structure: step.structure,
        difference: relative,
        tolerance,
        runs: sizes.length,
        sizesDiffer: free,
      }
      if (!(proof.difference <= proof.tolerance)) throw refuted(work.label, proof, failure)
      proofs.push(proof)
    }
    current = next
  }
  return proofs
}

/**
 * How far a model is from what it must equal, and how far it may be. Activations that are rounded to 8 bits are compared without that where they can be,
 * which is far stricter; where such a model does not run, or its numbers grow beyond all limits, the models are compared as they are.
 */
async function comparedWithin(
  models: readonly [expected: Model, actual: Model],
  work: StepWork,
): Promise<Difference & { readonly tolerance: number }> {
  const compareTo = async ([expected, actual]: readonly [Model, Model]) => {
    const tolerance = toleranceOf(actual, work.step)
    return { ...(await compared(expected, actual, tolerance, work)), tolerance }
  }
  const [expected, actual] = [await unrounded(models[0]), await unrounded(models[1])]
  if (actual === models[1]) return compareTo(models)
  return await compareTo([expected, actual]).catch((error) => {
    work.signal.throwIfAborted()
    if (!isPareError(error)) throw error
    return compareTo(models)
  })
}

/**
 * How far a model is from what it must equal. Where it is too far as it comes, and floats decide something on the way, it is compared once more with the same
 * decisions in both: a choice between numbers that are equal but for rounding falls to either side.
 */
export async function compared(
  expected: Model,
  actual: Model,
  tolerance: number,
  { signal, progress, label, engine, step, chosen = NONE_CHOSEN, compare }: StepWork,
): Promise<Difference> {
  const compareBoth = compare ?? (await import('@pare/evaluate')).compareModels
  const activity = progress.begin(`${label}: proving the ${NOUN[step]}`)
  const folder = makeTemporaryFolder('proof')
  const pathOf = async (name: string, model: Model) => {
    const path = join(folder, `${name}.onnx`)
    await writeModel(model, path, { signal })
    return path
  }
  const options = { signal, ...childOf(engine) }
  const compareOnce = async ([one, two]: readonly [Model, Model]) => {
    const models = { reference: await pathOf('expected', one), other: await pathOf('found', two) }
    const runs = chosen.areChosen ? { runs: MANY_RUNS } : {}
    const difference = await compareBoth({ ...models, ...runs }, options)
    // Numbers of experts that are counted anew say something else in the other model.
    const both = difference.relative <= tolerance ? [] : decisionsOfBoth(one, two)
    // Of what changed places the steps have, too.
    const decisions = both.filter(({ name, rounded }) => !chosen.renumbered.has(name) && !(rounded && step === 'permute'))
    if (decisions.length === 0) return difference
    const names = decisions.map(({ name }) => name)
    const counted = decisions.filter((each) => each.counted).map(({ name }) => name)
    const model = await pathOf('given', givenDecisions(two, decisions))
    const reference = await pathOf('expected', withDecisions(one, decisions, chosen.kept))
    const other = await pathOf('found', withDecisions(two, decisions))
    return await compareBoth({ reference, other, decisions: { model, names, counted }, ...runs }, options)
  }
  try {
    const [one, two] = [expected, actual].map((model) => withComparedOutputs(widen(model))) as [Model, Model]
    const slower = async (model: Model) => withComparedOutputs(await withoutSaturation(widen(model)))
    // Slower functions let numbers grow, in some models beyond all limits.
    const plainly = (error: unknown) => {
      if (!isPareError(error)) throw error
      return compareOnce([one, two])
    }
    // A detector that finds nothing in made-up images has nothing to compare but what it decided by.
    const byGrounds = async (error: unknown) => {
      const decisions = decisionsOfBoth(one, two).filter(({ name }) => !chosen.renumbered.has(name))
      const grounds = [withGrounds(one, decisions, chosen.kept), withGrounds(two, decisions)] as const
      if (!isPareError(error) || grounds[1] === two || step === 'permute') throw error
      const difference = await compareOnce(grounds)
      // Other shapes say only that the models found other things.
      if (difference.failure === undefined && !Number.isFinite(difference.relative)) throw error
      return difference
    }
    return await compareOnce([await slower(expected), await slower(actual)])
      .catch(plainly)
      .catch(byGrounds)
  } catch (error) {
    signal.throwIfAborted()
    throw isPareError(error) ? unproved(label, step, error) : error
  } finally {
    activity.end()
    await rm(folder, { recursive: true, force: true })
  }
}

function decisionsOfBoth(expected: Model, actual: Model): readonly Decision[] {
  const there = new Set(decisionsOf(actual).map(({ name }) => name))
  return decisionsOf(expected).filter(({ name }) => there.has(name))
}

const NOUN = { cut: 'cut', permute: 'permutation' } as const

function unproved(label: string, step: Proof['step'], cause: Error): Failure {
  return new Failure(
    'infrastructure',
    `${label}: the ${NOUN[step]} cannot be proved, since the model does not run here: ${cause.message}`,
    {
      hint: 'nothing was written. To prune it unproved: --no-prove, or prove: false in the config; then evaluate the result yourself.',
      cause,
    },
  )
}

function refuted(label: string, { step, structure, difference, tolerance }: Proof, failure: string | undefined): Failure {
  const by = Number.isFinite(difference)
    ? `outputs differ by ${difference.toExponential(1)} relative, allowed is ${tolerance}.`
    : (failure ?? 'outputs have another shape, or NaN and infinities at other places.')
  const what = { cut: 'cut is not what it masked', permute: 'permuted is not what it was' }[step]
  return new Failure('infrastructure', `${label}: what structure '${structure}' ${what}: ${by}`, {
    hint: 'nothing was written. Either pare cut the model wrongly, or the model multiplies rounding so much that two right answers differ. To look yourself, write it with --no-prove and compare it with pare evaluate; a report with the model helps us to find out.',
  })
}
