import { formatCount, formatPercent } from './format.js'

/** What was cut of a group. */
interface Cut {
  readonly structure: string
  readonly units: number
  readonly removed: number
}

/** '128 of 384 neuron units in 2 groups, 4 of 8 head units in 1 group' */
export function removedUnits(groups: readonly Cut[]): string {
  return byStructure(groups)
    .map(({ structure, units, removed, groups }) => {
      const count = `${formatCount(groups)} ${groups === 1 ? 'group' : 'groups'}`
      return `${formatCount(removed)} of ${formatCount(units)} ${structure} units in ${count}`
    })
    .join(', ')
}

/** What a user should know where a step cut nothing at all: a share of few units rounds to none. */
export function nothingRemoved(groups: readonly Cut[]): readonly string[] {
  return byStructure(groups).flatMap(({ structure, units, removed }) =>
    removed > 0
      ? []
      : [
          `no ${structure} unit was removed: of ${formatCount(units)} units, the share that was asked for rounds to none in every group.`,
        ],
  )
}

/** ['33.3 % neuron', '50.0 % head'] */
export function removedShare(groups: readonly Cut[]): readonly string[] {
  return byStructure(groups).map(({ structure, units, removed }) => `${formatPercent(removed / units)} ${structure}`)
}

/** '272,090 → 68,594 (−74.8 %)' */
export function changed({ before, after }: { readonly before: number; readonly after: number }): string {
  if (before === after) return `${formatCount(after)}, as before`
  const change = before === 0 ? '' : ` (−${formatPercent(1 - after / before)})`
  return `${formatCount(before)} → ${formatCount(after)}${change}`
}

function byStructure(groups: readonly Cut[]): readonly (Cut & { readonly groups: number })[] {
  const structures = new Map<string, Cut & { readonly groups: number }>()
  for (const { structure, units, removed } of groups) {
    const before = structures.get(structure) ?? { structure, units: 0, removed: 0, groups: 0 }
    structures.set(structure, {
      structure,
      units: before.units + units,
      removed: before.removed + removed,
      groups: before.groups + 1,
    })
  }
  return [...structures.values()]
}
