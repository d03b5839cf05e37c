import type { PruneStep, Target } from '@pare/core'
import type { Limits } from '@pare/gate'
import { present } from '@pare/onnx'
import type { PresetConfig, PruneConfig } from '../options/prune.js'
import type { QuantiseConfig } from '../options/quantise.js'
import type { SearchConfig, SMALLEST } from '../options/smallest.js'
import type { CandidateBits, ModelCandidate } from '../smallest/candidate.js'
import type { Problem } from '../terminal/failure.js'
import { type Check, placeIn } from './check.js'
import { readDataFile } from './data/data-file.js'
import type { EvaluationSettings } from './data/evaluation.js'
import { isDrop, type ModelSettings } from './settings.js'

/** How the smallest model that passes is looked for. */
export interface SmallestSettings {
  readonly maxDrop: NonNullable<Limits['maxDrop']>
  /** With which what is chosen must pass on the gate's data. Default: 0.95 */
  readonly certainty?: number
  readonly smallest: (typeof SMALLEST)[number]
  readonly bits: readonly CandidateBits[]
  readonly minutes?: number
  readonly trials?: number
  /** How candidates are measured. */
  readonly evaluation: EvaluationSettings
  /** Whether the search has a part of the evaluation data, and the gate the rest. Else it has data of its own, or there is no gate. */
  readonly isSplit: boolean
  /** How many steps have a ratio, or sparsity, that is looked for. */
  readonly free: number
  /** The steps with the ratios of a candidate in those that are free. Those go at 0. */
  readonly stepsAt: (candidate: Pick<ModelCandidate, 'ratio' | 'ratios'>) => Promise<readonly PruneStep[]>
}

/** The drop that a target names, where one does: of several steps, the first. */
export function dropOf(prune: ModelSettings['prune']): SmallestSettings['maxDrop'] | undefined {
  const targets = 'preset' in prune ? [prune.target] : prune.map(({ target }) => target)
  return targets.find(isDrop)?.maxDrop
}

/** The steps with something in the place of a drop, so that they can be read; what is searched for takes its place. */
export function withoutDrop(prune: readonly PruneConfig[]): readonly PruneConfig[]
export function withoutDrop(prune: PresetConfig): PresetConfig
export function withoutDrop(prune: ModelSettings['prune']): ModelSettings['prune']
export function withoutDrop(prune: ModelSettings['prune']): ModelSettings['prune'] {
  if ('preset' in prune) {
    const { target: _, ...preset } = prune
    return preset
  }
  return prune.map(({ target, ...step }) => (isDrop(target) ? step : { ...step, ...present({ target }) }))
}

/** What else decides about a search. */
interface SmallestContext {
  /** The steps as they are said, with their drops. */
  readonly prune: ModelSettings['prune']
  /** The same as they were read, with something in the place of drops. */
  readonly steps: readonly PruneStep[]
  readonly search: SearchConfig | undefined
  readonly quantise?: QuantiseConfig
  /** Of the gate. */
  readonly evaluation: EvaluationSettings | undefined
  readonly seed: number
  readonly command: string
  readonly placeOf: (field: 'prune' | 'search' | 'evaluate') => string
  /** The steps of a preset with a ratio. */
  readonly presetAt: (preset: PresetConfig) => Promise<readonly PruneStep[]>
}

/** Where evaluation data are divided: the search has what lies below, the gate the rest. */
export const SPLIT = 0.5

/** Undefined where no target is a drop, or after a problem that is noted. */
export async function readSmallest(context: SmallestContext, check: Check): Promise<SmallestSettings | undefined> {
  const { prune, steps, search: own, evaluation, quantise, seed, command, placeOf } = context
  const { problems, overrides } = check
  const maxDrop = dropOf(prune)
  if (maxDrop === undefined) {
    problems.push(...needlessOptions(context, check))
    return undefined
  }
  const obstacle = noSearch(context)
  if (obstacle !== undefined) {
    problems.push(obstacle)
    return undefined
  }
  const search = { ...own, ...overrides.search }
  const section = { own: own ?? {}, over: overrides.search, place: placeOf('search'), what: 'search data' }
  const dataPlace = placeIn(placeOf('search'), 'data')
  const { data } = search.data === undefined ? {} : await readDataFile({ ...section, dataPlace }, check)
  if (evaluation === undefined) {
    // Where they are named and wrong, that is said already.
    if (problems.length === 0)
      problems.push({
        place: placeOf('evaluate'),
        message: 'a largest drop is met by measuring models, and there are no evaluation data.',
        hint: "name some with --data, or evaluate: { data: 'val.npz', metric: 'accuracy' } in the config",
      })
    return undefined
  }
  const { smallest = 'bytes', certainty, minutes, trials } = search
  const method = typeof quantise === 'string' ? quantise : quantise?.method
  const usual: readonly CandidateBits[] =
    method !== undefined ? [method] : smallest === 'macs' ? ['none'] : ['int4', 'int8', 'none']
  const isSplit = data === undefined && command !== 'prune'
  const part = isSplit ? { part: { seed, from: 0, to: SPLIT } } : {}
  return {
    ...{ maxDrop, smallest },
    bits: [...new Set(search.quantisers ?? usual)],
    ...present({ certainty, minutes, trials }),
    evaluation: { ...evaluation, request: { ...evaluation.request, ...part, ...present({ data }) } },
    isSplit,
    free: freeSteps(prune, steps).length,
    stepsAt: candidateSteps(context),
  }
}

/** What is said of a search where nothing is searched for. */
function needlessOptions({ command, evaluation, placeOf }: SmallestContext, { overrides }: Check): readonly Problem[] {
  const problems: Problem[] = Object.keys(overrides.search ?? {}).map((option) => ({
    place: placeIn(placeOf('search'), option),
    message: 'is of a search for the smallest model, and nothing is searched for.',
    hint: 'say what may be lost: --target max-drop=0.01',
  }))
  if (command === 'prune' && evaluation !== undefined)
    problems.push({
      place: placeOf('evaluate'),
      message: 'there are evaluation data, and pare prune measures nothing unless it searches.',
      hint: 'measure and judge with pare run, or search for the smallest model: --target max-drop=0.01',
    })
  return problems
}

/** Why a largest drop cannot be searched for. */
function noSearch({ prune, steps, command, placeOf }: SmallestContext): Problem | undefined {
  const place = placeOf('prune')
  if (command !== 'run' && command !== 'prune') {
    const message = `a largest drop is met by trying models, which pare ${command} does not.`
    return { place, message, hint: 'use pare prune or pare run' }
  }
  const step = freeSteps(prune, steps).find(
    ({ structure, criterion }) => criterion.kind === 'mask' || structure.sparsity !== undefined,
  )
  if (step === undefined) return undefined
  const what = step.criterion.kind === 'mask' ? step.criterion.name : `structure '${step.structure.name}'`
  const message = `${what} says how much goes, so there is nothing to search for.`
  return { place, message, hint: 'give that step no largest drop' }
}

function candidateSteps({ prune, steps, presetAt }: SmallestContext): SmallestSettings['stepsAt'] {
  const free = freeSteps(prune, steps)
  return async ({ ratio, ratios }) => {
    const ratioOf = (step: PruneStep) => ratios?.[free.indexOf(step)] ?? ratio
    if ('preset' in prune) return presetStepsAt((own) => presetAt({ ...withoutDrop(prune), ratio: own }), free.map(ratioOf))
    return steps.flatMap((step) => {
      if (!free.includes(step)) return [step]
      const own = ratioOf(step)
      return own === 0 ? [] : [{ ...step, target: targetAt(own, step) } as PruneStep]
    })
  }
}

/** Each step of a preset as the preset with its ratio has it. Those go at 0. */
async function presetStepsAt(
  at: (ratio: number) => Promise<readonly PruneStep[]>,
  ratios: readonly number[],
): Promise<readonly PruneStep[]> {
  const steps = await Promise.all(ratios.map(async (ratio, i) => (ratio === 0 ? undefined : (await at(ratio))[i])))
  return steps.filter((step) => step !== undefined)
}

function freeSteps(prune: ModelSettings['prune'], steps: readonly PruneStep[]): readonly PruneStep[] {
  return 'preset' in prune ? steps : steps.filter((_, i) => isDrop(prune[i]?.target))
}

function targetAt(ratio: number, { structure }: PruneStep): Target {
  return structure.kind === 'cut' ? { ratio } : { sparsity: ratio }
}

/** The evaluation of the gate: of data that a search shares, the part that the search does not see. */
export function afterSearch(
  evaluation: EvaluationSettings | undefined,
  { smallest, seed }: { readonly smallest: SmallestSettings | undefined; readonly seed: number },
): EvaluationSettings | undefined {
  if (evaluation === undefined || smallest?.isSplit !== true) return evaluation
  return { ...evaluation, request: { ...evaluation.request, part: { seed, from: SPLIT, to: 1 } } }
}

/** What the gate allows where a target names a drop, and nothing else says it. */
export function gateWithDrop({ gate, prune }: Pick<ModelSettings, 'gate' | 'prune'>): ModelSettings['gate'] {
  const maxDrop = dropOf(prune)
  if (maxDrop === undefined) return gate
  if (gate === undefined) return { maxDrop }
  if (isDemands(gate)) return gate
  return gate.maxDrop === undefined ? { maxDrop, ...gate } : gate
}

function isDemands<Gate>(gate: Gate): gate is Extract<Gate, readonly unknown[]> {
  return Array.isArray(gate)
}
