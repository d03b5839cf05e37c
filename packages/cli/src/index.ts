import type { Io } from './io.js'
import type { RunOptions, RunOutcome } from './run.js'

// Configs import this module: everything heavy is loaded when it is called.

export {
  type Config,
  defineConfig,
  type EvaluateConfig,
  type ModelConfig,
  type PluginConfig,
  type PresetConfig,
  type PruneConfig,
  type TargetConfig,
} from './config.js'
export { EXIT } from './exit.js'
export type { FailureKind, Problem } from './failure.js'
export type { Io, Output } from './io.js'
export type { Activity, Progress } from './progress.js'
export type { RunOptions, RunOutcome } from './run.js'
export type { Overrides } from './settings.js'
export { guarded, visible, visibleMessage } from './visible.js'
export type { Engine } from './work.js'

/** All models of a config: prune, measure, gate, report. Throws one error for a wrong config, and the signal's reason when aborted. */
export async function run(options?: RunOptions): Promise<RunOutcome> {
  return (await import('./run.js')).run(options)
}

/** Runs a command as `pare` would, and returns its exit code. Touches nothing of the process but `io` and files. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  return (await import('./command-line.js')).main(argv, io)
}
