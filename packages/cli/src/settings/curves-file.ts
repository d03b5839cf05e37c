import { resolve } from 'node:path'
import type { Allocation } from '@pare/core'
import { parseJson, readRegular, systemCode } from '@pare/onnx'
import { z } from 'zod'
import { usage } from '../terminal/failure.js'
import { refuseOutside } from './workspace.js'

/** What `pare sensitivity --json` prints, as far as an allocation needs it. */
const measured = z.object({
  command: z.literal('sensitivity'),
  weights: z
    .array(z.object({ id: z.string(), points: z.array(z.object({ sparsity: z.number(), loss: z.number() })).min(2) }))
    .min(1),
})

/** How an allocation is written: as core takes it, or the path of a file with measured curves. */
export type WrittenAllocation = Allocation | `${string}.json`

export interface CurvesSource {
  /** Paths start here. */
  readonly folder: string
  /** Of a checkout that is not trusted: the file must lie in it. */
  readonly workspace?: string | undefined
}

/** Reads measured curves where they stand in a file. */
export async function resolveAllocation(setting: WrittenAllocation, source: CurvesSource): Promise<Allocation> {
  if (typeof setting !== 'string' || !setting.endsWith('.json')) return setting as Allocation
  const path = resolve(source.folder, setting)
  await refuseOutside(path, `the curves ${setting}`, source.workspace)
  const what = { what: 'curves', maxBytes: MOST_BYTES }
  const bytes = await readRegular(path, what).catch((cause: unknown) => {
    if (systemCode(cause) === undefined) throw cause
    throw usage(`pare: the curves ${setting} cannot be read (${systemCode(cause)}).`, HINT, cause)
  })
  const { data, error } = measured.safeParse(parseCurves(bytes.toString('utf8'), setting))
  if (data === undefined) throw usage(`pare: ${setting} holds no curves of weights: ${error.issues[0]!.message}.`, HINT)
  // A measured loss may fall a little below that of the whole model: nothing is gained by that.
  return {
    curves: Object.fromEntries(
      data.weights.map(({ id, points }) => [id, points.map(({ sparsity, loss }) => ({ sparsity, loss: Math.max(loss, 0) }))]),
    ),
  }
}

const MOST_BYTES = 2 ** 28

const HINT = 'make them with: pare sensitivity MODEL --data DATA --json > curves.json'

function parseCurves(text: string, name: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    throw usage(`pare: ${name} is not JSON: ${(cause as Error).message}.`, HINT, cause)
  }
}
