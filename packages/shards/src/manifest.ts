import { z } from 'zod'

/** Files of a shard lie below its folder, at plain relative paths. */
const filePath = z
  .string()
  .min(1)
  .max(1024)
  .refine((path) => !/[\\\0]/.test(path) && path.split('/').every((name) => name !== '' && name !== '.' && name !== '..'), {
    message: 'expected a path below the folder of the shard',
  })

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.number().int().min(1).max(100_000)

const doneFile = z.strictObject({ path: filePath, bytes: z.number().int().min(0), sha256 })

const donePiece = z.strictObject({
  id: z.string(),
  sha256,
  seconds: z.number().min(0),
  /** What each part took, for the estimates of later runs. */
  cost: z.strictObject({ prune: z.number().min(0), measure: z.number().min(0) }),
  /** Of the pruned model, where it got so far: all parts of one model have pruned it alike. */
  pruned: sha256.optional(),
  /** Paths among `files`. */
  recording: filePath.optional(),
  outcome: filePath.optional(),
  /** What is put in place with the model's results. */
  results: z.array(filePath),
})

/** What a shard leaves behind, written once all of its pieces are done: without it nothing of the shard counts. */
export const shardManifest = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.literal('pare-shard'),
  /** Version of pare. */
  pare: z.string(),
  /** The plan of the run. */
  run: sha256,
  shard: z.strictObject({ index: count, count }),
  attempt: count,
  pieces: z.array(donePiece).max(100_000),
  files: z.array(doneFile).max(100_000),
})

export type ShardManifest = z.infer<typeof shardManifest>
export type DonePiece = ShardManifest['pieces'][number]

export const MANIFEST_NAME = 'manifest.json'
