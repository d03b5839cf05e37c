import { elementCount, type Model, PareError, present } from '@pare/onnx'
import { randomStream, uniform } from '../backend/random.js'
import type { MaskGroup } from '../contract/contract.js'
import type { PlanOptions, PlanStep, PruneStep } from '../plan/plan.js'
import { notSettable, withSettable } from '../probe/settable.js'
import type { Trials } from '../probe/trials.js'
import type { CountedAllocation } from '../select/allocation.js'
import { fisherAllocation } from '../select/fisher.js'
import { sharesWithoutData } from '../select/shares.js'
import { type LevelDatabase, solveLevels } from './database.js'
import { type Choice, type Ladder, ladderOf } from './ladder.js'
import { type LevelSearch, searchLevels } from './search.js'
import { defaultTrials, type SearchOptions } from './search-options.js'
import type { SearchFacts, SearchState } from './state.js'

export interface SearchRequest {
  readonly step: PruneStep & { readonly target: { readonly sparsity: number } }
  readonly groups: readonly MaskGroup[]
  readonly model: Model
  readonly search: SearchOptions
  /** What the step does to some groups of a model, their counts being given. */
  planFor(
    groups: readonly MaskGroup[],
    allocation: CountedAllocation,
    model: Model,
    options: PlanOptions,
  ): Promise<readonly PlanStep[]>
}

/**
 * How many elements of each weight go, by trying: each weight is solved at levels around what 'fisher' gives it, or an equal share where there are no gradients, and
 * models put together of them are compared by what comes out. A solve costs what the criterion's does, once for each level; a trial a run over part of the
 * samples with weights as inputs, the model being loaded once.
 */
export async function searchAllocation(request: SearchRequest, options: PlanOptions): Promise<CountedAllocation> {
  const { groups, model, step, search } = request
  const { trials: openTrials, search: openState, signal } = options
  if (openTrials === undefined || openState === undefined) throw needsData()
  const weights = groups.map(({ weight }) => weight)
  for (const weight of weights) {
    const why = notSettable(model, weight)
    if (why !== undefined)
      throw new PareError(`allocation search cannot try '${weight.id}' out: ${why}.`, {
        hint: `leave it out with --exclude '${weight.id}', or choose another --allocation.`,
      })
  }
  const layers = weights.map(({ id, tensor: { shape } }) => ({ id, elements: elementCount(shape), axes: shape }))
  const { sparsity } = step.target
  const around = options.gradients === undefined ? 'uniform' : 'fisher'
  const base = around === 'fisher' ? await fisherAllocation(weights, { model, sparsity }, options) : undefined
  const counts = base === undefined ? sharesWithoutData(layers, sparsity, 'uniform')! : layers.map(({ id }) => base.counts[id]!)
  const ladder = ladderOf(layers, counts, search)
  await using state = await openState(JSON.stringify(ladder.weights.map(({ id, zeros }) => [id, ...zeros])))
  const felt = present({ felt: base?.felt })
  const database = await solveLevels(
    {
      ...{ step, groups, model, ladder, state },
      planFor: (some, counts, at, more) => request.planFor(some, { counts, ...felt }, at, more),
      onSolved: (done, total) => options.onProgress?.({ done, total, message: `solved ${done} of ${total} levels` }),
    },
    options,
  )
  const settable = await withSettable(model, weights)
  await using trials = await openTrials(settable.model, { defaults: settable.defaults, ...present({ signal }) })
  const { choice, facts } = await searched({ ladder, database, trials, state, around, search }, options)
  options.onSearch?.(facts)
  return { counts: Object.fromEntries(ladder.weights.map(({ id, zeros }, w) => [id, zeros[choice[w]!]!])), ...felt }
}

interface Searching {
  readonly ladder: Ladder
  readonly database: LevelDatabase
  readonly trials: Trials
  readonly state: SearchState
  readonly around: SearchFacts['around']
  readonly search: SearchOptions
}

async function searched(
  { ladder, database, trials, state, around, search }: Searching,
  { seed, signal, onProgress }: PlanOptions,
): Promise<{ readonly choice: Choice; readonly facts: SearchFacts }> {
  const { weights, start } = ladder
  const { minutes } = search
  const { trials: most = minutes === undefined ? defaultTrials(weights.length) : Number.POSITIVE_INFINITY } = search
  const stream = randomStream(seed, 'search')
  const scoreOf = new Map(state.scores)
  const best: SearchFacts['best'][number][] = []
  const begun = performance.now()
  const seconds = () => state.seconds + (performance.now() - begun) / 1000
  let [drawn, made] = [0, 0]
  const tell = () => onProgress?.(progressOf({ made, most, minutes, seconds: seconds(), best: best.at(-1)?.score }))
  const score: LevelSearch['score'] = async (choices, share) => {
    const name = (choice: Choice) => `${share} ${choice.map((level, w) => level - start[w]!).join(' ')}`
    const open = [...new Map(choices.flatMap((choice) => (scoreOf.has(name(choice)) ? [] : [[name(choice), choice]]))).entries()]
    if (open.length > 0) {
      signal?.throwIfAborted()
      const settings = open.map(([, choice]) => settingOf(choice, { ladder, database }))
      const scores = await trials.losses(settings, { against: 'outputs', share })
      const finished = open.map(([trial], i) => [trial, scores[i]!] as const)
      await state.record(finished, seconds())
      for (const [trial, value] of finished) scoreOf.set(trial, value)
    }
    made += choices.length
    tell()
    return choices.map((choice) => scoreOf.get(name(choice))!)
  }
  const { choice } = await searchLevels({
    ...{ weights, start, score },
    random: () => uniform(stream, drawn++),
    left: () => (minutes === undefined || seconds() < 60 * minutes ? most - made : 0),
    onBest: (score, from) => best.push({ trial: made, score, from }),
  })
  if (Number.isNaN(best[0]!.score)) throw notFinite()
  const levels = weights.reduce((sum, { costs }) => sum + costs.length, 0)
  return { choice, facts: { around, levels, trials: made, seconds: Math.round(seconds() * 10) / 10, best } }
}

function settingOf(choice: Choice, { ladder, database }: Pick<Searching, 'ladder' | 'database'>) {
  return Object.fromEntries(ladder.weights.map(({ id }, w) => [id, database.get(id)![choice[w]!]!]))
}

interface Standing {
  readonly made: number
  readonly most: number
  readonly minutes: number | undefined
  readonly seconds: number
  readonly best: number | undefined
}

/** 'trial 120 of 400, best score 0.0912, about 3 min left' */
function progressOf({ made, most, minutes, seconds, best }: Standing) {
  const byTrials = Number.isFinite(most) && made > 0 ? (seconds / made) * (most - made) : Number.POSITIVE_INFINITY
  const left = Math.max(0, Math.min(byTrials, minutes === undefined ? Number.POSITIVE_INFINITY : 60 * minutes - seconds))
  const of = Number.isFinite(most) ? ` of ${most}` : ''
  const score = best === undefined ? '' : `, best score ${Number(best.toPrecision(4))}`
  const time = Number.isFinite(left) ? `, about ${left < 90 ? `${Math.ceil(left)} s` : `${Math.ceil(left / 60)} min`} left` : ''
  const share = left === Number.POSITIVE_INFINITY ? 0 : seconds / (seconds + left || 1)
  return { done: Math.round(1000 * share), total: 1000, message: `trial ${made}${of}${score}${time}` }
}

function needsData(): PareError {
  return new PareError('allocation search tries models out on calibration data, and there are none.', {
    hint: 'name inputs that are like those the model will meet: --calibrate data.npz, or calibrate in the config.',
  })
}

function notFinite(): PareError {
  return new PareError('allocation search: the model gives NaN on the calibration data once it is pruned.', {
    hint: 'ask for less sparsity, or check the data with pare evaluate.',
  })
}
