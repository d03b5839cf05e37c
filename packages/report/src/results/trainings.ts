import { z } from 'zod'
import { count, number } from './numbers.js'

const bytes = count.describe('bytes')

const heldOut = z
  .object({ loss: number, metric: z.object({ name: z.string(), value: number }).optional() })
  .describe('on training samples that were held out')

/** How one training went. */
export const training = z.object({
  loss: z.string().describe('what was minimised'),
  why: z.string().describe('why that one'),
  distilled: z.boolean().describe('whether the model before pruning was learnt from, too'),
  optimizer: z.string(),
  learningRate: number.describe('the largest'),
  batch: count,
  steps: count.describe('that were done'),
  bestStep: count.describe('the one whose weights were kept; 0: training did not help'),
  msPerStep: number.describe('median, milliseconds'),
  ended: z.enum(['finished', 'early', 'stopped', 'diverged']),
  samples: z.object({ trained: count, heldOut: count }),
  before: heldOut.optional(),
  after: heldOut.optional(),
  curve: z.array(
    z.object({
      step: count,
      loss: number.optional().describe('mean since the point before'),
      heldOut: heldOut.optional(),
    }),
  ),
  peakMemoryBytes: bytes.optional().describe('of the process that trained'),
  notes: z.array(z.string()),
})

/** Parts of blocks that were trained without labels. */
export const blocks = z.array(
  z.object({
    parts: z.array(z.object({ name: z.string(), errors: z.object({ before: number, after: number }).optional() })),
    samples: count,
    bytes: count.describe('of the values of one part that were in memory, at most'),
    seconds: number,
    notes: z.array(z.string()),
  }),
)

export const BLOCKS =
  'parts of blocks that were trained without labels to give what the unpruned ones give, one list for each stage; errors are mean squares, as a share of what is given, on samples that were held out'

/** How many samples of a mixture are of each file. */
export const mixedParts = z
  .array(z.object({ path: z.string(), samples: count }))
  .optional()
  .describe('of a mixture: how many samples are of each file')
