import { defineCriterion, type Gates, type OptionsOf, type Probe, type UnitCriterion, type UnitGroup, z } from '@pare/core'

export type SensitivityOptions = OptionsOf<typeof sensitivity>

/** Score of a unit = loss without it − loss of the whole model, each unit tried on its own (leave one out). */
export const sensitivity = defineCriterion({
  name: 'sensitivity',
  about: 'Score of a unit = loss without it − loss of the whole model, each unit tried on its own (leave one out).',
  options: {
    against: z
      .enum(['outputs', 'labels'])
      .default('outputs')
      .describe(
        'what the loss compares with; outputs: KL divergence from what the whole model gives; labels: mean −log p(label), of text of the tokens',
      ),
    samples: z
      .int()
      .min(1)
      .default(64)
      .describe('only the first so many samples of the calibration data: each unit costs a pass over them'),
  },
  create: ({ against, samples }): Omit<UnitCriterion, 'name'> => ({
    kind: 'units',
    async score(groups, probe) {
      const loss = { against, samples }
      const [whole] = await probe.losses(groups, [new Map()], loss)
      const scores: Float64Array[] = []
      for (const group of groups) scores.push((await without(group, { groups, probe, loss })).map((value) => value - whole!))
      return scores
    },
  }),
})

/** f64[units]: the loss without each unit of a group. In chunks, so that the gates of wide groups need not be held all at once. */
async function without(
  group: UnitGroup,
  { groups, probe, loss }: { groups: readonly UnitGroup[]; probe: Probe; loss: Parameters<Probe['losses']>[2] },
): Promise<Float64Array> {
  const losses = new Float64Array(group.units)
  for (let first = 0; first < group.units; first += CHUNK) {
    const settings: Gates[] = []
    for (let unit = first; unit < Math.min(first + CHUNK, group.units); unit++)
      settings.push(new Map([[group.id, new Float32Array(group.units).fill(1).fill(0, unit, unit + 1)]]))
    losses.set(await probe.losses(groups, settings, loss), first)
  }
  return losses
}

/** Units that share a pass over the data. */
const CHUNK = 256

export default sensitivity
