import { defineCriterion, type OptionsOf, type UnitCriterion, z } from '@pare/core'
import { eliminate } from './eliminate.js'
import { influence } from './influence.js'
import { stretch } from './stretch.js'

export type BlockInfluenceOptions = OptionsOf<typeof blockInfluence>

/** Removes whole blocks that change least what passes through them. For structure 'layer'. */
export const blockInfluence = defineCriterion({
  name: 'block-influence',
  about: 'Removes whole blocks that change least what passes through them. For structure layer.',
  options: {
    by: z
      .enum(['cosine', 'angular', 'perplexity'])
      .default('cosine')
      .describe(
        'cosine: 1 − mean cos(beginning, end) of each block on its own; angular: the stretch of blocks one after another between whose ends the last position turns least; perplexity: one block after another, each time the one without which the loss is lowest',
      ),
    against: z
      .enum(['labels', 'outputs'])
      .default('labels')
      .describe('for perplexity: what the loss compares with, labels (of text its tokens) or the outputs of the whole model'),
    samples: z
      .int()
      .min(1)
      .default(64)
      .describe('for perplexity: only the first so many samples, since each try costs a pass over them'),
  },
  create: ({ by, against, samples }): Omit<UnitCriterion, 'name'> => ({
    kind: 'units',
    score: scoreBy({ by, against, samples }),
  }),
})

type Settings = Required<BlockInfluenceOptions>

function scoreBy({ by, against, samples }: { [Key in keyof Settings]: NonNullable<Settings[Key]> }): UnitCriterion['score'] {
  switch (by) {
    case 'cosine':
      return influence
    case 'angular':
      return stretch
    case 'perplexity':
      return (groups, probe) => eliminate(groups, probe, { against, samples })
    default:
      return by satisfies never
  }
}

export default blockInfluence
