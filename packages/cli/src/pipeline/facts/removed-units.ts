import type { Group, PlanStep } from '@pare/core'
import { formatCount, plural, share } from '@pare/gate'
import { removalsOf, removalText } from '@pare/report/pruning'

/** What was cut of a group. */
interface Cut {
  readonly structure: string
  readonly units: number
  readonly removed: number
}

/** '128 of 384 neuron units in 2 groups, 4 of 8 head units in 1 group' */
export function removedUnits(groups: readonly Cut[]): string {
  return removalsOf(groups).map(removalText).join(', ')
}

/** What a user should know where a step cut nothing at all: a share of few units rounds to none, and one of each group stays. */
export function nothingRemoved(groups: readonly Cut[]): readonly string[] {
  return removalsOf(groups).flatMap(({ structure, units, removed, groups: count }) => {
    if (removed > 0) return []
    const where = `${plural(units, 'unit')} in ${plural(count, 'group')}`
    return [
      `no ${structure} unit was removed: of ${where}, what was asked for rounds to none, or only what has to stay is there.`,
    ]
  })
}

/** What a user should know where fewer units went than a ratio says, since the model chooses so many of them for each input. */
export function keptForChoices(steps: readonly PlanStep[], groups: readonly Group[]): readonly string[] {
  const least = new Map(
    groups.flatMap((group) => (group.kind === 'coupled' && group.least ? [[group.id, group.least] as const] : [])),
  )
  return steps.flatMap((step) => {
    if (step.kind !== 'cut' || !('ratio' in step.target)) return []
    const { ratio } = step.target
    return step.groups.flatMap(({ id, units, removed }) => {
      const stay = least.get(id)
      if (stay === undefined || units - removed.length > stay || removed.length >= Math.round(ratio * units)) return []
      return [
        `of the ${units} ${step.structure} units of '${id}' ${removed.length} were removed, where ${Math.round(ratio * units)} were asked for: the model chooses ${stay} of them for each input, so as many stay`,
      ]
    })
  })
}

/** What a user should know where steps leave nothing of a layer. */
export function emptiedLayers(steps: readonly PlanStep[]): readonly string[] {
  const weights = steps.flatMap((step) => (step.kind === 'mask' ? step.weights : []))
  const emptied = weights.filter(({ elements, zeros, masked }) => masked === elements && zeros < elements)
  const ids = [...new Set(emptied.map(({ id }) => `'${id}'`))]
  if (ids.length === 0) return []
  const shown = ids.slice(0, SHOWN).join(', ')
  const more = ids.length > SHOWN ? ` and ${ids.length - SHOWN} more` : ''
  return [
    `nothing is left of ${shown}${more}: all elements are zero. Weights of such different size are made comparable with --normalize lamp (normalize: 'lamp'), or ranked each on its own with --scope tensor`,
  ]
}

const SHOWN = 3

/** ['33.3 % neuron', '50.0 % head'] */
export function removedShare(groups: readonly Cut[]): readonly string[] {
  return removalsOf(groups).map(({ structure, units, removed }) => `${share(removed / units)} ${structure}`)
}

/** '272,090 → 68,594 (−74.8 %)' */
export function changed({ before, after }: { readonly before: number; readonly after: number }): string {
  if (before === after) return `${formatCount(after)}, as before`
  const change = before === 0 ? '' : ` (${after > before ? '+' : '−'}${share(Math.abs(after / before - 1))})`
  return `${formatCount(before)} → ${formatCount(after)}${change}`
}
