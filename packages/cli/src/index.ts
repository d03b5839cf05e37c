import type { RunOptions, RunOutcome } from './pipeline/run.js'
import type { Io } from './terminal/io.js'

// Configs import this module: everything heavy is loaded when it is called.

export type { Engine } from './engine/work.js'
export type { RunOptions, RunOutcome } from './pipeline/run.js'
export {
  type Config,
  defineConfig,
  type EvaluateConfig,
  type ModelConfig,
  type PluginConfig,
  type PresetConfig,
  type PruneConfig,
  type TargetConfig,
} from './settings/config.js'
export type { Overrides } from './settings/settings.js'
export { EXIT } from './terminal/exit.js'
export type { FailureKind, Problem } from './terminal/failure.js'
export type { Io, Output } from './terminal/io.js'
export type { Activity, Progress } from './terminal/progress.js'
export { guarded, visible, visibleMessage } from './terminal/visible.js'

/** All models of a config: prune, measure, gate, report. Throws one error for a wrong config, and the signal's reason when aborted. */
export async function run(options?: RunOptions): Promise<RunOutcome> {
  return (await import('./pipeline/run.js')).run(options)
}

/** Runs a command as `pare` would, and returns its exit code. Touches nothing of the process but `io` and files. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  return (await import('./commands/command-line.js')).main(argv, io)
}
