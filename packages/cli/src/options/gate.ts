import { z } from 'zod'
import { field, shapeOf } from './row.js'
import { finite, fromZero } from './schemas.js'
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
  min: field(finite, { help: 'smallest value allowed of the metric', flag: { argument: 'value', on: GATING } }),
  max: field(finite, { help: 'largest value allowed of the metric', flag: { argument: 'value', on: GATING } }),
  maxLatency: field(z.number().positive(), {
    expected: '0.8: a run takes at most 80 % of the time that it takes with the reference',
    help: "largest time of a run allowed, as a fraction of the reference's",
  }),
  certainty: field(z.number().gt(0.5).lt(1), {
    expected: 'a number between 0.5 and 1, such as 0.95',
    help: 'be so sure that the drop is small enough, e.g. 0.95',
    default: 'the measured drop decides',
    flag: { argument: 'level', on: GATING },
  }),
  allowWorthlessReference: field(z.boolean(), {
    expected: 'true or false',
    help: 'pass, with a warning, also where the reference is no better than an answer that ignores the input',
    default: 'no: it is incomplete',
    flag: { both: true, on: GATING, input: true },
  }),
}

export const gate = z.strictObject(shapeOf(gateFields)).describe('limits such as { maxDrop: 0.01 }')

/** '0.01' → 0.01; 'relative=0.01' → { relative: 0.01 }. */
function dropOf(text: string): unknown {
  const [, relative, digits = ''] = /^\s*(relative\s*=)?\s*(\S+)\s*$/.exec(text) ?? []
  return relative === undefined ? numberOf(digits) : { relative: numberOf(digits) }
}
