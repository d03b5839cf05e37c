import { amount, change, formatCount, plural, share } from './figures.js'
import type { ModelResult } from './results/results.js'

/** What was cut of one structure. */
export interface Removal {
  readonly structure: string
  readonly units: number
  readonly removed: number
  readonly groups: number
}

/** One entry for each structure that was cut, in the order of the steps. */
export function removalsOf(groups: readonly Omit<Removal, 'groups'>[] = []): readonly Removal[] {
  const removals = new Map<string, Removal>()
  for (const { structure, units, removed } of groups) {
    const before = removals.get(structure) ?? { structure, units: 0, removed: 0, groups: 0 }
    removals.set(structure, {
      structure,
      units: before.units + units,
      removed: before.removed + removed,
      groups: before.groups + 1,
    })
  }
  return [...removals.values()]
}

/** '224 of 448 channel units in 12 groups' */
export function removalText({ structure, units, removed, groups }: Removal): string {
  return `${formatCount(removed)} of ${formatCount(units)} ${structure} units in ${plural(groups, 'group')}`
}

/** For a cell of a table: '50.0 % zeros', '25.0 % channel; 50.0 % head'. Undefined where nothing is known. */
export function prunedText(model: ModelResult): string | undefined {
  const zeros = model.sparsity === undefined ? [] : [`${share(model.sparsity.after)} zeros`]
  const removals = removalsOf(model.groups).map(
    ({ structure, units, removed }) => `${share(units === 0 ? 0 : removed / units)} ${structure}`,
  )
  const parts = [...removals, ...zeros]
  return parts.length === 0 ? undefined : parts.join('; ')
}

/** What sorting by that column goes by: the largest share. */
export function prunedShare(model: ModelResult): number | undefined {
  const shares = removalsOf(model.groups).map(({ units, removed }) => (units === 0 ? 0 : removed / units))
  if (model.sparsity !== undefined) shares.push(model.sparsity.after)
  return shares.length === 0 ? undefined : Math.max(...shares)
}

/** '272 k → 68.6 k (−74.8 %)' */
export function fromTo({ before, after }: { readonly before: number; readonly after: number }): string {
  return `${amount(before)} → ${amount(after)} (${change(before, after) ?? 'new'})`
}

/** What a proof shows. */
export function equationOf({ step = 'cut' }: NonNullable<ModelResult['proof']>): string {
  return { cut: 'cut = masked', permute: 'permuted = original' }[step]
}

/** 'cut = masked: largest difference 3e-7, tolerance 1e-4, two sizes'. Undefined where nothing was cut or permuted. */
export function proofText({ proof }: ModelResult): string | undefined {
  if (proof === undefined) return undefined
  const { step = 'cut' } = proof
  const models = { cut: 'the cut model computes what the masked one does', permute: 'the permuted model computes what it did' }
  if (!proof.proved) return `not proved: nobody has checked that ${models[step]}`
  const { difference, tolerance, sizesDiffer } = proof
  return `${equationOf(proof)}: largest difference ${scientific(difference)}, tolerance ${scientific(tolerance)}, two ${sizesDiffer ? 'sizes' : 'inputs'}`
}

/** 3.04e-7 is '3e-7'; 0 is '0'. */
function scientific(value: number): string {
  return value === 0 ? '0' : value.toExponential(0)
}
