import type { Analysis, Structure, UnitGroup } from './contract.js'
import { WHOLE_MODEL } from './whole-model.js'

export interface CutRule<G extends UnitGroup> {
  /** What options and reports call the structure. */
  readonly name: string
  /** The groups of the analysis that are of this kind, held ones included. */
  readonly candidates: (analysis: Analysis) => readonly G[]
  /** What the user reads where there are no candidates. Default: of what kinds the units of the model are */
  readonly none?: string
  /** Why a group is not cut although nothing in the graph holds it. Default: every one is cut */
  readonly refuse?: (group: G) => string | undefined
}

/** A structure that cuts: groups that nothing holds are found, the others declined with the reason. */
export function cutStructure<G extends UnitGroup>({ name, candidates, none, refuse = () => undefined }: CutRule<G>): Structure {
  const reasonOf = (group: G) => group.held ?? refuse(group)
  return {
    name,
    kind: 'cut',
    find(analysis) {
      const all = candidates(analysis)
      if (all.length === 0 && none !== undefined)
        return { groups: [], declined: [{ id: WHOLE_MODEL, structure: name, reason: none }] }
      return {
        // The contract has groups of both kinds in one list.
        groups: all.filter((group) => reasonOf(group) === undefined) as readonly UnitGroup[],
        declined: all.flatMap((group) => {
          const reason = reasonOf(group)
          return reason === undefined ? [] : [{ id: group.id, structure: name, reason }]
        }),
      }
    },
  }
}
