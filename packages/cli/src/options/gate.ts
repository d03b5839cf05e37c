import { z } from 'zod'
import { evaluateFields } from './data.js'
import { field, shapeOf } from './row.js'
import { finite, fromZero, metric } from './schemas.js'
import { numberOf } from './text.js'

/** Commands that have a gate. */
const GATING = ['run']

/** What a model may lose. */
export const gateFields = {
  maxDrop: field(z.union([fromZero, z.strictObject({ relative: fromZero })]), {
    expected: '0.01 (absolute, for metrics between 0 and 1) or { relative: 0.01 } (a fraction of the reference)',
    help: 'largest drop allowed: 0.01 (absolute, for metrics between 0 and 1) or relative=0.01 (a fraction of the reference)',
    default: '0.01, for metrics without a fixed range relative=0.01',
    flag: {
      argument: 'drop',
      schema: z
        .union([fromZero, z.strictObject({ relative: fromZero })])
        .describe('0.01 (absolute, for metrics between 0 and 1) or relative=0.01 (a fraction of the reference)'),
      read: dropOf,
      ...{ on: GATING, input: true },
    },
  }),
  maxRegression: field(z.union([fromZero, z.strictObject({ relative: fromZero })]), {
    expected: '0.005, or { relative: 0.005 }: how much worse than the pruned model of the base branch',
    help: 'largest drop allowed from what the pruned model of the base branch had, which its lock file tells',
  }),
  min: field(finite, { help: 'smallest value allowed of the metric', flag: { argument: 'value', on: GATING } }),
  max: field(finite, { help: 'largest value allowed of the metric', flag: { argument: 'value', on: GATING } }),
  maxLatency: field(z.number().positive(), {
    expected: '0.8: a run takes at most 80 % of the time that it takes with the reference',
    help: "largest time of a run allowed, as a fraction of the reference's",
  }),
  maxSize: field(z.number().positive(), {
    expected: '0.5: the pruned file, with all that belongs to it, has at most half the bytes',
    help: "largest file allowed, as a fraction of the reference's bytes",
  }),
  maxMacs: field(z.number().positive(), {
    expected: '0.5: the pruned model multiplies at most half as often',
    help: "most multiplications allowed, as a fraction of the reference's",
  }),
  certainty: field(z.number().gt(0.5).lt(1), {
    expected: 'a number between 0.5 and 1, such as 0.95',
    help: 'be so sure that the drop is small enough, e.g. 0.95',
    default: 'the measured drop decides',
    flag: { argument: 'level', on: [...GATING, 'prune'] },
  }),
  allowWorthlessReference: field(z.boolean(), {
    expected: 'true or false',
    help: 'pass, with a warning, also where the reference is no better than an answer that ignores the input',
    default: 'no: it is incomplete',
    flag: { both: true, on: GATING, input: true },
  }),
}

/** What a demand of a list says besides its limits: what it is about. */
export const demandFields = {
  metric: field(metric, {
    expected: "a metric such as 'f1' or { name: 'f1', average: 'micro' }",
    help: 'what is judged; it is measured where it is not anyway',
    default: 'the first metric of evaluate.metric',
  }),
  where: field(z.string().min(3), {
    expected: "a column of the data and one of its values, such as 'language=de'",
    help: 'only samples of this slice',
    default: 'all samples',
  }),
  by: field(z.string().min(1), {
    expected: "a column of the data, such as 'language'",
    help: 'every value of this column, each for itself: none may lose more than maxDrop, beyond chance',
  }),
  classes: field(z.literal(true), {
    expected: 'true',
    help: 'every class for itself, by the share of its samples that is right: none may lose more than maxDrop, beyond chance',
  }),
}

export const limits = z.strictObject(shapeOf(gateFields)).describe('limits such as { maxDrop: 0.01 }')

const demand = z
  .strictObject({ ...shapeOf(demandFields), ...shapeOf(gateFields) })
  .describe("a demand such as { where: 'language=de', maxDrop: 0.02 }")

/** Limits, or a list of demands, each of which must be met. */
export const gate = z
  .union([limits, z.array(demand).min(1)])
  .describe(
    "limits such as { maxDrop: 0.01 }, or a list of demands such as [{ maxDrop: 0.01 }, { by: 'language', maxDrop: 0.02 }]",
  )

export type GateConfig = z.infer<typeof gate>
export type MetricConfig = z.infer<typeof metric>

/** What an entry of `evaluations` says besides what `evaluate` says. */
export const evaluationFields = {
  name: field(z.string().trim().min(1).max(60), {
    expected: "a short name, such as 'choices'",
    help: 'what results call it, behind the model',
    default: 'the file name of its data',
  }),
}

/** More data on which the pruned model is judged, each with limits of its own. */
export const evaluations = z
  .array(
    z
      .strictObject({ ...shapeOf(evaluationFields), ...shapeOf(evaluateFields), gate: gate.exactOptional() })
      .describe(
        "what else to measure with, such as { data: 'questions.jsonl', metric: 'choice-accuracy', gate: { maxDrop: 0.01 } }",
      ),
  )
  .min(1)
  .describe("a list of what else to measure with, such as [{ data: 'questions.jsonl', metric: 'choice-accuracy' }]")

export type FurtherConfig = z.infer<typeof evaluations>[number]

/** What says how the model is run rather than what the data are: an entry that does not say so has it from `evaluate`. */
export const INHERITED = {
  always: ['batch', 'threads', 'classes', 'output', 'batchAxis', 'image', 'timeout', 'memory'],
  ofText: ['tokenizer', 'length'],
} as const satisfies Readonly<Record<string, readonly (keyof FurtherConfig)[]>>

/** '0.01' → 0.01; 'relative=0.01' → { relative: 0.01 }. */
function dropOf(text: string): unknown {
  const [, relative, digits = ''] = /^\s*(relative\s*=)?\s*(\S+)\s*$/.exec(text) ?? []
  return relative === undefined ? numberOf(digits) : { relative: numberOf(digits) }
}
