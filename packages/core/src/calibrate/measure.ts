import { type Model, PareError, present } from '@pare/onnx'
import type { Statistic, Weight } from '../contract/contract.js'
import type { Forward, ForwardOptions, ForwardOutput } from './forward.js'
import { type Differentiation, gradientRequest, instrumentGradients, isOfBatch, needsTraining } from './gradients.js'
import { type InstrumentedModel, type Instrumenting, instrument, type ModelProbe, type Request, requestId } from './instrument.js'
import type { Padding } from './padding.js'
import { blocksWithoutPanels, passesOf, type SizedRequest, sized, withoutPanels } from './passes.js'
import { inputSite, outputSite } from './site.js'
import type { SpreadStatistic } from './spread.js'
import {
  type ChunkTotals,
  combined,
  endOf,
  finished,
  joinTotals,
  type Reductions,
  type Totals,
  totalOf,
} from './statistics/totals.js'

export interface StatisticsOptions {
  /** Runs calibration data. Needed unless only gradients are measured. */
  readonly forward?: Forward
  /** Runs training data, for gradients. */
  readonly gradients?: Differentiation
  /** What the reductions of one pass may hold; more are measured in several passes. Default: 512 MiB */
  readonly budgetBytes?: number
  /** What an earlier run measured before it was stopped: this one goes on behind it. */
  readonly before?: MeasuredStatistics
  /** Called each time a chunk is complete, with everything measured so far. */
  readonly onChunk?: (measured: MeasuredStatistics) => void | Promise<void>
  /** Called with values of which padding counts too: which of their positions it is does not follow from the model. */
  readonly onPadding?: ((values: readonly string[]) => void) | undefined
  /** Where padding is, as far as that is known. Default: as follows from the model */
  readonly padding?: Padding | undefined
  /** Shapes of values, as far as they are known. Default: as follows from the model */
  readonly shapes?: Instrumenting['shapes']
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly done: number; readonly total?: number }) => void
}

/** Statistics of some weights, as they are merged and stored: by id of the request. */
export interface MeasuredStatistics {
  readonly reductions: Reductions
  readonly blocks: readonly ChunkTotals[]
}

/** What is to be measured for a weight: each statistic wherever the weight is used. Throws PareError where that cannot be. */
export function requestsFor(weight: Weight, needs: Readonly<Record<string, Statistic>>): Request[] {
  return Object.values(needs).flatMap((statistic) => {
    if (statistic.at === 'gradient') return [gradientRequest(weight, statistic)]
    return weight.uses.map((use) => {
      const site = statistic.at === 'input' ? inputSite(weight, use) : outputSite(weight, use)
      if (typeof site === 'string') throw notMeasured(weight, site)
      return { site, statistic }
    })
  })
}

function notMeasured({ id }: Weight, reason: string): PareError {
  return new PareError(`'${id}' cannot be judged by calibration data: ${reason}.`, {
    hint: `leave it out with --exclude '${id}', or choose a criterion that looks at weights only.`,
  })
}

/** Measures all requests of all weights, in as few passes over the data as the budget allows. */
export async function measure(
  model: Model,
  weights: readonly Weight[],
  needs: Readonly<Record<string, Statistic>>,
  { before, onChunk, ...options }: StatisticsOptions,
): Promise<MeasuredStatistics> {
  const requests = new Map<string, SizedRequest>()
  for (const weight of weights) {
    for (const request of requestsFor(weight, needs)) requests.set(requestId(request), sized(weight, request))
  }
  const all = KINDS.flatMap((kind) =>
    passesOf(
      [...requests.values()].filter((request) => kindOf(request) === kind),
      options.budgetBytes ?? DEFAULT_BUDGET,
    ),
  )
  const reductions = reductionsOf(all.flat())
  refuseOther(before?.reductions ?? reductions, reductions)
  const begun = all.findLastIndex((pass) => blocksOf(before, pass).length > 0)
  let parts: (readonly ChunkTotals[])[] = []
  for (const [i, pass] of all.entries()) {
    const start = blocksOf(before, pass)
    // The next pass begins when this one is complete.
    const blocks =
      i < begun
        ? start
        : await measureOnce(model, pass, {
            ...{ ...options, reductions, start },
            ...(onChunk && { onChunk: (blocks) => onChunk({ reductions, blocks: together([...parts, blocks]) }) }),
          })
    parts = [...parts, blocks]
  }
  const whole = reductionsOf([...requests.values()])
  return { reductions: whole, blocks: blocksWithoutPanels(together(parts), all.flat()) }
}

const DEFAULT_BUDGET = 2 ** 29

function reductionsOf(requests: readonly Request[]): Reductions {
  return new Map(requests.map((request) => [requestId(request), request.statistic.reduce]))
}

function refuseOther(before: Reductions, reductions: Reductions): void {
  if (JSON.stringify([...before]) === JSON.stringify([...reductions])) return
  throw new PareError('what was measured before is not what is to be measured now.', {
    hint: 'remove the .partial file, and the measurement starts anew.',
  })
}

/** Blocks of several passes: those of the same chunks are one. */
function together(parts: readonly (readonly ChunkTotals[])[]): ChunkTotals[] {
  const blocks = new Map<string, ChunkTotals>()
  for (const block of parts.flat()) {
    const key = `${block.level}:${block.index}`
    blocks.set(key, { ...block, totals: new Map([...(blocks.get(key)?.totals ?? []), ...block.totals]) })
  }
  return [...blocks.values()]
}

/** What was measured of the requests of one pass. */
function blocksOf(measured: MeasuredStatistics | undefined, pass: readonly Request[]): ChunkTotals[] {
  const ids = new Set(pass.map(requestId))
  return (measured?.blocks ?? []).flatMap((block) => {
    const totals = new Map([...block.totals].filter(([id]) => ids.has(id)))
    return totals.size === 0 ? [] : [{ ...block, totals }]
  })
}

/** What is measured in passes of its own: with other data, or sample by sample. */
const KINDS = ['data', 'gradient', 'gradient of samples'] as const

function kindOf({ statistic }: Request): (typeof KINDS)[number] {
  if (statistic.at !== 'gradient') return 'data'
  return isOfBatch(statistic) ? 'gradient' : 'gradient of samples'
}

/** Statistics of sites, by id of the request, in as few passes over the data as the budget allows. */
export async function measureSites(
  model: Model,
  requests: readonly SizedRequest[],
  options: Omit<StatisticsOptions, 'before' | 'onChunk'>,
): Promise<ReadonlyMap<string, Totals>> {
  const passes = passesOf(requests, options.budgetBytes ?? DEFAULT_BUDGET)
  const totals = new Map<string, Totals>()
  for (const pass of passes) {
    const reductions = reductionsOf(pass)
    for (const each of totalOf(await measureOnce(model, pass, { ...options, reductions }), reductions)) totals.set(...each)
  }
  return withoutPanels(totals, passes.flat())
}

interface Pass extends Omit<StatisticsOptions, 'before' | 'onChunk'> {
  readonly reductions: Reductions
  /** What is there already, from the first chunk on. Default: nothing */
  readonly start?: readonly ChunkTotals[]
  readonly onChunk?: (blocks: readonly ChunkTotals[]) => void | Promise<void>
}

async function measureOnce(
  model: Model,
  requests: readonly Request[],
  { reductions, start = [], onChunk, onPadding, ...options }: Pass,
): Promise<ChunkTotals[]> {
  const { instrumented, forward, ...how } = await instrumentedFor(model, requests, options)
  const { probes, unmasked } = instrumented
  const isLarge = (probe: ModelProbe) => probe.reduce === 'gram' || (probe.reduce === 'mean' && kindOf(requests[0]!) !== 'data')
  const sums = new Set(probes.flatMap((probe) => (isLarge(probe) ? [probe.rows, probe.result] : [])))
  let isPadded = false
  const from = Math.max(0, ...start.map(endOf))
  let done = joinTotals(start, reductions)
  let open: ChunkTotals | undefined
  for await (const { chunk, outputs } of forward(instrumented.model, { sums, ...(from > 0 && { from }), ...how })) {
    const totals = new Map(probes.flatMap((probe) => readTotals(probe, outputs)))
    isPadded ||= unmasked?.padded.some((name) => Number(outputs[name]![0]) > 0) ?? false
    // Batches of one chunk, one after another.
    if (open?.index === chunk) open = { ...open, totals: withBatch(open.totals, totals, reductions) }
    else {
      if (open !== undefined) {
        done = joinTotals([...done, open], reductions)
        await onChunk?.(done)
      }
      open = { level: 0, index: chunk, totals }
    }
  }
  if (isPadded) onPadding?.(unmasked!.values)
  if (open === undefined && done.length === 0)
    throw new PareError('there are no calibration data.', { hint: 'give at least one sample.' })
  return open === undefined ? done : joinTotals([...done, open], reductions)
}

/** The model that measures, and what runs it. All requests are of one kind. */
async function instrumentedFor(
  model: Model,
  requests: readonly Request[],
  { forward, gradients, padding, shapes, signal, onProgress }: Omit<Pass, 'reductions'>,
): Promise<{ instrumented: InstrumentedModel; forward: Forward } & Pick<ForwardOptions, 'batch' | 'signal' | 'onProgress'>> {
  const run = { ...present({ signal, onProgress }) }
  const kind = kindOf(requests[0]!)
  if (kind === 'data') {
    if (forward === undefined) throw new Error('statistics of values need calibration data')
    const instrumented = await instrument(model, requests, { fillsMask: forward.fillsMask, padding, shapes })
    return { instrumented, forward, ...run }
  }
  if (gradients === undefined) throw needsTraining()
  const instrumented = await instrumentGradients(model, requests, gradients)
  return { instrumented, forward: gradients.forward, ...run, ...(kind === 'gradient of samples' && { batch: 1 }) }
}

function withBatch(before: ChunkTotals['totals'], batch: ChunkTotals['totals'], reductions: Reductions): ChunkTotals['totals'] {
  const after = new Map(before)
  for (const [id, totals] of batch) {
    const previous = before.get(id)
    after.set(id, previous === undefined ? totals : combined(reductions.get(id)!, previous, totals))
  }
  return after
}

function readTotals({ id, reduce, rows, result, squares }: ModelProbe, outputs: ForwardOutput['outputs']): [string, Totals][] {
  const values = outputs[result]
  if (values === undefined) return []
  const count = Number(outputs[rows]![0])
  const floats = Float64Array.from(values as ArrayLike<number>)
  if (floats.some(Number.isNaN)) throw notFinite()
  if (reduce !== 'variance') return [[id, { rows: count, values: floats }]]
  const means = floats.map((sum) => (count === 0 ? 0 : sum / count))
  return [[id, { rows: count, values: means, squares: Float64Array.from(outputs[squares!] as ArrayLike<number>) }]]
}

function notFinite(): PareError {
  return new PareError('the model gives NaN on the calibration data.', {
    hint: 'check the data for NaN, and the model with pare evaluate: it must run on them.',
  })
}

/**
 * Reads the statistics of a weight out of what was measured. A weight that is used several times met all of it. What a weight has in common
 * with the one before it is the same array, where both are read with the same `memo`.
 */
export function statisticsOf<Key extends string>(
  weight: Weight,
  needs: Readonly<Record<Key, Statistic>>,
  totals: ReadonlyMap<string, Totals>,
  { criterion = 'NAME', memo = new Map() }: { readonly criterion?: string; readonly memo?: Map<string, LastRead> } = {},
): Record<Key, SpreadStatistic> {
  return Object.fromEntries(
    Object.entries<Statistic>(needs).map(([key, statistic]) => {
      const ids = [...new Set(requestsFor(weight, { [key]: statistic }).map(requestId))]
      const parts = ids.map((id) => {
        const each = totals.get(id)
        if (each === undefined)
          throw new PareError(`statistic '${key}' of '${weight.id}', which criterion '${criterion}' needs, was not measured.`, {
            hint: `measure it: pare calibrate MODEL --data DATA --criterion ${criterion} --out FILE`,
          })
        return each
      })
      const of = ids.join('\n')
      const last = memo.get(key)
      const values =
        last?.of === of
          ? last.values
          : finished(
              statistic.reduce,
              parts.reduce((a, b) => combined(statistic.reduce, a, b)),
            )
      memo.set(key, { of, values })
      return [key, { at: statistic.at, values }]
    }),
  ) as Record<Key, SpreadStatistic>
}

/** The statistic that was read last, and of which requests it is. */
export interface LastRead {
  readonly of: string
  readonly values: Float64Array
}
