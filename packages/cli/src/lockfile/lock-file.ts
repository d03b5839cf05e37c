import { readFile } from 'node:fs/promises'
import { parseJson } from '@pare/onnx'
import { modelResult } from '@pare/report'
import { z } from 'zod'
import { usage } from '../terminal/failure.js'
import { lockedSamples } from './locked-samples.js'

// What a repository knows of its pruned models, committed beside its config: against it a later run is compared.

const entry = z.object({
  /** Everything that decides the outcome: of each part its SHA-256, or what it is. */
  decisive: z.record(z.string(), z.string()),
  /** What the gate demanded. */
  limits: z.unknown(),
  /** The result as it was, so that it need not be computed again. */
  result: modelResult,
  /** What the pruned model made of each sample, by metric, where a regression is limited. */
  samples: z.record(z.string(), lockedSamples).optional(),
  /** What it took to prune the model, and to measure it and its reference, in seconds: from it runs on many machines are planned. */
  cost: z.object({ prune: z.number().min(0), measure: z.number().min(0) }).optional(),
})

const lockFile = z.object({
  schemaVersion: z.literal(1),
  pare: z.string(),
  models: z.record(z.string(), entry),
})

/** One model in a lock file. */
export type LockEntry = z.infer<typeof entry>
export type LockFile = z.infer<typeof lockFile>

export const LOCK_NAME = 'pare.lock.json'

/** The lock file at a path; undefined where there is none. Throws a usage Failure where it is no lock file. */
export async function readLock(path: string, shown: string): Promise<LockFile | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw usage(`pare: lock file ${shown} cannot be read (${error.code ?? error.message}).`, 'check the path')
  })
  if (text === undefined) return undefined
  const wrong = (message: string) =>
    usage(`pare: ${shown} is not a lock file: ${message}.`, 'write it anew with: pare run --lock')
  const parsed = lockFile.safeParse(jsonOf(text, wrong))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw wrong(`${issue!.path.join('.') || 'the whole'}: ${issue!.message}`)
}

function jsonOf(text: string, wrong: (message: string) => Error): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw wrong((error as Error).message)
  }
}
