import { GraphWriter, type Model, PareError } from '@pare/onnx'
import { measuringModel, notFinite, type RunData } from '../static/ranges.js'
import type { SmoothSite } from './find.js'

/** f64[columns] each, 0 included. */
export interface ColumnReach {
  readonly low: Float64Array
  readonly high: Float64Array
}

/** What the columns of a value are on calibration data. */
export interface ColumnStatistics {
  /** Of all data. */
  readonly whole: ColumnReach
  /** Of a batch, in the mean. */
  readonly batch: ColumnReach
  /** f64[columns]: sums of sizes. */
  readonly sizes: Float64Array
  /** f32[rows, columns]: some rows, evenly spread over the data. */
  readonly rows: Float32Array
}

export interface ColumnMeasuring {
  readonly run: RunData
  readonly signal?: AbortSignal | undefined
}

/** One pass over the data. Padding counts as what it is given as. */
export async function measureColumns(
  model: Model,
  sites: readonly SmoothSite[],
  { run, signal }: ColumnMeasuring,
): Promise<readonly ColumnStatistics[]> {
  const { measuring, names } = withStatistics(model, sites)
  const samples = sites.map(() => new SpreadRows())
  const measured = sites.map(({ columns }) => ({
    whole: noReach(columns),
    sums: noReach(columns),
    sizes: new Float64Array(columns),
  }))
  let batches = 0
  for await (const { outputs } of run(measuring, { sums: new Set(), ...(signal && { signal }) })) {
    if (outputs[names[0]![0]!] === undefined) continue
    batches++
    for (const [i, { whole, sums, sizes }] of measured.entries()) {
      const [least, most, total, rows] = names[i]!.map((name) => outputs[name]!)
      for (let k = 0; k < sizes.length; k++) {
        const [low, high] = [Math.min(0, Number(least![k])), Math.max(0, Number(most![k]))]
        whole.low[k] = Math.min(whole.low[k]!, low)
        whole.high[k] = Math.max(whole.high[k]!, high)
        sums.low[k]! += low
        sums.high[k]! += high
        sizes[k]! += Number(total![k])
      }
      if (!sizes.every(Number.isFinite)) throw notFinite(sites[i]!.value)
      samples[i]!.add(rows as Float32Array, sizes.length)
    }
  }
  if (batches === 0) throw new PareError('there are no calibration data.', { hint: 'give at least one sample.' })
  const mean = (sums: Float64Array) => sums.map((sum) => sum / batches)
  return measured.map(({ whole, sums: { low, high }, sizes }, i) => ({
    ...{ whole, batch: { low: mean(low), high: mean(high) }, sizes, rows: samples[i]!.all() },
  }))
}

function noReach(columns: number): ColumnReach {
  return { low: new Float64Array(columns), high: new Float64Array(columns) }
}

/** Rows that are looked at of one batch, at most. */
const ROWS_OF_BATCH = 32

function withStatistics(model: Model, sites: readonly SmoothSite[]) {
  const opset = model.opsets.get('') ?? 1
  const writer = new GraphWriter(model.graph, 'smooth')
  const reduced = (op: string, value: string, since: number) =>
    opset >= since
      ? writer.own(op, [value, writer.ints([0])], { keepdims: 0n })
      : writer.own(op, [value], { axes: [0n], keepdims: 0n })
  const names = sites.map(({ value, columns }) => {
    const floats = writer.node('Cast', [value], { to: FLOAT })
    const all = writer.node('Reshape', [floats, writer.ints([-1, columns])])
    const count = writer.node('Slice', [writer.node('Shape', [all]), writer.ints([0]), writer.ints([1])])
    // An odd step, so that it does not always meet the same position of samples.
    const half = writer.node('Div', [count, writer.ints([2 * ROWS_OF_BATCH])])
    const step = writer.node('Add', [writer.node('Mul', [half, writer.ints([2])]), writer.ints([1])])
    const end = writer.ints([Number.MAX_SAFE_INTEGER])
    const rows = writer.own('Slice', [all, writer.ints([0]), end, writer.ints([0]), step])
    const sizes = writer.node('Abs', [all])
    return [reduced('ReduceMin', all, 18), reduced('ReduceMax', all, 18), reduced('ReduceSum', sizes, 13), rows]
  })
  return { measuring: measuringModel(model, writer, names.flat()), names }
}

const FLOAT = 1n

/** Of all rows that are added, some that lie equally far apart. */
class SpreadRows {
  #rows: Float32Array[] = []
  #every = 1
  #next = 0

  add(values: Float32Array, columns: number): void {
    for (let at = 0; at < values.length; at += columns)
      if (this.#next++ % this.#every === 0) this.#rows.push(values.slice(at, at + columns))
    while (this.#rows.length > 2 * ROWS) {
      this.#rows = this.#rows.filter((_, i) => i % 2 === 0)
      this.#every *= 2
    }
  }

  all(): Float32Array {
    const columns = this.#rows[0]?.length ?? 0
    const all = new Float32Array(this.#rows.length * columns)
    for (const [i, row] of this.#rows.entries()) all.set(row, i * columns)
    return all
  }
}

/** As many are kept at least, where there are as many. */
const ROWS = 128
