import { z } from '@pare/plugin'

// Options that solvers have in common.

/** What is added to the diagonal of a Gram matrix. */
export const dampingOption = (standard: number) =>
  z
    .number()
    .min(0)
    .max(1)
    .default(standard)
    .describe(
      'what is added to the diagonal of the Gram matrix, as a fraction of its mean; more is safer, less is closer to the data',
    )

export const threadsOption = z
  .int()
  .min(1)
  .optional()
  .describe('how many threads; left out, one for each core, at most 16, and one for small problems')
