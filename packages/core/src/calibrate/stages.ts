import type { Model } from '@pare/onnx'
import { madeBy, present } from '@pare/onnx'
import { analyseUnits } from '../analyse/analyse-units.js'
import type { Weight } from '../contract/contract.js'
import type { PlanOptions } from '../plan/plan.js'
import { type Level, openLevels } from './levels.js'
import { requestsFor } from './measure.js'
import type { Needs, StatisticsSource } from './statistics/statistics.js'

/** Weights that are judged together, and what measures them on the model with the stages before pruned. */
export interface MeasuredStage {
  readonly weights: readonly Weight[]
  readonly source: StatisticsSource
}

/** Stages in order. Disposing of them removes what is stored between them. */
export interface MeasuredStages extends AsyncDisposable {
  readonly all: readonly MeasuredStage[]
}

/** Stages of a model whose weights need statistics. Where data run through it, they run once, however many stages there are. */
export async function openStages(
  { model, stages, needs }: { readonly model: Model; readonly stages: readonly (readonly Weight[])[]; readonly needs: Needs },
  options: PlanOptions,
): Promise<MeasuredStages> {
  const { forward, measured, signal } = options
  const looks = Object.entries(needs).filter(([, { at }]) => at !== 'gradient')
  if (forward === undefined || measured !== undefined || stages.length < 2 || looks.length === 0)
    return { all: stages.map((weights) => ({ weights, source: options })), [Symbol.asyncDispose]: () => Promise.resolve() }
  const levels = stages.map((weights): Level => {
    const requests = weights.flatMap((weight) => requestsFor(weight, Object.fromEntries(looks)))
    const users = weights.flatMap(({ uses }) => uses.map(({ node }) => node))
    return { reads: requests.map(({ site }) => site.value), changes: users.flatMap(madeBy) }
  })
  const runs = await openLevels(forward, { model, levels, ...present({ signal }) })
  return {
    all: stages.map((weights, level) => ({ weights, source: { ...options, ...runs.at(level) } })),
    [Symbol.asyncDispose]: () => runs[Symbol.asyncDispose](),
  }
}

/**
 * Weights in the order in which data meet them, block by block: those of a residual block are one stage, and so are those that lie between two blocks.
 * Within a stage all are judged by what they meet before any of them is pruned.
 */
export async function stagesOf(model: Model, weights: readonly Weight[]): Promise<Weight[][]> {
  const { blocks } = await analyseUnits(model)
  const blockOf = new Map<string, string>()
  for (const group of blocks) {
    for (const { id, units } of group.slices) if (!blockOf.has(id)) blockOf.set(id, `${group.id} ${units[0]}`)
  }
  const stages: Weight[][] = []
  let last: string | undefined
  for (const weight of weights) {
    const block = blockOf.get(weight.id) ?? ''
    if (stages.length === 0 || block !== last) stages.push([])
    stages.at(-1)!.push(weight)
    last = block
  }
  return stages
}
