import { cpus } from 'node:os'
import type { RunResults } from '@pare/report'
import type { Engine } from '../engine/work.js'
import { packageVersion } from '../terminal/version.js'
import type { ModelRun } from './run-model.js'

/** Where the results come from: numbers of other machines and run times may differ. */
export function environmentOf(runs: readonly ModelRun[], { provider = 'cpu' }: Engine): NonNullable<RunResults['environment']> {
  const onnxruntime = runs.find((run) => run.onnxruntime !== undefined)?.onnxruntime
  return {
    pare: packageVersion(),
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    ...(onnxruntime !== undefined && { onnxruntime }),
    executionProvider: provider,
  }
}
