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

export const baselinesField = field(z.array(method).min(1), {
  expected: "a list such as ['int8', 'int4']",
  help: 'measure the unpruned model in fewer bits, too, beside the pruned one: int8,int4',
  default: 'not measured',
  flag: {
    argument: 'how',
    schema: z
      .array(method)
      .min(1)
      .describe(`one or more of ${listed(QUANTISERS)}, with commas between`),
    read: parts,
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
