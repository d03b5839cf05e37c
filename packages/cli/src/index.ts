import type { RunOptions, RunOutcome } from './pipeline/run.js'
import type { MergeOptions } from './sharding/merge-run.js'
import type { ReuseOptions } from './sharding/reuse.js'
import type { ShardOptions, ShardOutcome } from './sharding/run-shard.js'
import type { SpreadRun } from './sharding/spread.js'
import type { Io } from './terminal/io.js'

// Configs import this module: everything heavy is loaded when it is called.

export type { Engine } from './engine/work.js'
export type { Config, ModelConfig, Overrides } from './options/config.js'
export type { CalibrateConfig, EvaluateConfig, TrainConfig } from './options/data.js'
export type { PluginConfig, PresetConfig, PruneConfig, TargetConfig } from './options/prune.js'
export type { RecoverConfig, RetrainConfig, ScheduleConfig } from './options/recover.js'
export type { RunOptions, RunOutcome } from './pipeline/run.js'
export { defineConfig } from './settings/config/config.js'
export type { MergeOptions } from './sharding/merge-run.js'
export type { ReuseOptions } from './sharding/reuse.js'
export type { ShardOptions, ShardOutcome } from './sharding/run-shard.js'
export type { SpreadRun } from './sharding/spread.js'
export { EXIT } from './terminal/exit.js'
export type { FailureKind, Problem } from './terminal/failure.js'
export type { Io, Output } from './terminal/io.js'
export type { Activity, Progress } from './terminal/progress.js'
export { guarded, visible, visibleMessage } from './terminal/visible.js'

/** All models of a config: prune, measure, gate, report. Throws one error for a wrong config, and the signal's reason when aborted. */
export async function run(options?: RunOptions): Promise<RunOutcome> {
  return (await import('./pipeline/run.js')).run(options)
}

/** The same, with what an earlier run left of a model in a folder taken over where nothing that decides it differs. Throws as `run` does. */
export async function runReusing(options: ReuseOptions): Promise<RunOutcome> {
  return (await import('./sharding/reuse.js')).runReusing(options)
}

/** What falls to one of several machines, left in a folder below that of the results. Nothing is judged. Throws as `run` does. */
export async function runShard(options: ShardOptions): Promise<ShardOutcome> {
  return (await import('./sharding/run-shard.js')).runShard(options)
}

/** What all shards left, put together and judged: the results of a run of one machine. Throws as `run` does. */
export async function mergeRun(options: MergeOptions): Promise<RunOutcome> {
  return (await import('./sharding/merge-run.js')).mergeRun(options)
}

/** How a run is spread over so many machines. Nothing is done. */
export async function planRun({ shards, ...options }: RunOptions & { readonly shards: number }): Promise<SpreadRun> {
  const { openRun } = await import('./pipeline/run.js')
  await using opened = await openRun(options)
  return await (await import('./sharding/spread.js')).spreadRun(opened, shards)
}

/** Runs a command as `pare` would, and returns its exit code. Touches nothing of the process but `io` and files. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  return (await import('./command-line/command-line.js')).main(argv, io)
}
