import { z } from 'zod'
import { advice } from '../advice/fields.js'
import { breakdownFields } from '../breakdown/fields.js'
import { bytes, count, number } from './numbers.js'
import { search, weightCurve } from './searches.js'
import { smallestSearch } from './smallest-fields.js'
import { BLOCKS, blocks, mixedParts, training } from './trainings.js'
import { demand, drop, limits, metricName, resolution, verdict } from './verdict-fields.js'

const metrics = z.record(z.string(), number).describe('value by metric name; a metric that could not be measured is absent')
const file = z.object({ path: z.string(), bytes, zippedBytes: bytes.optional(), sha256: z.string().optional() })

const layer = z.object({
  name: z.string().describe('the weight tensor'),
  op: z.string().describe('operator that reads it, e.g. Conv'),
  shape: z.array(z.number().int()),
  elements: count,
  sparsity: z.object({ before: number, after: number }).describe('zeros ÷ elements'),
})

const group = z
  .object({
    id: z.string().describe('the first weight that is sliced, and its axis'),
    structure: z.string(),
    units: count.describe('before'),
    removed: count.describe('units that are gone'),
  })
  .describe('units that go together from all tensors they are in')

const provedStep = z
  .enum(['cut', 'permute'])
  .describe(
    'cut: the smaller model computes what the masked one does; permute: units changed places, and nothing else. Default: cut',
  )

const proof = z.union([
  z.object({ proved: z.literal(false), step: provedStep.optional() }),
  z.object({
    proved: z.literal(true),
    step: provedStep.optional(),
    difference: number.describe('largest difference of an output, relative to the largest element of that output'),
    tolerance: number.describe('the largest that is allowed'),
    runs: count.describe('made-up inputs that were compared'),
    sizesDiffer: z.boolean().describe('whether these had different sizes; else the model fixes all sizes'),
  }),
])

/** One model of a run. */
export const modelResult = z.object({
  path: z
    .string()
    .describe('the model; of one that is judged on several files of data, with the name of the evaluation behind it'),
  of: z
    .string()
    .optional()
    .describe('the entry of models that pruned what is judged here on other data; what was done to it stands there'),
  set: z
    .string()
    .optional()
    .describe('the folder of an encoder and its decoder that are measured as one; absent where the model is measured alone'),
  verdict,
  carried: z
    .boolean()
    .optional()
    .describe('true: nothing that decides it differs from the lock file, so it was not run again, and no model was written'),
  reuse: z
    .object({ path: z.string(), seconds: number })
    .optional()
    .describe('where an earlier run left what was made of the model, and how long it took; taken over, and judged anew'),
  named: z
    .object({ file: z.string(), line: count, column: count })
    .optional()
    .describe('where the config names it, counted from 1'),
  summary: z.string().optional().describe('how the metric went and what was allowed, in sentences, also for a pass'),
  reasons: z.array(z.string()).describe('why it is not a pass, in sentences'),
  data: z.object({ path: z.string(), samples: count, sha256: z.string().optional() }).optional().describe('evaluation data'),
  calibration: z
    .object({
      ...{ path: z.string(), sha256: z.string(), samples: count.optional(), executionProvider: z.string().optional() },
      parts: mixedParts,
    })
    .optional()
    .describe('the data, or the file of statistics, that criteria looked at'),
  device: z
    .object({ kind: z.enum(['cpu', 'gpu']), name: z.string(), reason: z.string().optional() })
    .optional()
    .describe('where it was decided what goes; reason: why it is not the one that was asked for, or would have been taken'),
  metric: metricName.optional().describe('the metric the gate looks at'),
  limits: limits.optional(),
  reference: file.extend({ metrics }),
  pruned: file.extend({ metrics }).optional(),
  drop: drop.optional(),
  resolution: resolution.optional(),
  demands: z
    .array(demand)
    .optional()
    .describe('where there are several, or one on every part; limits, drop and resolution are those of the first'),
  sparsity: z
    .object({ before: number, after: number, target: number.optional(), model: number.optional() })
    .optional()
    .describe('over the eligible weights; model: over all parameters'),
  parameters: z.object({ before: count, after: count, nonzero: count }).optional(),
  macs: z
    .object({ before: number, after: number, sizes: z.record(z.string(), number).optional() })
    .nullable()
    .optional()
    .describe('of one sample; sizes: those of the axes that the model leaves open'),
  ...breakdownFields,
  latency: z
    .object({
      relative: number.describe('time of a run of the pruned model ÷ that of the reference'),
      interval: z.tuple([number, number]).describe('95 % confidence interval'),
      referenceMs: number,
      prunedMs: number,
      threads: count,
      batch: count,
      executionProvider: z.string(),
      seconds: number.optional().describe('how long both were timed'),
      identical: z.boolean().optional().describe('both files are the same, byte for byte'),
    })
    .optional()
    .describe('both models run in turn on one machine; absent where it was not measured'),
  layers: z.array(layer).optional().describe('weights that a step masked'),
  groups: z.array(group).optional().describe('what a step cut'),
  proof: proof
    .optional()
    .describe('whether what was cut computes what it would with the same units multiplied by 0; for cut models'),
  searches: z.array(search).optional().describe('how shares of weights were searched, in the order of the steps'),
  curves: z
    .array(weightCurve)
    .optional()
    .describe('measured curves by which zeros were spread over weights (--allocation curves.json)'),
  repair: z
    .object({ batchNormalizations: count, matched: count, refit: count, notes: z.array(z.string()) })
    .optional()
    .describe(
      'normalisations measured anew, layers whose outputs got the mean and deviation they had, layers fitted to what they gave',
    ),
  blocks: blocks.optional().describe(BLOCKS),
  quantised: z
    .object({
      method: z.string().describe('int8, int8-static, int8-weights, int4, f16 or bf16'),
      block: count.optional().describe('inputs that share a scale, of weights in blocks'),
      rounding: z.string().optional().describe('gptq: on calibration data; to the nearest where it is absent'),
      smoothing: z
        .object({
          exponent: z.union([number, z.literal('search')]).describe('how far what is hard to round moved from values to weights'),
          weights: count,
          left: z.array(z.object({ id: z.string(), reason: z.string() })).describe('weights that are as they were'),
        })
        .optional()
        .describe('columns of values scaled against rows of weights before anything was rounded'),
      weights: count,
      elements: count,
      left: z
        .array(z.object({ id: z.string(), elements: count, reason: z.string() }))
        .describe('large constants that stay as they are'),
      outputError: z
        .object({
          allowed: number,
          before: number.describe('with all in fewer bits'),
          after: number,
          weights: z.array(
            z.object({
              id: z.string(),
              error: number.describe('with this weight alone in fewer bits'),
              isKept: z.boolean().describe('in more bits for that: 8 under int4, else floats'),
            }),
          ),
        })
        .optional()
        .describe('what fewer bits put the outputs off by on calibration data, as a part of their size, where that is limited'),
    })
    .optional()
    .describe('weights that were given fewer bits after pruning'),
  stored: z
    .object({ storage: z.literal('sparse'), weights: count, elements: count, others: count.describe('elements that are stored') })
    .optional()
    .describe('weights with many zeros that are stored as a bitmap and the other elements'),
  baselines: z
    .array(
      z.object({
        ...{ method: z.string(), bytes, zippedBytes: bytes, metrics },
        drop: drop.pick({ value: true, interval: true }).optional(),
        latency: z
          .object({ relative: number, interval: z.tuple([number, number]) })
          .optional()
          .describe("time of a run ÷ the reference's"),
      }),
    )
    .optional()
    .describe('the unpruned model with its weights in fewer bits, measured on the same data'),
  smallest: smallestSearch.optional(),
  trainings: z.array(training).optional().describe('one for each stage of the schedule, where it was retrained'),
  training: z.object({ path: z.string(), sha256: z.string() }).optional().describe('the data of these'),
  unrecovered: z
    .object({ metrics })
    .optional()
    .describe('the pruned model before it was repaired and retrained; absent where it was pruned in several stages'),
  stages: z
    .array(z.object({ bytes, zippedBytes: bytes, metrics, drop: drop.pick({ value: true, interval: true }).optional() }))
    .optional()
    .describe('what each stage of the schedule but the last one left, measured on the same data, in 32-bit floats'),
  advice: advice.optional(),
  declined: z.array(z.object({ id: z.string(), structure: z.string(), reason: z.string() })).optional(),
  steps: z.array(z.string()).optional().describe('what was done, one line a step: magnitude on element, global, sparsity 0.5'),
  plan: z.object({ path: z.string() }).optional(),
  masks: z
    .object({
      path: z.string(),
      weights: z.array(z.object({ name: z.string(), shape: z.array(count), from: z.array(z.string()).optional() })),
    })
    .optional()
    .describe('the file of masks, where one was wanted: 1 = stays, 0 = is zero; from: what the graph computed the weight from'),
  warnings: z.array(z.string()).optional(),
  durationMs: number.optional(),
  error: z
    .object({ message: z.string(), hint: z.string().optional(), kind: z.enum(['usage', 'infrastructure', 'untrusted']) })
    .optional(),
})

/** What `pare run --json` prints and `results.json` holds. */
export const runResults = z.object({
  schemaVersion: z.literal(1),
  command: z.literal('run'),
  verdict,
  models: z.array(modelResult),
  against: z
    .object({
      name: z.string().describe('what the lock file is of: main'),
      changes: z.array(
        z.object({
          model: z.string(),
          kind: z
            .enum(['loosened', 'changed'])
            .describe('loosened: less is demanded than there; changed: it is judged by other data or another metric'),
          text: z.string(),
        }),
      ),
    })
    .optional()
    .describe('what this run demands less than the lock file that it was compared with'),
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
  source: z
    .object({
      commit: z.string().optional(),
      repository: z.string().optional().describe('its address'),
      run: z.string().optional().describe('the address of the run of the workflow'),
      config: z.string().optional().describe('path of the config file'),
    })
    .optional()
    .describe('what was run, as far as it is known'),
  durationMs: number.optional(),
})

export type ModelResult = z.infer<typeof modelResult>
export type RunResults = z.infer<typeof runResults>

/** The JSON Schema of `RunResults`, as published in `schema/results.schema.json`. Fields it does not know are allowed: later versions add some. */
export function resultsJsonSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(runResults, { io: 'input' })
  return { $schema, title: 'Pare results', description: 'What `pare run --json` prints and results.json holds.', ...schema }
}
