import { z } from 'zod'
import { count, number } from './numbers.js'

const size = z.object({
  bytes: count,
  zippedBytes: count,
  parameters: count.describe('that are not zero'),
  macs: number.nullable().describe('for one sample'),
})

const candidate = z.object({
  ratio: number.describe('of the steps that were free: ratio or sparsity; 0: they were left out; the largest of ratios'),
  ratios: z.array(number).optional().describe('of each step that was free, where they differ'),
  bits: z.string().describe('how weights are stored: none, int8, int8-weights, int4, f16 or bf16'),
})

/** How the smallest model that passes was looked for. */
export const smallestSearch = z
  .object({
    smallest: z.enum(['bytes', 'macs', 'parameters']).describe('what was made small; bytes are those of the zipped file'),
    maxDrop: z.union([number, z.object({ relative: number })]).describe('that candidates may have on the search data'),
    certainty: number.describe('with which what is chosen had to keep that on other samples'),
    metric: z.string(),
    reference: size.extend({ value: number.describe('of the metric on the search data') }),
    data: z
      .object({ path: z.string(), samples: count, isSplit: z.boolean() })
      .describe('the search data; isSplit: a part of the evaluation data, of which the gate has the rest'),
    chosen: candidate
      .optional()
      .describe('one hundredth less than the smallest that passes, where both pass; absent where none does'),
    even: candidate.optional().describe('the smallest that passes with the same ratio in all steps, where another was chosen'),
    next: candidate
      .extend({ withinResolution: z.boolean().describe('whether the search data cannot tell its drop from one that is allowed') })
      .optional()
      .describe('one hundredth more than the smallest that passes, which was tried, and does not pass or is no smaller'),
    tried: z
      .array(
        candidate.extend({
          outcome: z
            .enum(['pass', 'fail', 'larger', 'impossible'])
            .describe('larger: no smaller than one that passes, and not measured; impossible: it cannot be made'),
          size: size.optional(),
          value: number.optional(),
          drop: z.object({ value: number, interval: z.tuple([number, number]) }).optional(),
          kl: number.optional().describe('divergence from the outputs of the reference, where several steps were free'),
          samples: count.optional(),
          isEarly: z.boolean().optional().describe('a quarter of the search data was enough to tell'),
          reason: z.string().optional(),
        }),
      )
      .describe('all candidates, in the order of their trials'),
    ended: z.enum(['finished', 'minutes', 'trials']).describe('why it ended'),
    known: count.describe('candidates whose outcome an earlier run had kept'),
    seconds: number,
  })
  .describe('how the smallest model that passes was looked for, where the target is a largest drop')

export type SmallestSearchResult = z.infer<typeof smallestSearch>
