import { elementCount } from '@pare/onnx'
import type { Weight } from '../contract/contract.js'
import { rowCount } from '../select/rows.js'
import { type Request, requestId } from './instrument.js'
import { groupsOf } from './site.js'
import type { ChunkTotals, Totals } from './statistics/totals.js'

/** A request, and what its reduction takes. */
export interface SizedRequest extends Request {
  /** With room for the sums of earlier chunks: 16 for each number. */
  readonly bytes: number
  /** Of a 'gram', how many columns it has. Default: it is not split */
  readonly columns?: number
}

/** The size of what a weight's request gives. */
export function sized({ rows, tensor: { shape }, uses }: Weight, request: Request): SizedRequest {
  const { statistic, site, other } = request
  // Matrices of an Einsum that are no stack meet the same.
  const isAlike = uses[0]?.node.op === 'Einsum' && site.stack === undefined
  const inputs = isAlike ? rows.before * rows.after : elementCount(shape) / rows.out
  const outputs = rowCount(rows)
  if (statistic.reduce === 'gram') {
    const groups = groupsOf(site)
    const columns = other === undefined ? inputs : outputs
    return { ...request, bytes: (BYTES * inputs * columns) / groups, ...(groups === 1 && { columns }) }
  }
  const positions = statistic.at === 'gradient' ? elementCount(shape) : statistic.at === 'output' ? outputs : inputs
  return { ...request, bytes: BYTES * positions }
}

const BYTES = 16
/** Fewer columns at once are not worth a pass. */
const FEWEST_COLUMNS = 512

/**
 * What is measured in one pass each, where the reductions of one may take so many bytes. A Gram matrix that takes more alone comes in panels of its columns,
 * a pass for each: ONNX Runtime, its binding and messages between processes hold some four copies of what a pass gives.
 */
export function passesOf(requests: readonly SizedRequest[], budget: number): SizedRequest[][] {
  const groups: SizedRequest[][] = []
  let left = 0
  for (const request of requests.flatMap((each) => panelsOf(each, budget))) {
    if (groups.length === 0 || request.bytes > left) {
      groups.push([])
      left = budget
    }
    groups.at(-1)!.push(request)
    left -= request.bytes
  }
  return groups
}

function panelsOf(request: SizedRequest, budget: number): SizedRequest[] {
  const { bytes, columns = 0 } = request
  const width = Math.max(FEWEST_COLUMNS, Math.floor(columns / Math.ceil(bytes / budget)))
  if (bytes <= budget || width >= columns) return [request]
  return Array.from({ length: Math.ceil(columns / width) }, (_, i) => {
    const panel = { from: i * width, to: Math.min(columns, (i + 1) * width) }
    return { ...request, panel, bytes: (bytes * (panel.to - panel.from)) / columns }
  })
}

/** Totals by id of the request, with those of panels put together. */
export function withoutPanels(totals: ReadonlyMap<string, Totals>, requests: readonly Request[]): ReadonlyMap<string, Totals> {
  const joined = new Map(totals)
  const split = requests.filter(({ panel }) => panel !== undefined)
  for (const { panel: _, ...whole } of split) {
    const id = requestId(whole)
    const parts = split.filter((each) => requestId({ ...each, panel: undefined }) === id)
    const all = parts.map((part) => joined.get(requestId(part)))
    if (joined.has(id) || all.includes(undefined)) continue
    joined.set(id, { rows: all[0]!.rows, values: besideEachOther(all as readonly Totals[], parts) })
    for (const part of parts) joined.delete(requestId(part))
  }
  return joined
}

/** f64[rows × columns] of its panels f64[rows × …], in order. */
function besideEachOther(totals: readonly Totals[], requests: readonly Request[]): Float64Array {
  const columns = requests.at(-1)!.panel!.to
  const whole = new Float64Array(totals.reduce((sum, { values }) => sum + values.length, 0))
  for (const [i, { values }] of totals.entries()) {
    const { from, to } = requests[i]!.panel!
    for (let row = 0, at = 0; at < values.length; row++, at += to - from)
      whole.set(values.subarray(at, at + to - from), row * columns + from)
  }
  return whole
}

/** Takes the panels out of the totals of every chunk. */
export function blocksWithoutPanels(blocks: readonly ChunkTotals[], requests: readonly Request[]): ChunkTotals[] {
  return blocks.map((block) => ({ ...block, totals: withoutPanels(block.totals, requests) }))
}
