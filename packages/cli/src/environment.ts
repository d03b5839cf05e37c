import { cpus } from 'node:os'
import type { RunResults } from '@pare/report'
import type { ModelRun } from './run-model.js'
import { packageVersion } from './version.js'

/** Where the results come from: numbers of other machines and run times may differ. */
export function environmentOf(runs: readonly ModelRun[]): NonNullable<RunResults['environment']> {
  const runtime = runs.find((run) => run.runtime !== undefined)?.runtime
  return {
    pare: packageVersion(),
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    ...(runtime !== undefined && { onnxruntime: runtime.onnxruntime, executionProvider: runtime.executionProvider }),
  }
}
