import { defineCriterion, type UnitCriterion, type UnitReader, z } from '@pare/core'

/** Score of a unit = its share of the mean square of what is computed from it. The units with the lowest go first. Put your rule here. */
export const myPlugin = defineCriterion({
  name: 'my-plugin',
  about: 'Score of a unit = its share of the mean square of what is computed from it.',
  options: { power: z.literal([1, 2]).default(1).describe('what the share of a unit is raised to') },
  create: ({ power }): Omit<UnitCriterion, 'name'> => ({
    kind: 'units',
    async score(groups, probe) {
      const scores: Float64Array[] = []
      // For each group in order, the weights that sum over its units, with what they meet on calibration data.
      for await (const readers of probe.readers(groups)) {
        const units = groups[scores.length]!.units
        scores.push(energyOf(readers, units).map((energy) => energy ** power))
      }
      return scores
    },
  }),
})

export default myPlugin

/** f64[units]: Σ w² · E x², over the weights and inputs that belong to each unit. */
function energyOf(readers: readonly UnitReader[], units: number): Float64Array {
  const energy = new Float64Array(units)
  for (const { gram, weight, rows, units: unitOf } of readers) {
    const columns = unitOf.length
    for (let column = 0; column < columns; column++) {
      const unit = unitOf[column]!
      // An input that belongs to no unit of the group.
      if (unit < 0) continue
      let squares = 0
      for (let row = 0; row < rows; row++) squares += weight[row * columns + column]! ** 2
      energy[unit]! += squares * gram[column * columns + column]!
    }
  }
  return energy
}
