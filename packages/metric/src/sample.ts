import type { MetricSample, Numbers } from './contract.js'
import { bestOf } from './scores.js'

/** What a sample is made of; the rest follows from it. */
export type SampleParts = Partial<MetricSample> & Pick<MetricSample, 'rows'>

/** A sample in memory: answers are those that score highest, and a sample of one row is a single place. */
export function sampleOf({ rows, ...parts }: SampleParts): MetricSample {
  const reference = parts.reference ?? []
  return {
    scale: 'logits',
    classes: rows[0]?.length ?? 0,
    places: rows.length,
    isSingle: rows.length === 1,
    isMany: false,
    label: NONE,
    at: Array.from(rows[0] ?? [], (_, i) => i),
    shape: rows.length === 1 ? [rows[0]!.length] : [rows.length, rows[0]?.length ?? 0],
    ...parts,
    ...{
      rows,
      reference,
      referenceAnswers: parts.referenceAnswers ?? Float64Array.from(reference, bestOf),
      answers: parts.answers ?? Float64Array.from(rows, bestOf),
    },
  }
}

const NONE: Numbers = new Float64Array()
