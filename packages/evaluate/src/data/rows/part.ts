import { createHash } from 'node:crypto'
import { PareError } from '@pare/onnx'
import { type Batch, type DataSet, takeRows } from '../dataset.js'
import type { ColumnNames } from './columns.js'

/**
 * Some of the samples: those that a draw by lot puts between `from` (inclusive) and `to`, where every sample, or every group of samples that belong together,
 * has a place from 0 to 1 that follows from the seed alone. So parts that do not overlap share no sample and no group, and a sample keeps its place when others are added.
 */
export interface SamplePart {
  readonly seed: number
  readonly from: number
  readonly to: number
}

/** The column that says which samples of the whole data these are, where nothing else names them. */
const NUMBER = 'number in the data'

/** Batches that are read together to fill one. */
const MOST_AT_ONCE = 4

/** The data with only the samples of a part. Groups that the format knows itself count where there are several, and not one for each sample. */
export async function partOf(data: DataSet, part: SamplePart): Promise<DataSet> {
  const { columnNames } = data
  const group = (await isGrouped(data)) ? columnNames.group : undefined
  const isIn = (key: string) => {
    const place = placeOf(part.seed, key)
    return part.from <= place && place < part.to
  }
  const rowsOf = ({ first, size, columns = {} }: Batch) =>
    Array.from({ length: size }, (_, row) => row).filter((row) =>
      isIn(group === undefined ? `sample ${first + row}` : `group ${columns[group]![row]}`),
    )
  const { samples: _, pick: __, ...rest } = data
  return {
    ...rest,
    columnNames: columnNames.id === undefined ? { ...columnNames, id: NUMBER } : columnNames,
    async *batches(size) {
      let first = 0
      // About as many as hold `size` of the part, and no more than memory is likely to have room for.
      const read = Math.max(1, Math.min(MOST_AT_ONCE, Math.floor(1 / (part.to - part.from))))
      for await (const batch of data.batches(size * read)) {
        const rows = rowsOf(batch)
        for (let at = 0; at < rows.length; at += size) {
          const own = rows.slice(at, at + size)
          yield { ...numbered(takeRows(batch, own), batch.first, own), first }
          first += own.length
        }
      }
      if (first === 0) throw emptyPart(group)
    },
  }
}

function numbered(taken: Batch, first: number, rows: readonly number[]): Batch {
  return { ...taken, columns: { ...taken.columns, [NUMBER]: rows.map((row) => first + row) } }
}

/** Whether samples belong together in groups. */
async function isGrouped({ columnNames: { group, isOwnGroup }, batches }: DataSet): Promise<boolean> {
  if (group === undefined) return false
  if (!isOwnGroup) return true
  const names = new Set<string | number>()
  let samples = 0
  for await (const { size, columns = {} } of batches(256)) {
    samples += size
    for (const name of columns[group] ?? []) names.add(name)
  }
  return names.size > 1 && names.size < samples
}

/** From 0 to 1, spread evenly. */
function placeOf(seed: number, key: string): number {
  return createHash('sha256').update(`${seed} ${key}`).digest().readUIntBE(0, 6) / 2 ** 48
}

function emptyPart(group: ColumnNames['group']): PareError {
  const what = group === undefined ? 'samples' : `groups by '${group}'`
  return new PareError(`evaluation: there are too few ${what} to take a part of them: none fell into it.`, {
    hint: 'give data of their own to the search: --search-data search.npz, or search: { data } in the config.',
  })
}
