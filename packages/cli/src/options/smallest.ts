import { DATA_FORMATS } from '@pare/evaluate/choices'
import { QUANTISERS } from '@pare/quantise/choices'
import { z } from 'zod'
import { type Field, field, shapeOf } from './row.js'
import { count, fromZero, listed, oneOf, path, positive } from './schemas.js'
import { numberOf, parts } from './text.js'

/** Commands that look for the smallest model that passes. */
const SEARCHING = ['prune', 'run']

/** What may be made small. */
export const SMALLEST = ['bytes', 'macs', 'parameters'] as const

const bits = z.array(z.enum(['none', ...QUANTISERS])).min(1)

/** How the smallest model that passes is looked for, where a target is a largest drop. */
export const smallestFields = {
  data: field(path, {
    expected: "a data file such as 'search.npz'",
    help: `what candidates are measured on, with --target max-drop; the gate's data judge what was chosen, once: ${DATA_FORMATS}`,
    default: 'half of the evaluation data, drawn by lot; the other half is for the gate',
    flag: { name: 'searchData', argument: 'file', on: ['run'], input: true },
  }),
  minutes: field(positive, {
    expected: 'a number above 0, such as 10',
    help: 'after which a search for the smallest model tries no new candidate',
    default: 'until it has ended',
    flag: { argument: 'time', on: SEARCHING, input: true },
  }),
  trials: field(count, {
    expected: 'a whole number from 1 on, such as 20',
    help: 'candidates that a search for the smallest model tries at most',
    default: 'until it has ended',
    flag: { argument: 'count', on: SEARCHING },
  }),
  certainty: field(z.number().gt(0.5).lt(1), {
    expected: 'a number between 0.5 and 1, such as 0.95',
    help: 'how sure it must be that what the search chooses passes on the data of the gate, which it does not see',
    default: '0.95',
  }),
  smallest: field(oneOf(SMALLEST), {
    help: 'what a search makes small: bytes of the zipped file, macs, parameters that are not zero',
    default: 'bytes',
    flag: {
      argument: 'what',
      hint: 'bytes: the zipped file, also where weights are zero or have fewer bits',
      on: SEARCHING,
      input: true,
    },
  }),
  quantisers: field(bits, {
    expected: `a list of ${listed(["'none'", ...QUANTISERS.map((name) => `'${name}'`)])}`,
    help: 'the forms of weights that a search tries: none,int8,int4',
    default: 'that of --quantise, where one is said, else none,int8,int4; of macs none',
    flag: {
      argument: 'how',
      schema: bits.describe(`one or more of ${listed(['none', ...QUANTISERS])}, with commas between`),
      read: parts,
      hint: 'weights as they were and in 4 bits: --quantisers none,int4',
      on: SEARCHING,
      input: true,
    },
  }),
} satisfies Readonly<Record<string, Field>>

export const searchSection = z
  .strictObject(shapeOf(smallestFields))
  .describe("how the smallest model that passes is looked for, such as { data: 'search.npz', minutes: 10 }")

export type SearchConfig = z.infer<typeof searchSection>

/** A target that a search meets: as much goes as the drop allows. */
export const dropTarget = z.strictObject({ maxDrop: z.union([fromZero, z.strictObject({ relative: fromZero })]) })

/** 'max-drop=0.01' → { maxDrop: 0.01 }; 'max-drop=relative=0.05' → { maxDrop: { relative: 0.05 } }; other text undefined. */
export function dropTargetOf(text: string): unknown {
  const [, relative, digits] = /^\s*max-drop\s*=\s*(relative\s*=)?\s*(\S+)\s*$/.exec(text) ?? []
  if (digits === undefined) return undefined
  return { maxDrop: relative === undefined ? numberOf(digits) : { relative: numberOf(digits) } }
}
