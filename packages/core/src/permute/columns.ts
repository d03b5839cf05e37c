import type { WeightSource } from '../backend/stream.js'
import type { Expression } from '../contract/contract.js'
import { channelsOf } from '../patterns/channels.js'
import { readStripes } from '../patterns/stripes.js'
import { saliencyOf } from '../select/saliency.js'
import type { Scoring } from '../select/scoring.js'
import type { Consumer } from './consumers.js'
import type { Columns } from './search.js'

/** What an order of units is judged by. */
export interface Judging extends Omit<Scoring, 'buffers'> {
  sourceOf(weight: Consumer['weight']): WeightSource
}

/** Magnitude, for a solver: it has no saliency of its own. */
export const MAGNITUDE: Expression = { op: 'abs', of: { op: 'weight' } }

/** One row of a consumer: the saliencies of all units for one output, run and position of a kernel. Zeros count 0. */
type Visit = (row: Float32Array) => void

/** The saliencies by which an order is searched. Of more than MOST numbers every k-th row is taken. */
export async function columnsOf(consumers: readonly Consumer[], units: number, judging: Judging): Promise<Columns> {
  const rows = consumers.reduce((total, { weight, runs }) => total + rowsOf(weight) * runs.length, 0)
  const every = Math.ceil((rows * units) / MOST)
  const samples = Math.ceil(rows / every)
  const values = new Float32Array(samples * units)
  let seen = 0
  await eachRow(consumers, { units, judging }, (row) => {
    if (seen % every === 0) for (let unit = 0; unit < units; unit++) values[unit * samples + seen / every] = row[unit]!
    seen++
  })
  return { values, units, rows: samples }
}

/** Numbers that are held in memory for the search: 64 MiB, and as much again for what it remembers of them. */
const MOST = 1 << 24

/** Saliency that n of each m keep under each order, and the whole of it, over all rows. */
export async function keptBy(
  orders: readonly Int32Array[],
  consumers: readonly Consumer[],
  { judging, n, m }: { judging: Judging; n: number; m: number },
): Promise<{ readonly kept: readonly number[]; readonly all: number }> {
  const kept = orders.map(() => 0)
  let all = 0
  const block = new Float64Array(m)
  await eachRow(consumers, { units: orders[0]!.length, judging }, (row) => {
    for (let unit = 0; unit < row.length; unit++) all += row[unit]!
    for (const [o, order] of orders.entries()) kept[o]! += keptOfRow(row, order, { block, n })
  })
  return { kept, all }
}

function keptOfRow(row: Float32Array, order: Int32Array, { block, n }: { block: Float64Array; n: number }): number {
  const m = block.length
  let kept = 0
  for (let at = 0; at < order.length; at += m) {
    const size = Math.min(m, order.length - at)
    for (let i = 0; i < size; i++) block[i] = row[order[at + i]!]!
    const sorted = block.subarray(0, size).sort()
    for (let i = size - Math.ceil((size * n) / m); i < size; i++) kept += sorted[i]!
  }
  return kept
}

function rowsOf(weight: Consumer['weight']): number {
  const { outer, inner } = channelsOf(weight)
  return outer * inner
}

/** Visits the rows of all consumers. A row is valid until the next. Holds the saliencies of one weight. */
async function eachRow(
  consumers: readonly Consumer[],
  { units, judging }: { units: number; judging: Judging },
  visit: Visit,
): Promise<void> {
  const row = new Float32Array(units)
  for (const { weight, runs } of consumers) {
    const { channels, inner } = channelsOf(weight)
    const source = judging.sourceOf(weight)
    for await (const chunk of readStripes(source, { period: channels * inner, step: channels * inner }, judging)) {
      const saliency = await saliencyOf(judging.kernel, chunk)
      for (let o = 0; o < saliency.length; o += channels * inner) {
        for (let lane = 0; lane < inner; lane++) {
          for (const start of runs) {
            for (let unit = 0; unit < units; unit++) {
              const s = saliency[o + (start + unit) * inner + lane]!
              row[unit] = s === -Infinity ? 0 : s
            }
            visit(row)
          }
        }
      }
    }
  }
}
