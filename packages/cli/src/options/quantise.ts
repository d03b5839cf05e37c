import { BLOCK_SIZES, QUANTISERS, type Quantiser, RANGE_RULES, ROUNDINGS } from '@pare/quantise/choices'
import { z } from 'zod'
import { PRUNING } from './prune.js'
import { field } from './row.js'
import { listed, oneOf } from './schemas.js'
import { numberOf, parts } from './text.js'

const method = oneOf(QUANTISERS)
const block = z.literal(BLOCK_SIZES).describe(`how many inputs share a scale: ${listed(BLOCK_SIZES.map(String))}`)
const range = oneOf(RANGE_RULES)
const rounding = oneOf(ROUNDINGS)
const smooth = z
  .union([z.number().gt(0).lt(1), z.literal('search')])
  .describe('how far what is hard to round moves from values (0) to the weights that read them (1), or search')
const error = z.number().gt(0).lt(1).describe('that outputs may be off by, as a part of their size')

const quantise = z.union([
  method,
  z.strictObject({
    method: z.literal('int8-static'),
    ...{
      range: range.exactOptional(),
      error: error.exactOptional(),
      smooth: smooth.exactOptional(),
      rounding: rounding.exactOptional(),
    },
  }),
  z.strictObject({
    method: z.enum(['int8', 'int8-weights', 'int4'] satisfies readonly Quantiser[]),
    ...{ block: block.exactOptional(), rounding: rounding.exactOptional() },
    ...{ smooth: smooth.exactOptional(), error: error.exactOptional() },
  }),
  z.strictObject({ method: z.enum(['f16', 'bf16'] satisfies readonly Quantiser[]) }),
])

export const storageField = field(oneOf(['dense', 'sparse']), {
  help: 'how weights with many zeros are written: sparse stores a bit for each element and the others, in standard operators that ONNX Runtime puts together when it loads the model; pare prune MODEL --sparsity 0 makes it dense again',
  default: 'dense',
  flag: { argument: 'how', hint: 'a smaller file without zip: --storage sparse', on: PRUNING, input: true },
})

export const quantiseField = field(quantise, {
  expected: `${listed(QUANTISERS.map((name) => `'${name}'`))}, { method: 'int4', block: 64, rounding: 'gptq' }, { method: 'int8-static', range: 'mse', smooth: 'search' } or { method: 'int8', error: 0.02 }`,
  help: 'store what is left in fewer bits, zeros staying zeros: int8 (products of integers), int8-static (convolutions too, with ranges from calibration data; int8-static:range=mse), int8-weights, int4 (blocks of 32 inputs; int4:block=64,rounding=gptq rounds with calibration data, and makes up for zeros, too), f16 or bf16; int8-static:smooth=0.5 (int8 and int4, too) first scales columns of values against rows of weights so that both are rounded better, on calibration data, smooth=search by as much as is best for each; int8:error=0.02 keeps those weights in more bits that put the outputs off by more than 2 % on calibration data',
  default: 'floats as they were',
  flag: {
    argument: 'how',
    schema: quantise.describe(
      `${listed(QUANTISERS)}, or with options int4:block=64,rounding=gptq, int8-static:range=mse,smooth=search or int8:error=0.02`,
    ),
    read: quantiserOf,
    hint: 'int8 is fastest on CPUs without data, int4 smallest: --quantise int8',
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

/** 'int4:block=64,rounding=gptq' → { method: 'int4', block: 64, rounding: 'gptq' } */
function quantiserOf(text: string): unknown {
  const [name = '', options] = text.split(/:(.*)/s)
  if (options === undefined) return name.trim()
  const pairs = parts(options).map((part) => {
    const [key = '', value = ''] = part.split(/=(.*)/s).map((each) => each.trim())
    return [key, /^\d/.test(value) ? numberOf(value) : value]
  })
  return { method: name.trim(), ...Object.fromEntries(pairs) }
}
