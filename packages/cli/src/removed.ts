import { formatCount } from './format.js'

/** '128 of 384 neuron units in 2 groups, 4 of 8 head units in 1 group' */
export function removedUnits(
  groups: readonly { readonly structure: string; readonly units: number; readonly removed: number }[],
): string {
  const structures = [...new Set(groups.map(({ structure }) => structure))]
  return structures
    .map((structure) => {
      const own = groups.filter((group) => group.structure === structure)
      const [removed, units] = [sum(own.map((group) => group.removed)), sum(own.map((group) => group.units))]
      return `${formatCount(removed)} of ${formatCount(units)} ${structure} units in ${formatCount(own.length)} ${own.length === 1 ? 'group' : 'groups'}`
    })
    .join(', ')
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
