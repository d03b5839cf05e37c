import { cpus } from 'node:os'
import { present } from '@pare/onnx'
import type { RunResults } from '@pare/report'
import type { Engine } from '../../engine/work.js'
import { packageVersion } from '../../terminal/version.js'

/** Where the results come from, with the version of what ran the models: numbers of other machines and run times may differ. */
export function environmentOf(
  onnxruntime: string | undefined,
  { provider = 'cpu' }: Engine,
): NonNullable<RunResults['environment']> {
  return {
    pare: packageVersion(),
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    ...present({ onnxruntime }),
    executionProvider: provider,
  }
}
