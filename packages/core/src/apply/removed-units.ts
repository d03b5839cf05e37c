import type { Axis, Dependencies, Removals, RemovedBlocks } from '@pare/axes'
import { findBlockParts, findBlocks, findCoupling } from '@pare/axes'
import { type Model, PareError } from '@pare/onnx'
import type { CutStep } from '../plan/plan.js'

/** Units that a step removes, in terms of the graph. */
export interface RemovedUnits {
  readonly dependencies: Dependencies
  readonly removals: Removals
  readonly blocks: readonly RemovedBlocks[]
}

/** Throws PareError where the model has other groups. */
export async function removedUnits(model: Model, { groups }: CutStep): Promise<RemovedUnits> {
  const { dependencies, atoms } = await findCoupling(model)
  const removals = new Map<Axis, Uint8Array>()
  const blocks: RemovedBlocks[] = []
  const blockGroups = new Map(
    groups.some(({ id }) => !atoms.has(id))
      ? [...findBlocks(model, dependencies), ...findBlockParts(model, dependencies)].map((group) => [group.id, group])
      : [],
  )
  for (const entry of groups) {
    const { id, units, removed } = entry
    const atom = atoms.get(id)
    const group = blockGroups.get(id)
    checkEntry(entry, atom?.size ?? group?.units)
    const held = atom?.pin ?? group?.held
    if (held !== undefined) throw new PareError(`the plan cuts '${id}', which is held: ${held}.`, ANOTHER)
    if (atom?.least !== undefined && units - removed.length < atom.least.count)
      throw new PareError(
        `the plan leaves ${units - removed.length} of the ${units} units of '${id}', and ${atom.least.reason}.`,
        ANOTHER,
      )
    if (atom !== undefined) removals.set(atom, maskOf(units, removed))
    else blocks.push({ group: group!, removed })
  }
  return { dependencies, removals, blocks }
}

export const ANOTHER = { hint: 'replay a plan on the model it was made for; its path and hash stand at the top of the plan.' }

function checkEntry({ id, units, removed }: CutStep['groups'][number], count: number | undefined): void {
  if (count === units && removed.every((unit) => unit < units)) return
  const has = count === undefined ? 'has no such group' : `has it with ${count}`
  throw new PareError(`the plan cuts '${id}' with ${units} units, and this model ${has}.`, ANOTHER)
}

function maskOf(units: number, removed: readonly number[]): Uint8Array {
  const mask = new Uint8Array(units)
  for (const unit of removed) mask[unit] = 1
  return mask
}
