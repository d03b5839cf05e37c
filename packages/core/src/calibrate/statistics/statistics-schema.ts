import { z } from 'zod'
import type { StoredStatistics } from './stored-statistics.js'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.number().int().nonnegative()
const size = z.number().int().positive()
/** Chunks of 256 samples: no data set has 2^40 of them, and sums of positions stay exact. */
const position = count.max(2 ** 40)

const totals = z.strictObject({ request: count, rows: count, offset: count, length: count })

/** What the header of a statistics file may hold: it may come from a stranger. */
export const statisticsSchema: z.ZodType<StoredStatistics> = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.literal('statistics'),
  pare: z.string(),
  executionProvider: z.string(),
  model: z.strictObject({ sha256, external: z.array(z.strictObject({ name: z.string(), sha256 })).exactOptional() }),
  data: z.strictObject({
    sha256,
    samples: size.exactOptional(),
    batch: size.exactOptional(),
    text: z
      .strictObject({
        tokenizer: sha256,
        length: size.exactOptional(),
        stride: size.exactOptional(),
        field: z.string().exactOptional(),
      })
      .exactOptional(),
    sources: z.record(z.string(), z.string()).exactOptional(),
  }),
  partial: z
    .strictObject({
      criteria: z.array(z.string()),
      samples: size.exactOptional(),
      shard: z.strictObject({ index: size, count: size }).exactOptional(),
    })
    .exactOptional(),
  requests: z.array(z.strictObject({ id: z.string(), reduce: z.enum(['mean', 'max', 'variance', 'gram']) })),
  blocks: z.array(z.strictObject({ level: count.max(40), index: position, totals: z.array(totals) })),
})
