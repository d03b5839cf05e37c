import { figure } from '@pare/gate'
import { changedParts, unknownParts } from './decisive.js'
import type { LockEntry, LockFile } from './lock-file.js'

/** How the two sides of a comparison are called in sentences. */
export interface Sides {
  /** 'this pull request' */
  readonly ours: string
  /** 'main' */
  readonly theirs: string
}

/**
 * What a run demands less than the lock file it is compared with, and what else changed of how models are judged, in sentences: a limit that is wider or
 * gone, a model that is not measured any more, other data, another metric. `isWhole`: all models of the config were run, so that one that is missing is gone.
 */
export function changesSince(
  before: LockFile,
  { models, isWhole }: Pick<LockFile, 'models'> & { readonly isWhole: boolean },
  sides: Sides,
): readonly Change[] {
  const changes = Object.entries(before.models).flatMap(([model, old]): readonly Change[] => {
    const now = models[model]
    if (now === undefined && !isWhole) return []
    if (now === undefined)
      return [{ model, kind: 'loosened', text: `${sides.theirs} measures ${model}; ${sides.ours} does not.` }]
    return [
      ...loosened(old, now, sides).map((text): Change => ({ model, kind: 'loosened', text })),
      ...changed(old, now, sides).map((text): Change => ({ model, kind: 'changed', text })),
    ]
  })
  return changes.map(({ text, ...change }) => ({ ...change, text: `${text.charAt(0).toUpperCase()}${text.slice(1)}` }))
}

export interface Change {
  readonly model: string
  readonly kind: 'loosened' | 'changed'
  readonly text: string
}

/** What a gate demands: one object of limits, or several. */
type Demand = Readonly<Record<string, unknown>>

/** Limits by how they are called, and which way they are wider. */
const WIDER: Readonly<Record<string, { readonly is: string; readonly way: 'higher' | 'lower' }>> = {
  maxDrop: { is: 'a drop of', way: 'higher' },
  maxRegression: { is: 'a regression of', way: 'higher' },
  min: { is: 'a value of', way: 'lower' },
  max: { is: 'a value of', way: 'higher' },
  maxLatency: { is: 'a relative latency of', way: 'higher' },
  maxSize: { is: 'a relative size of', way: 'higher' },
  maxMacs: { is: 'relative MACs of', way: 'higher' },
}

function loosened(old: LockEntry, now: LockEntry, { ours, theirs }: Sides): readonly string[] {
  const demands = new Map(demandsOf(now).map((demand) => [keyOf(demand, now), demand]))
  return demandsOf(old).flatMap((before) => {
    const after = demands.get(keyOf(before, old))
    if (after === undefined) return [`${theirs} demands something of ${keyOf(before, old)}; ${ours} does not.`]
    const about = demandsOf(old).length > 1 ? `, of ${keyOf(before, old)}` : ''
    return [
      ...Object.entries(WIDER).flatMap(([limit, { is, way }]) => {
        const [was, width] = [inUnits(before[limit], old), inUnits(after[limit], now)]
        if (was === undefined) return []
        if (width === undefined)
          return [`${ours} does not limit ${limit}${about}; ${theirs} allows ${is} ${shown(before[limit])}.`]
        const isWider = way === 'higher' ? width > was * (1 + 1e-12) : width < was * (1 - 1e-12)
        return isWider ? [`${ours} allows ${is} ${shown(after[limit])}; ${theirs} allows ${shown(before[limit])}${about}.`] : []
      }),
      ...certaintyLoosened(before, after, { ours, theirs }),
      ...(after.allowWorthlessReference === true && before.allowWorthlessReference !== true
        ? [`${ours} allows a worthless reference; ${theirs} does not.`]
        : []),
    ]
  })
}

function certaintyLoosened(before: Demand, after: Demand, { ours, theirs }: Sides): readonly string[] {
  const [was, is] = [before.certainty, after.certainty]
  if (typeof was !== 'number') return []
  if (typeof is !== 'number') return [`${ours} judges the measured drop; ${theirs} wants it with certainty ${was}.`]
  return is < was ? [`${ours} wants certainty ${is}; ${theirs} wants ${was}.`] : []
}

/** Of other models, data or settings than in the lock file, those that say how a model is judged: the rest is what a pull request is for. */
const JUDGING = ['evaluation data', 'examples', 'tokenizer', 'settings of the tokenizer']

function changed(old: LockEntry, now: LockEntry, { ours, theirs }: Sides): readonly string[] {
  const parts = changedParts(old.decisive, now.decisive).filter((part) => JUDGING.includes(part))
  const unknown = unknownParts(old.decisive, now.decisive).filter(({ part }) => JUDGING.includes(part))
  const [was, is] = [old.result.metric, now.result.metric]
  return [
    ...parts.map((part) => `${ours} measures with another ${part} than ${theirs}: the two cannot be compared.`),
    ...unknown.map(({ part, why }) => `nothing tells whether ${ours} measures with the ${part} of ${theirs}: ${why}.`),
    ...(was !== is && was !== undefined ? [`${ours} gates ${is ?? 'nothing'}; ${theirs} gates ${was}.`] : []),
  ]
}

function demandsOf({ limits }: LockEntry): readonly Demand[] {
  return (Array.isArray(limits) ? limits : [limits]).filter((each): each is Demand => typeof each === 'object' && each !== null)
}

/** What a demand is made of: the metric, and which samples. */
function keyOf({ metric, where, by, classes }: Demand, { result }: LockEntry): string {
  const parts = [where && `where ${where}`, by && `by ${by}`, classes && 'by class'].filter(Boolean)
  return [metric ?? result.metric ?? 'the model', ...parts].join(' ')
}

/** In units of the metric, so that an absolute limit and a relative one can be told apart by size. */
function inUnits(limit: unknown, { result }: LockEntry): number | undefined {
  if (typeof limit === 'number') return limit
  const relative = (limit as { readonly relative?: unknown } | undefined)?.relative
  if (typeof relative !== 'number') return undefined
  return relative * Math.abs(result.reference.metrics[result.metric ?? ''] ?? 1)
}

function shown(limit: unknown): string {
  if (typeof limit === 'number') return figure(limit)
  return `${figure((limit as { readonly relative: number }).relative)} of the reference`
}
