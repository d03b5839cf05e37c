import { atomsOf, keptPositions } from '@pare/axes'
import type { Model } from '@pare/onnx'
import type { CutStep } from '../plan/plan.js'
import { removedUnits } from './removed-units.js'

/** What a cut does to choices that the model makes. */
export interface ChosenUnits {
  /** Whether units go that a router chooses among: of few tokens, few of them are met. */
  readonly areChosen: boolean
  /** Values whose numbers are positions of units of which some go: in the cut model they count others. */
  readonly renumbered: ReadonlySet<string>
  /** Along the axes of a value that lose positions, those that stay: i32[kept]. */
  kept(value: string): readonly KeptAxis[]
}

/** An axis of a value, counted from 0, and its positions that stay. */
export interface KeptAxis {
  readonly axis: number
  readonly positions: Int32Array
}

/** The units that a step cuts. The time is linear in the values of the model. */
export async function chosenUnits(model: Model, step: CutStep): Promise<ChosenUnits> {
  const { dependencies, removals } = await removedUnits(model, step)
  const isCut = (value: string) => {
    const axis = dependencies.positions(value)
    return axis !== undefined && [...atomsOf(axis)].some((atom) => removals.has(atom))
  }
  return {
    areChosen: [...removals.keys()].some((axis) => axis.roles.has('expert')),
    renumbered: new Set([...dependencies.values.keys()].filter(isCut)),
    kept(value) {
      const axes = dependencies.values.get(value) ?? []
      return axes
        .map((along, axis) => ({ axis, positions: keptPositions(along, removals), size: along.size }))
        .filter(({ positions, size }) => positions.length < size)
    },
  }
}
