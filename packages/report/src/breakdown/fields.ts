import { z } from 'zod'
import { count } from '../results/numbers.js'

// What the metric of a whole data set hides: classes, slices and single samples.

const fraction = z.number()
const beforeAfter = z.object({ before: count, after: count })

const classResult = z.object({
  name: z.string().describe('its name where that is known, else its number'),
  samples: count.describe('with this label'),
  right: beforeAfter.describe('how many of these were answered rightly'),
  share: z.object({ before: fraction, after: fraction }).optional().describe('right ÷ samples; absent without samples'),
  lost: count.describe('samples that only the reference got right'),
  gained: count.describe('samples that only the pruned model got right'),
  answered: beforeAfter.describe('samples of any label that were answered with this class'),
})

const cell = z.object({ label: z.string(), answer: z.string(), before: count, after: count })

const confusion = z.object({
  cells: z.array(cell).describe('pairs of label and answer whose number of samples changed, most first; at most 50'),
  matrix: z
    .object({
      names: z.array(z.string()),
      before: z.array(z.array(count)).describe('a row for each label, a column for each answer'),
      after: z.array(z.array(count)),
    })
    .optional()
    .describe('of all classes, where there are at most 50'),
})

const slice = z.object({
  by: z.string().describe('the column'),
  name: z.string(),
  samples: count,
  before: z.number().optional().describe('the metric of the reference on these samples'),
  after: z.number().optional().describe('the metric of the pruned model'),
})

const changedSample = z.object({
  id: z.string().describe('the name of the sample, else its number, from 0'),
  label: z.string(),
  before: z.string().describe('what the reference answered'),
  after: z.string().describe('what the pruned model answers'),
  text: z.string().optional().describe('how its text begins'),
})

const reliability = z.object({
  error: fraction.describe('expected calibration error: Σ samples × |right − confidence| ÷ all samples'),
  bins: z.array(
    z.object({
      low: fraction,
      high: fraction,
      samples: count,
      confidence: fraction.describe('mean'),
      right: fraction.describe('share of these samples'),
    }),
  ),
})

/** Fields of a model's results where it answers with one class a sample, or where slices are known. */
export const breakdownFields = {
  classes: z.array(classResult).optional().describe('where each sample has one class, in the order of their numbers'),
  confusion: confusion.optional().describe('which label is answered with which class, and how that changed'),
  slices: z.array(slice).optional().describe('the metric for each value of the columns that tell samples apart'),
  changed: z
    .object({
      lost: count.describe('samples that only the reference got right'),
      gained: count.describe('samples that only the pruned model got right'),
      samples: z.array(changedSample).describe('those that were lost first; at most 100,000'),
    })
    .optional()
    .describe('samples that changed sides'),
  reliability: z
    .object({ before: reliability, after: reliability })
    .optional()
    .describe('how often answers are right that a model is so sure of: confidences in bins of a tenth'),
  findings: z
    .array(z.string())
    .optional()
    .describe('what the metric hides, in sentences: a class that is lost, classes that fell beyond chance'),
}

export type ClassResult = z.infer<typeof classResult>
export type ConfusionResult = z.infer<typeof confusion>
export type ReliabilityResult = z.infer<typeof reliability>
export type ChangedSample = z.infer<typeof changedSample>
export type BreakdownFields = { readonly [Field in keyof typeof breakdownFields]?: z.infer<(typeof breakdownFields)[Field]> }
