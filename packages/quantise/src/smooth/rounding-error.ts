import { readAll, type Tensor } from '@pare/onnx'
import type { RoundingGrid } from '../grid.js'
import { floats } from '../scales.js'
import { scaleOfRange } from '../static/activation.js'
import type { ColumnReach, ColumnStatistics } from './measure.js'

/** Some output units of a weight that is rounded. */
export interface SampledUnits {
  /** f32[units, columns] */
  readonly values: Float32Array
  readonly grid: RoundingGrid
  /** How many units one of these stands for. */
  readonly share: number
}

/** As many units of a weight are looked at, at most. */
const MOST_UNITS = 128

/** Units that lie equally far apart. `axis` is that of the inputs. Reads the whole weight. */
export async function sampleUnits(tensor: Tensor, axis: number, grid: RoundingGrid): Promise<SampledUnits> {
  const all = floats(await readAll(tensor.data))
  const [columns, units] = [tensor.shape[axis]!, tensor.shape[1 - axis]!]
  const count = Math.min(units, MOST_UNITS)
  const values = new Float32Array(count * columns)
  for (let i = 0; i < count; i++) {
    const unit = Math.floor((i * units) / count)
    for (let k = 0; k < columns; k++) values[i * columns + k] = all[axis === 0 ? k * units + unit : unit * columns + k]!
  }
  return { values, grid, share: units / count }
}

/** Σ (x · W − x̂ · Ŵ)² over sampled rows and units, with factors on W and their inverse on x. Rows · units · columns operations. */
export function roundingError(
  rows: ColumnStatistics['rows'],
  weights: readonly SampledUnits[],
  { factors, reach }: Smoothing,
): number {
  const columns = factors.length
  const rounded = reach === undefined ? divided(rows, factors) : roundedRows(rows, reach, factors)
  const [scaled, codes] = [new Float32Array(columns), new Float32Array(columns)]
  let sum = 0
  for (const { values, grid, share } of weights) {
    for (let at = 0; at < values.length; at += columns) {
      for (let k = 0; k < columns; k++) scaled[k] = values[at + k]! * factors[k]!
      roundTo(grid, scaled, codes)
      let own = 0
      for (let row = 0; row < rows.length; row += columns) {
        let off = 0
        for (let k = 0; k < columns; k++) off += rows[row + k]! * values[at + k]! - rounded[row + k]! * codes[k]!
        own += off * off
      }
      sum += own * share
    }
  }
  return sum
}

interface Smoothing {
  readonly factors: Float32Array
  /** Of the value, where it is rounded, too. */
  readonly reach: ColumnReach | undefined
}

function divided(rows: Float32Array, factors: Float32Array): Float32Array {
  return rows.map((value, i) => value / factors[i % factors.length]!)
}

/** With one scale for all columns, as far as any of them reaches. */
function roundedRows(rows: Float32Array, { low, high }: ColumnReach, factors: Float32Array): Float32Array {
  let [least, most] = [0, 0]
  for (const [k, factor] of factors.entries()) {
    least = Math.min(least, low[k]! / factor)
    most = Math.max(most, high[k]! / factor)
  }
  const { scale } = scaleOfRange({ low: least, high: most })
  return divided(rows, factors).map((value) => scale * Math.round(value / scale))
}

/** Writes the nearest of a grid for each value of a unit. */
function roundTo({ least, most, block, outermost }: RoundingGrid, values: Float32Array, target: Float32Array): void {
  const width = block ?? values.length
  for (let from = 0; from < values.length; from += width) {
    const to = Math.min(values.length, from + width)
    let largest = 0
    for (let k = from; k < to; k++) if (Math.abs(values[k]!) > Math.abs(largest)) largest = values[k]!
    const scale = (outermost < 0 ? largest : Math.abs(largest)) / outermost || 1
    for (let k = from; k < to; k++) target[k] = scale * Math.max(least, Math.min(most, Math.round(values[k]! / scale)))
  }
}
