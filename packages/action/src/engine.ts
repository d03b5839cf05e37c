import type { RunResults } from '@pare/report'
import type { RunInputs } from './inputs.js'

/** One run, as either engine is asked for it. */
export interface EngineRequest {
  readonly inputs: RunInputs
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

export interface EngineOutcome {
  readonly results: RunResults
  readonly exitCode: number
}

/** Prunes, measures and gates. Throws what the user can act on as `PareError`s with a `kind`, or as Failures. */
export type RunEngine = (request: EngineRequest) => Promise<EngineOutcome>
