import { z } from 'zod'

const number = z.number()
const bytes = z.number().int().nonnegative().describe('bytes')
const metrics = z.record(z.string(), number).describe('value by metric name')

const layer = z.object({
  name: z.string().describe('the weight tensor'),
  op: z.string().describe('operator that reads it, e.g. Conv'),
  shape: z.array(z.number().int()),
  elements: z.number().int(),
  sparsity: z.object({ before: number, after: number }),
})

const drop = z.object({
  metric: z.string(),
  value: number.describe('positive is worse, whichever way the metric points'),
  relative: number.optional(),
  interval: z.tuple([number, number]).describe('two-sided 95 % confidence interval, paired over samples'),
  method: z.string(),
  mcnemar: z.object({ lost: z.number().int(), gained: z.number().int(), p: number }).optional(),
})

const file = z.object({ path: z.string(), bytes, zippedBytes: bytes.optional(), sha256: z.string().optional() })

/** One model of a run. */
export const modelResult = z.object({
  path: z.string(),
  verdict: z.enum(['pass', 'fail', 'incomplete']),
  reasons: z.array(z.string()),
  data: z.object({ path: z.string(), samples: z.number().int(), sha256: z.string().optional() }).optional(),
  metric: z.string().optional().describe('the metric the gate looks at'),
  limits: z
    .object({
      maxDrop: z.union([number, z.object({ relative: number })]),
      min: number,
      max: number,
      certainty: number,
    })
    .partial()
    .optional(),
  reference: file.extend({ metrics }),
  pruned: file.extend({ metrics }).optional(),
  drop: drop.optional(),
  resolution: z.object({ resolves: z.boolean(), message: z.string() }).optional(),
  sparsity: z
    .object({ before: number, after: number, target: number.optional(), model: number.optional() })
    .optional()
    .describe('over the eligible weights; model: over all parameters'),
  parameters: z.object({ before: z.number(), after: z.number(), nonzero: z.number() }).optional(),
  macs: z.object({ before: z.number(), after: z.number() }).nullable().optional(),
  layers: z.array(layer).optional(),
  declined: z.array(z.object({ id: z.string(), structure: z.string(), reason: z.string() })).optional(),
  steps: z.array(z.string()).optional().describe('what was done, one line a step, e.g. "magnitude on element, global, sparsity 0.5"'),
  plan: z.object({ path: z.string() }).optional(),
  warnings: z.array(z.string()).optional(),
  durationMs: number.optional(),
  error: z.object({ message: z.string(), hint: z.string().optional(), kind: z.enum(['usage', 'infrastructure', 'untrusted']) }).optional(),
})

/** What `pare run --json` prints and `results.json` holds. */
export const runResults = z.object({
  schemaVersion: z.literal(1),
  command: z.literal('run'),
  verdict: z.enum(['pass', 'fail', 'incomplete']),
  models: z.array(modelResult),
  environment: z
    .object({
      pare: z.string(),
      node: z.string(),
      platform: z.string(),
      arch: z.string(),
      cpu: z.string(),
      onnxruntime: z.string().optional(),
      executionProvider: z.string().optional(),
    })
    .optional(),
  durationMs: number.optional(),
})

export type ModelResult = z.infer<typeof modelResult>
export type RunResults = z.infer<typeof runResults>
