import type { PlanStep } from '@pare/core'
import { type ModelSizes, type SizeKind, weightOf } from './sizes.js'

/** Which part of a model a file or a key is about. Undefined: the whole, or what has no parts. */
export type Side = 'encoder' | 'decoder' | 'vision' | 'audio' | undefined

/** What became of a size in one place. */
export interface SizeChange {
  readonly fact: Exclude<SizeKind, 'headDim'>
  /** A layer, named by the node of the first weight that is sliced there, or what has the size. */
  readonly place: string
  readonly side: Side
  readonly before: number
  readonly after: number
}

/** What became of the layers of a stretch of blocks: their numbers before, of those that are left. */
export interface KeptLayers {
  readonly side: Side
  readonly before: number
  readonly kept: readonly number[]
}

/**
 * What became of each size, those that stayed included. Units are counted in both graphs; where there is but one unit left, a graph shows no group any more,
 * and the steps say so. What went with its layer does not count.
 */
export function changesOf(
  sizes: { readonly before: ModelSizes; readonly after: ModelSizes },
  steps: readonly PlanStep[],
  side: Side,
): readonly SizeChange[] {
  const { before, after } = sizes
  const cut = new Set(steps.flatMap((step) => (step.kind === 'cut' ? step.groups.map(({ id }) => weightOf(id)) : [])))
  const facts = Object.keys(before.by) as (keyof ModelSizes['by'])[]
  const units = facts.flatMap((fact) =>
    [...before.by[fact]].flatMap(([place, count]): SizeChange[] => {
      const weight = weightOf(place)
      if (!after.weights.has(weight)) return []
      const left = after.by[fact].get(place) ?? (cut.has(weight) ? (before.unitSizes.get(place) ?? 1) : count)
      return [{ fact, place: before.nodes.get(weight) || weight, side, before: count, after: left }]
    }),
  )
  const kept = keptLayers(steps, side)
  const layers = kept.length === 0 ? [] : [{ fact: 'layers' as const, place: 'the model', side, ...totals(kept) }]
  const vocabulary = before.vocabulary !== undefined && after.vocabulary !== undefined
  return [
    ...units,
    ...layers,
    ...(vocabulary
      ? [{ fact: 'vocabulary' as const, place: 'logits', side, before: before.vocabulary!, after: after.vocabulary! }]
      : []),
  ]
}

const totals = (stretches: readonly KeptLayers[]) => ({
  before: stretches.reduce((sum, { before }) => sum + before, 0),
  after: stretches.reduce((sum, { kept }) => sum + kept.length, 0),
})

/** The layers that steps leave, of each stretch of blocks that one of them looked at. */
export function keptLayers(steps: readonly PlanStep[], side: Side): readonly KeptLayers[] {
  const stretches = new Map<string, { before: number; kept: number[] }>()
  for (const step of steps) {
    if (step.kind !== 'cut') continue
    for (const { id, units, removed } of step.groups) {
      // Run times count layers by their caches, which go with attention.
      const [, begin] = /^(?:blocks|attention):(.*)$/s.exec(id) ?? []
      if (begin === undefined) continue
      const stretch = stretches.get(begin) ?? { before: units, kept: Array.from({ length: units }, (_, layer) => layer) }
      stretches.set(begin, { ...stretch, kept: stretch.kept.filter((_, index) => !removed.includes(index)) })
    }
  }
  return [...stretches.values()].map((stretch) => ({ ...stretch, side }))
}
