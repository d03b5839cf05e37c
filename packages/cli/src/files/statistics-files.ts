import { isDeepStrictEqual } from 'node:util'
import { formatStatistics, type MeasuredStatistics, parseStatistics, type StatisticsFile } from '@pare/core'
import { readRegular, systemCode, writeWhole } from '@pare/onnx'

/** What tells one measurement from another, before its samples are counted. */
export type MeasurementFacts = Pick<StatisticsFile, 'pare' | 'executionProvider' | 'model' | 'data'> & {
  readonly partial: NonNullable<StatisticsFile['partial']>
}

/** Where an interrupted run keeps what it measured: 'stats.pare.partial'. */
export function partialPath(out: string): string {
  return `${out}.partial`
}

/** Writes a statistics file, whole or not at all. Gives its bytes. */
export function writeStatistics(path: string, file: Omit<StatisticsFile, 'schemaVersion' | 'kind'>): Promise<number> {
  return writeWhole(path, formatStatistics({ schemaVersion: 1, kind: 'statistics', ...file }))
}

/** What an interrupted run of the same measurement left; undefined where there is nothing, or something else, which is told. */
export async function readPartial(
  out: string,
  { facts, note }: { facts: MeasurementFacts; note: (text: string) => void },
): Promise<MeasuredStatistics | undefined> {
  const path = partialPath(out)
  const bytes = await readRegular(path, { what: 'a file of statistics' }).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (bytes === undefined) return undefined
  const file = await parseStatistics(bytes, path)
  if (isDeepStrictEqual(factsOf(file), factsOf(facts))) return file.measured
  note(`warning: ${path} is of another model, of other data or criteria, and is replaced`)
  return undefined
}

const factsOf = ({ pare, executionProvider, model, data, partial }: Pick<StatisticsFile, keyof MeasurementFacts>) => ({
  ...{ pare, executionProvider, model, data, partial },
})

/** Keeps what is measured, from time to time and when asked to. */
export class Keeper {
  #latest: MeasuredStatistics | undefined
  #written: MeasuredStatistics | undefined
  #last: number

  constructor(
    private readonly out: string,
    private readonly facts: MeasurementFacts,
    private readonly now: () => number,
  ) {
    this.#last = now()
  }

  /** A chunk is complete. */
  async add(measured: MeasuredStatistics): Promise<void> {
    this.#latest = measured
    if (this.now() - this.#last >= KEEP_MS) await this.flush()
  }

  /** Writes what is not written yet. Gives what is kept, if anything. */
  async flush(): Promise<MeasuredStatistics | undefined> {
    this.#last = this.now()
    if (this.#latest === undefined || this.#latest === this.#written) return this.#written
    await writeStatistics(partialPath(this.out), { ...this.facts, measured: this.#latest })
    this.#written = this.#latest
    return this.#written
  }
}

/** Often enough that little is lost to a crash, seldom enough that writing costs nothing. */
const KEEP_MS = 30_000
