import { BLOCK_SIZES, QUANTISERS } from '@pare/quantise/choices'
import { z } from 'zod'
import { PRUNING } from './prune.js'
import { field } from './row.js'
import { listed, oneOf } from './schemas.js'
import { numberOf, parts } from './text.js'

const method = oneOf(QUANTISERS)
const block = z.literal(BLOCK_SIZES).describe(`how many inputs share a scale: ${listed(BLOCK_SIZES.map(String))}`)

const quantise = z.union([method, z.strictObject({ method, block: block.exactOptional() })])

export const quantiseField = field(quantise, {
  expected: `${listed(QUANTISERS.map((name) => `'${name}'`))}, or { method: 'int4', block: 64 }`,
  help: 'store what is left in fewer bits, zeros staying zeros: int8 (products of integers), int8-weights, int4 (blocks of 32 inputs; int4:block=64) or f16',
  default: 'floats as they were',
  flag: {
    argument: 'how',
    schema: quantise.describe(`${listed(QUANTISERS)}, or with a size of blocks int4:block=64`),
    read: quantiserOf,
    hint: 'int8 is fastest on CPUs, int4 smallest: --quantise int8',
    on: PRUNING,
    input: true,
  },
})

/** What a user would take instead of pruning, where nobody says otherwise. */
export const USUAL_BASELINES = ['int8', 'int4'] as const

const baselines = z.array(method).min(1)

export const baselinesField = field(z.union([baselines, z.literal(false)]), {
  expected: "a list such as ['int8', 'int4'], or false",
  help: 'measure the unpruned model in fewer bits, too, beside the pruned one, with the time of a run: int8,int4',
  default:
    'int8,int4 with pare run, where that is likely to take less than half of the time that the model has taken, or 10 seconds',
  flag: {
    argument: 'how',
    schema: z.union([baselines, z.literal(false)]).describe(`one or more of ${listed(QUANTISERS)}, with commas between`),
    read: (text: string) => (text.trim() === 'false' ? false : parts(text)),
    both: true,
    hint: 'what a user would take instead of pruning: --baselines int8,int4',
    on: ['run'],
    input: true,
  },
})

export type QuantiseConfig = z.infer<typeof quantise>

/** 'int4:block=64' → { method: 'int4', block: 64 } */
function quantiserOf(text: string): unknown {
  const [, name = text, size] = /^\s*([\w-]+)\s*(?::\s*block\s*=\s*(\d+))?\s*$/.exec(text) ?? []
  return size === undefined ? name.trim() : { method: name, block: numberOf(size) }
}
