import type { RunResults } from '@pare/report'
import type { ActionTask, RunInputs } from '../inputs.js'

/** One run, as either engine is asked for it. */
export interface EngineRequest {
  readonly inputs: RunInputs
  readonly task: Exclude<ActionTask, { kind: 'report' }>
  /** Absolute: paths in `inputs` start here. */
  readonly workingDirectory: string
  /** results.json, report.html, summary.md and the pruned models are written here. */
  readonly folder: string
  /** The lock file that is compared with. Default: that of the working directory, if there is one */
  readonly against?: Against | undefined
  readonly signal: AbortSignal
}

/** A lock file, and what it is called in sentences. */
export type Against = 'none' | { readonly name: string; readonly path: string }

/** Results with a verdict, what a shard left in the folder, or which shards have something to do. */
export type EngineOutcome =
  | { readonly results: RunResults; readonly exitCode: number }
  | { readonly shard: ShardDone }
  | { readonly used: readonly number[] }

export interface ShardDone {
  /** A sentence for each piece. */
  readonly lines: readonly string[]
  /** Whether a model failed, which the merge tells of. */
  readonly hasFailures: boolean
}

/** Prunes, measures and gates. Throws what the user can act on as `PareError`s with a `kind`, or as Failures. */
export type RunEngine = (request: EngineRequest) => Promise<EngineOutcome>

/** The shards that have something to do, the first in any case: a job of no shard at all does not exist. */
export function shardsOf(pieces: readonly { readonly shard: number }[]): readonly number[] {
  return [...new Set([1, ...pieces.map(({ shard }) => shard)])].sort((a, b) => a - b)
}

/** `failures`: what stopped pieces, by their ids. */
export function shardDone(pieces: readonly { readonly id: string }[], failures: Readonly<Record<string, string>>): ShardDone {
  const lines = pieces.map(({ id }) => `${id}: ${failures[id] ?? 'done'}`)
  return { lines: lines.length > 0 ? lines : ['nothing falls to it'], hasFailures: Object.keys(failures).length > 0 }
}
