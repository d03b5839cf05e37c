import type { Statistic } from '../../contract/contract.js'
import type { MeasuredStatistics } from '../measure.js'

/** Statistics of all weights of a model, as a file holds them: mergeable, and tied to the model and the data they are of. */
export interface StatisticsFile {
  readonly schemaVersion: 1
  readonly kind: 'statistics'
  /** Version of pare that measured: another may measure a little differently. */
  readonly pare: string
  /** Where the run time computed: another adds in another order. */
  readonly executionProvider: string
  readonly model: { readonly sha256: string; readonly external?: readonly { readonly name: string; readonly sha256: string }[] }
  readonly data: CalibrationData
  /** Set in what an interrupted run leaves: what it was to measure. */
  readonly partial?: UnfinishedMeasurement
  readonly measured: MeasuredStatistics
}

export interface UnfinishedMeasurement {
  /** As they were named. */
  readonly criteria: readonly string[]
  readonly samples?: number
  readonly shard?: { readonly index: number; readonly count: number }
}

/** What was run, and how: everything that the numbers depend on. */
export interface CalibrationData {
  readonly sha256: string
  /** Of all shards together. Absent in what an interrupted run leaves. */
  readonly samples?: number
  /** Default: what the model and the size of samples say */
  readonly batch?: number
  /** How text was read. */
  readonly text?: { readonly tokenizer: string; readonly length?: number; readonly stride?: number; readonly field?: string }
  /** What else the numbers come from, by what it is: images that the data name, what a module yields, how images are read. Default: nothing else */
  readonly sources?: Readonly<Record<string, string>>
}

/** Where the numbers of one statistic lie: so many f64 from a byte of the payload on, and as many squares behind them for 'variance'. */
export interface StoredTotals {
  /** Of the list of requests. */
  readonly request: number
  readonly rows: number
  readonly offset: number
  readonly length: number
}

/** The header of the file, as JSON. */
export type StoredStatistics = Omit<StatisticsFile, 'measured'> & {
  readonly requests: readonly { readonly id: string; readonly reduce: Statistic['reduce'] }[]
  readonly blocks: readonly { readonly level: number; readonly index: number; readonly totals: readonly StoredTotals[] }[]
}
