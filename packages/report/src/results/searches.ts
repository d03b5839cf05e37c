import { z } from 'zod'
import { count } from './numbers.js'

/** What a weight costs when it alone is pruned. */
export const weightCurve = z.object({
  id: z.string(),
  points: z.array(z.object({ sparsity: z.number(), loss: z.number() })).describe('ascending, from nothing pruned on'),
})

/** How the shares of weights were searched. */
export const search = z.object({
  around: z.enum(['fisher', 'uniform']).describe('the shares that the levels lie around'),
  levels: count.describe('sparsities at which weights were solved, of all weights together'),
  trials: count.describe('models that were tried, those of earlier runs that were stopped included'),
  seconds: z.number().describe('of searching, without solving'),
  best: z
    .array(z.object({ trial: count, score: z.number(), from: z.enum(['start', 'curves', 'offspring']) }))
    .describe(
      'the best score each time it changed, from that of the start on: KL divergence from the reference on calibration data, or mean squared difference',
    ),
})
