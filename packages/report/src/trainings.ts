import { z } from 'zod'

const number = z.number()
const count = z.number().int().nonnegative()
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
