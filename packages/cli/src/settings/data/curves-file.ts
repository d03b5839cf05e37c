import { resolve } from 'node:path'
import type { Allocation } from '@pare/core'
import { parseJson, readRegular, systemCode } from '@pare/onnx'
import { z } from 'zod'
import { searchFields } from '../../options/prune.js'
import { readOptions } from '../../plugins/plugin-reference.js'
import { usage } from '../../terminal/failure.js'
import { refuseOutside } from '../config/workspace.js'

/** What `pare sensitivity --json` prints, as far as an allocation needs it. */
const measured = z.object({
  command: z.literal('sensitivity'),
  weights: z
    .array(z.object({ id: z.string(), points: z.array(z.object({ sparsity: z.number(), loss: z.number() })).min(2) }))
    .min(1),
})

/** How an allocation is written: as core takes it, 'search:trials=200', or the path of a file with measured curves. */
export type WrittenAllocation = Allocation | `${string}.json` | `search:${string}`

export interface CurvesSource {
  /** Paths start here. */
  readonly folder: string
  /** Of a checkout that is not trusted: the file must lie in it. */
  readonly workspace?: string | undefined
}

/** The allocation as core takes it. Reads measured curves where they stand in a file. */
export async function resolveAllocation(setting: WrittenAllocation, source: CurvesSource): Promise<Allocation> {
  if (typeof setting === 'string' && setting.startsWith('search:')) return { search: searchOptions(setting) }
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

/** 'search:trials=200,minutes=10' → { trials: 200, minutes: 10 } */
function searchOptions(written: string): z.infer<typeof searchFields> {
  const { options } = readOptions('allocation', written)
  const { data, error } = searchFields.safeParse(options)
  if (data !== undefined) return data
  const [issue] = error.issues
  const what =
    issue?.code === 'unrecognized_keys'
      ? `it has no option ${issue.keys.join(', ')}`
      : `${issue?.path.join('.')} is ${JSON.stringify(options[String(issue?.path[0])])}`
  throw usage(`pare: allocation '${written}': ${what}.`, SEARCH_HINT)
}

const SEARCH_HINT = 'its options are numbers: search:trials=400,minutes=10,levels=7,step=0.05'

const MOST_BYTES = 2 ** 28

const HINT = 'make them with: pare sensitivity MODEL --data DATA --json > curves.json'

function parseCurves(text: string, name: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    throw usage(`pare: ${name} is not JSON: ${(cause as Error).message}.`, HINT, cause)
  }
}
