import { formatCount, plural } from './figure.js'
import type { Categories } from './measurement.js'

/** Which samples belong together: groups are numbered from 0 on, and none is empty. */
export interface Grouping {
  /** Name of the column. */
  readonly by: string
  /** Of each sample. */
  readonly of: Int32Array
  /** Samples of each group. */
  readonly sizes: Float64Array
  /** (Σ sizes)² ÷ Σ sizes²: how many groups of one size tell as much (Kish 1965). It is the number of groups where all have one size. */
  readonly effective: number
}

/** Fewer groups say too little of how much groups differ. */
const FEWEST_GROUPS = 8

/** Undefined where nothing belongs together: without a column, and where each sample is a group of its own. */
export function groupingOf(group: Categories | undefined): Grouping | undefined {
  if (group === undefined) return undefined
  const numbers = new Map<number, number>()
  const of = Int32Array.from(group.of, (name) => {
    const number = numbers.get(name) ?? numbers.size
    numbers.set(name, number)
    return number
  })
  if (numbers.size === of.length) return undefined
  const sizes = totals(new Float64Array(of.length).fill(1), { of, count: numbers.size })
  const squares = sizes.reduce((total, size) => total + size * size, 0)
  return { by: group.by, of, sizes, effective: of.length ** 2 / squares }
}

/** Sum over the samples of each group. */
export function totals(
  values: ArrayLike<number>,
  { of, count }: { readonly of: Int32Array; readonly count: number },
): Float64Array {
  const sums = new Float64Array(count)
  for (let i = 0; i < of.length; i++) sums[of[i]!]! += values[i]!
  return sums
}

/** The samples of each group. */
export function membersOf({ of, sizes }: Grouping): Int32Array[] {
  const members = Array.from(sizes, (size) => new Int32Array(size))
  const filled = new Int32Array(sizes.length)
  for (let i = 0; i < of.length; i++) members[of[i]!]![filled[of[i]!]!++] = i
  return members
}

/** Why these groups are too few for an interval, in a sentence; undefined: they are not. */
export function tooFewGroups(grouping: Grouping | undefined): string | undefined {
  if (grouping === undefined || grouping.effective >= FEWEST_GROUPS) return undefined
  const { by, sizes, effective } = grouping
  const like = sizes.length < FEWEST_GROUPS ? '' : `, so unequal that they tell as much as ${effective.toFixed(1)} of one size`
  return `${plural(sizes.length, 'group')} (${by})${like}; ${FEWEST_GROUPS} are needed to judge a drop by samples that belong together.`
}

/** '2,000 samples', or '2,000 samples in 40 groups (document)'. */
export function setText(samples: number, grouping: Pick<Grouping, 'by' | 'sizes'> | undefined): string {
  const set = plural(samples, 'sample')
  return grouping === undefined ? set : `${set} in ${groupText(grouping.sizes.length, grouping.by)}`
}

/** '40 groups (document)'. */
function groupText(count: number, by: string): string {
  return `${formatCount(count)} group${count === 1 ? '' : 's'} (${by})`
}
