import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Demand, Measurement, PerSample } from '@pare/gate'
import { z } from 'zod'

// What a pruned model made of each sample, so that a later one is compared with it sample by sample.

const numbers = z.array(z.number())

const perSample = z.union([
  z.object({ kind: z.literal('proportion'), correct: numbers }),
  z.object({ kind: z.literal('mean'), values: numbers }),
  z.object({ kind: z.enum(['perplexity', 'ratio']), sums: numbers, counts: numbers }),
  z.object({ kind: z.literal('f1'), predicted: numbers, label: numbers }),
  z.object({ kind: z.literal('records'), records: z.array(numbers) }),
])

/** Samples as a lock file keeps them: JSON with numbers of seven digits, deflated, in base64; and the SHA-256 of that JSON. */
export const lockedSamples = z.object({ sha256: z.string(), deflated: z.string() })

export type LockedSamples = z.infer<typeof lockedSamples>

/** What a lock file holds of one metric at most, in characters, and unpacked, in bytes. */
const MOST_CHARACTERS = 2 ** 18
const MOST_BYTES = 2 ** 26

/** Of the metrics of which a regression is limited: their samples, by metric. Those that would take too much of a file that is committed are left out. */
export function keepSamples(
  measurements: readonly Measurement[],
  demands: readonly Demand[] = [],
): Readonly<Record<string, LockedSamples>> | undefined {
  const wanted = new Set(
    demands
      .filter(({ maxRegression, where, by, classes }) => maxRegression !== undefined && (where ?? by ?? classes) === undefined)
      .map(({ metric }) => metric ?? measurements[0]?.metric),
  )
  const kept = measurements.flatMap(({ metric, samples }) => {
    if (!wanted.has(metric)) return []
    const own = locked(samples)
    return own.deflated.length > MOST_CHARACTERS ? [] : [[metric, own] as const]
  })
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

/** The samples of a lock file by metric. What was changed by hand, or is damaged, is not there. */
export function readSamples(kept: Readonly<Record<string, LockedSamples>> = {}): Readonly<Record<string, PerSample>> {
  return Object.fromEntries(
    Object.entries(kept).flatMap(([metric, own]) => {
      const samples = unlocked(own)
      return samples === undefined ? [] : [[metric, samples] as const]
    }),
  )
}

function locked(samples: PerSample): LockedSamples {
  const text = JSON.stringify(samples, (_, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(7)) : value))
  return { sha256: hashOf(text), deflated: deflateRawSync(text, { level: 9 }).toString('base64') }
}

function unlocked({ sha256, deflated }: LockedSamples): PerSample | undefined {
  let text: string
  try {
    text = inflateRawSync(Buffer.from(deflated, 'base64'), { maxOutputLength: MOST_BYTES }).toString('utf8')
  } catch {
    // Its hash could not be that of the samples.
    return undefined
  }
  if (hashOf(text) !== sha256) return undefined
  const parsed = perSample.safeParse(JSON.parse(text))
  return parsed.success ? parsed.data : undefined
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
