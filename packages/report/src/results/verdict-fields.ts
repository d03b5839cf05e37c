import { z } from 'zod'
import { count, number } from './numbers.js'

export const verdict = z.enum(['pass', 'fail', 'incomplete'])
/** Values are looked up by it: no name that every object has. */
export const metricName = z.string().refine((name) => !(name in {}), 'no name that every object has')

export const drop = z.object({
  metric: metricName,
  value: number.describe('positive is worse, whichever way the metric points'),
  relative: number.optional().describe("value ÷ the reference's metric"),
  interval: z.tuple([number, number]).describe('two-sided 95 % confidence interval of value, paired over samples'),
  method: z.string().describe('how the interval was made: exact or bootstrap'),
  mcnemar: z
    .object({ lost: count, gained: count, p: number, groups: z.object({ lost: count, gained: count }).optional() })
    .optional()
    .describe(
      'samples only the reference got right, samples only the pruned model got right, exact two-sided p; groups: of which p is',
    ),
  groups: z.object({ by: z.string(), count }).optional().describe('over which groups of samples the interval was made'),
})

export const resolution = z.object({
  resolves: z.boolean().describe('whether the data set can tell a drop of maxDrop from none'),
  smallest: number.optional().describe('the smallest drop that it can'),
  samples: count.optional().describe('about how many samples could'),
  groups: count.optional().describe('about how many groups could, where samples belong together'),
  message: z.string(),
})

export const limits = z
  .object({
    maxDrop: z.union([number, z.object({ relative: number })]),
    maxRegression: z.union([number, z.object({ relative: number })]),
    min: number,
    max: number,
    maxLatency: number,
    maxSize: number,
    maxMacs: number,
    certainty: number,
    allowWorthlessReference: z.boolean(),
  })
  .partial()

const part = z
  .object({
    name: z.string(),
    samples: count,
    verdict: z.enum(['pass', 'fail', 'unclear']).describe('unclear: too few samples to tell'),
    reference: number.optional(),
    pruned: number.optional(),
    drop: drop.pick({ value: true, interval: true, groups: true }).optional(),
    allowed: number.optional().describe("the largest drop allowed, in the metric's own units"),
    p: number.optional().describe('of such a drop where the true one is at its limit, by Holm for all parts of the gate'),
    message: z.string(),
  })
  .describe('one slice or class')

export const demand = z
  .object({
    about: z.string().describe('accuracy where language = de'),
    verdict,
    summary: z.string(),
    reasons: z.array(z.string()),
    limits,
    breaches: z.array(
      z.object({ limit: z.string(), metric: metricName, allowed: number, measured: number, message: z.string() }),
    ),
    drop: drop.optional(),
    resolution: resolution.optional(),
    parts: z.array(part).optional().describe('of a demand on every value of a column, or on every class'),
  })
  .describe('one of several demands')
