import { present } from '@pare/onnx'
import type { Backend, Precision } from '../backend/backend.js'
import { buffersOf, precisionOf, readChunks, sourceOf, type WeightSource } from '../backend/stream.js'
import type { WeightStatistics } from '../calibrate/statistics/statistics.js'
import type { NORMALIZATIONS } from '../choices.js'
import type { Expression, Pattern, Scope, Weight } from '../contract/contract.js'
import { selectNm } from '../patterns/nm.js'
import { selectOwn } from '../patterns/own.js'
import { selectTiles, selectTilesBelow } from '../patterns/tiles.js'
import type { TileSize } from '../patterns/tiling.js'
import { checkElementTarget } from '../plan/check-step.js'
import type { ElementTarget, MaskRule, PlanOptions } from '../plan/plan.js'
import type { Allocation } from './allocation.js'
import { lampCounts } from './lamp.js'
import { selectInRows } from './rows.js'
import type { Scoring } from './scoring.js'
import { sharesOf } from './shares.js'
import { type Selection, selectLowest } from './threshold.js'

export interface SelectRequest {
  readonly weights: readonly Weight[]
  /** Default: free. */
  readonly pattern?: Pattern
  readonly scope: Scope
  readonly target: ElementTarget
  readonly saliency: Expression
  /** Whose saliency it is, for messages. */
  readonly criterion?: string
  /** What the weights meet, where the saliency says so. */
  readonly statistics?: WeightStatistics
  /** How a sparsity is spread over weights, where scope is 'row' or 'tensor'. Default: 'uniform' */
  readonly allocation?: Allocation
  /** How saliencies are made comparable between weights, where scope is 'global'. Default: they are taken as they are. */
  readonly normalize?: (typeof NORMALIZATIONS)[number]
}

export type SaliencySelection = Omit<Selection, 'rule'> & { readonly rule: MaskRule }

/**
 * Decides for each weight which elements are masked. With a sparsity, exactly round(sparsity × elements of all weights) are zero afterwards; with tiles
 * as many fewer as the next tile is too large.
 */
export async function select(
  { weights, pattern = { kind: 'free' }, saliency, criterion, statistics, ...ranking }: SelectRequest,
  options: PlanOptions & { readonly backend: Backend },
): Promise<{ precision: Precision; selections: SaliencySelection[] }> {
  checkElementTarget(ranking.target)
  const precision = precisionOf(weights, statistics && weights.map(statistics.of))
  const sources = weights.map((weight) => sourceOf(weight, options.seed, statistics?.of(weight)))
  const kernel = options.backend.compile(saliency, precision)
  const scoring = {
    kernel,
    precision,
    buffers: buffersOf(kernel, options.backend),
    progress: progressOf(sources, options),
    ...present({ criterion }),
  }
  return { precision, selections: await selectBy(pattern, sources, ranking, scoring) }
}

async function selectBy(
  pattern: Pattern,
  sources: readonly WeightSource[],
  { scope, target, allocation, normalize }: Pick<SelectRequest, 'scope' | 'target' | 'allocation' | 'normalize'>,
  scoring: Scoring,
): Promise<SaliencySelection[]> {
  if (pattern.kind === 'nm') return selectNm(sources, pattern, scoring)
  if ('threshold' in target) {
    if (pattern.kind === 'own') throw new Error('a pattern of a structure takes no threshold')
    const below = target.threshold
    if (pattern.kind === 'tile') return selectTilesBelow(sources, { tile: sizeOf(pattern), below }, scoring)
    return selectBelow(sources, roundUp(below, scoring.precision), scoring)
  }
  const sparsity = target.sparsity
  const shares = await sharesOf(sources, { sparsity, allocation }, scoring)
  if (pattern.kind === 'own') return selectOwn(sources, { pattern, shares }, scoring)
  if (pattern.kind === 'free') return selectShare(sources, { scope, shares, normalize }, scoring)
  const request = {
    scope: scope === 'group' ? 'tensor' : scope,
    tile: sizeOf(pattern),
    shares,
  } as const
  return selectTiles(sources, request, scoring)
}

const sizeOf = ({ rows, columns }: TileSize): TileSize => ({ rows, columns })

async function selectShare(
  sources: readonly WeightSource[],
  {
    scope,
    shares: own,
    normalize,
  }: { scope: Scope; shares: readonly number[]; normalize: (typeof NORMALIZATIONS)[number] | undefined },
  scoring: Scoring,
): Promise<SaliencySelection[]> {
  const all = own.reduce((a, b) => a + b, 0)
  if (scope === 'global' && normalize === undefined) return selectLowest(sources, all, scoring)
  const shares = scope === 'global' ? await lampCounts(sources, all, scoring) : own
  const selections: SaliencySelection[] = []
  for (const [i, source] of sources.entries()) {
    if (scope === 'row') selections.push(await selectInRows(source, shares[i]!, scoring))
    else selections.push(...(await selectLowest([source], shares[i]!, scoring)))
  }
  return selections
}

/** Masks whatever lies below `below`. */
async function selectBelow(sources: readonly WeightSource[], below: number, scoring: Scoring): Promise<SaliencySelection[]> {
  const untouched = await selectLowest(sources, 0, scoring)
  const nothing = { saliency: new Float64Array(0), index: new Float64Array(0), length: 0 }
  const selections: SaliencySelection[] = []
  for (const [i, source] of sources.entries()) {
    let masked = 0
    for await (const chunk of readChunks(source, scoring)) {
      masked += (await scoring.kernel.collect(chunk, { low: below, high: below }, nothing)).below
    }
    selections.push({ zeros: untouched[i]!.zeros, masked, rule: { below, until: 0 } })
  }
  return selections
}

/** The smallest number of the precision that is not below x: the same elements lie below it. */
function roundUp(x: number, precision: Precision): number {
  const near = precision === 'f32' ? Math.fround(x) : x
  if (near >= x) return near
  const float = Float32Array.of(near)
  new Uint32Array(float.buffer)[0]!++
  return float[0]!
}

/** Counts bytes read, for two passes, and stops when asked to. */
function progressOf(sources: readonly WeightSource[], { signal, onProgress }: PlanOptions): (bytes: number) => void {
  const total = 2 * sources.reduce((bytes, { weight }) => bytes + weight.tensor.data.byteLength, 0)
  let done = 0
  return (bytes) => {
    signal?.throwIfAborted()
    done += bytes
    onProgress?.({ done: Math.min(done, total), total })
  }
}
