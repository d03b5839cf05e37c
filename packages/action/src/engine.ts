import type { RunResults } from '@pare/report'
import type { RunInputs } from './inputs.js'

/** One run, as either engine is asked for it. */
export interface EngineRequest {
  readonly inputs: RunInputs
  /** Absolute: paths in `inputs` start here. */
  readonly workingDirectory: string
  /** results.json, report.html, summary.md and the pruned models are written here. */
  readonly folder: string
  readonly signal: AbortSignal
}

export interface EngineOutcome {
  readonly results: RunResults
  readonly exitCode: number
}

/** Prunes, measures and gates. Throws what the user can act on as `PareError`s with a `kind`, or as Failures. */
export type RunEngine = (request: EngineRequest) => Promise<EngineOutcome>
