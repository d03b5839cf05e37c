import { BLOCK_SIZES, QUANTISED_FORMS, QUANTISERS } from '@pare/quantise/choices'
import { z } from 'zod'
import { BUDGETS, SCOPES } from '../choices.js'
import type { Expression } from '../contract/contract.js'
import type { Budget } from './plan.js'
import type { StoredPlan } from './stored-plan.js'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.number().int().nonnegative()
const size = z.number().int().positive()
const share = z.number().min(0).max(1)
const budget = z.number().gt(0).max(1)
const unary = ['abs', 'square', 'sqrt', 'negate', 'exp', 'log', 'tanh'] as const
const binary = ['add', 'subtract', 'multiply', 'divide', 'min', 'max', 'less'] as const

const expression: z.ZodType<Expression> = z.lazy(() =>
  z.discriminatedUnion('op', [
    z.strictObject({ op: z.literal('weight') }),
    z.strictObject({ op: z.literal('random') }),
    z.strictObject({ op: z.literal('statistic'), key: z.string() }),
    z.strictObject({ op: z.literal('constant'), value: z.number() }),
    z.strictObject({ op: z.enum(unary), of: expression }),
    z.strictObject({ op: z.enum(binary), left: expression, right: expression }),
  ]),
)

const rule = z.union([
  z.strictObject({ below: z.number().nullable(), until: count }),
  z.strictObject({ below: z.array(z.number().nullable()), until: z.array(count) }),
  z.strictObject({ n: count, m: size.max(1024) }),
  z.strictObject({
    tile: z.strictObject({ rows: size, columns: size }),
    below: z.union([z.number().nullable(), z.array(z.number().nullable())]),
    until: z.union([count, z.array(count)]),
  }),
  z.strictObject({ bits: z.string() }),
])

const scope = z.enum(SCOPES)
const target = z.union([
  z.strictObject({ sparsity: share }),
  z.strictObject({ threshold: z.number().nonnegative() }),
  z.strictObject({ ratio: share }),
  ...(BUDGETS.map((kind) => z.strictObject({ [kind]: budget })) as unknown as [z.ZodType<Budget>]),
])

const cutStep = z.strictObject({
  kind: z.literal('cut'),
  structure: z.string(),
  criterion: z.string(),
  scope,
  target,
  groups: z.array(z.strictObject({ id: z.string(), units: count, removed: z.array(count) })),
})

const maskStep = z.strictObject({
  kind: z.literal('mask'),
  structure: z.string(),
  criterion: z.string(),
  scope,
  target: target.exactOptional(),
  saliency: expression,
  precision: z.enum(['f32', 'f64']),
  weights: z.array(z.strictObject({ id: z.string(), elements: count, zeros: count, masked: count, rule })),
})

const updateStep = z.strictObject({
  kind: z.literal('update'),
  by: z.string(),
  notes: z.array(z.string()),
  tensors: z.array(
    z.strictObject({
      id: z.string(),
      type: z.enum(['float16', 'bfloat16', 'float32', 'float64']),
      shape: z.array(count),
      readers: z.array(z.tuple([z.string(), count])).exactOptional(),
      sha256,
      offset: count,
    }),
  ),
})

const permuteStep = z.strictObject({
  kind: z.literal('permute'),
  structure: z.string(),
  criterion: z.string(),
  groups: z.array(
    z.strictObject({
      id: z.string(),
      units: count,
      order: z.array(count),
      kept: z.strictObject({ before: z.number(), after: z.number() }),
      ended: z.enum(['settled', 'tries', 'time']),
    }),
  ),
})

const quantiseStep = z.strictObject({
  kind: z.literal('quantise'),
  method: z.enum(QUANTISERS),
  block: z.literal(BLOCK_SIZES),
  left: z.array(z.strictObject({ id: z.string(), elements: count, reason: z.string() })),
  weights: z.array(
    z.strictObject({
      ...{ id: z.string(), form: z.enum(QUANTISED_FORMS), elements: count },
      ...{ onGrid: z.literal(true).exactOptional(), bits: z.literal(8).exactOptional() },
    }),
  ),
  activations: z
    .array(z.strictObject({ id: z.string(), low: z.number().max(0), high: z.number().nonnegative() }))
    .exactOptional(),
})

const smoothStep = z.strictObject({
  kind: z.literal('smooth'),
  left: z.array(z.strictObject({ id: z.string(), reason: z.string() })),
  values: z.array(z.strictObject({ id: z.string(), weights: z.array(z.string()), exponent: share, factors: z.base64() })),
})

const vocabularyStep = z.strictObject({
  kind: z.literal('vocabulary'),
  groups: z.array(z.string()).min(1),
  units: count,
  kept: z.base64(),
})

const storageStep = z.strictObject({
  kind: z.literal('store'),
  storage: z.literal('sparse'),
  weights: z.array(z.strictObject({ id: z.string(), elements: count, others: count })),
})

/** What a plan file may hold. A plan may come from a stranger, and its expressions are compiled. */
export const planSchema: z.ZodType<StoredPlan> = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.literal('plan'),
  model: z.strictObject({
    path: z.string(),
    bytes: count,
    sha256,
    external: z.array(z.strictObject({ name: z.string(), sha256 })).exactOptional(),
  }),
  seed: count,
  calibration: z
    .strictObject({
      ...{ path: z.string(), sha256, samples: count.exactOptional(), executionProvider: z.string() },
      parts: z.array(z.strictObject({ path: z.string(), samples: count })).exactOptional(),
    })
    .exactOptional(),
  folding: z
    .strictObject({
      inlined: z.literal(true).exactOptional(),
      mergeAdapters: z.literal(true).exactOptional(),
      weights: z.array(z.strictObject({ id: z.string(), value: z.string(), sha256 })),
    })
    .exactOptional(),
  steps: z.array(
    z.discriminatedUnion('kind', [
      maskStep,
      cutStep,
      updateStep,
      permuteStep,
      smoothStep,
      quantiseStep,
      vocabularyStep,
      storageStep,
    ]),
  ),
})
