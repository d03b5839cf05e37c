import { basename } from 'node:path'
import { PareError, present } from '@pare/onnx'
import { type Batch, type DataSet, takeRows } from '../dataset.js'
import { inMemory } from '../entries.js'
import type { ModelValue } from '../model-value.js'
import { turnsOf } from './mixed-counts.js'

/** One of several files of which samples are mixed. */
export interface MixedFile {
  /** Path of the data. */
  readonly data: string
  /** How many of the samples are of this file, beside the weights of the others. Above 0. */
  readonly weight: number
}

/**
 * Samples of several files in one row: of each as many as its weight says, evenly spread, so that any stretch of the row holds them in that proportion. Each file is read
 * in its order, and the row ends where one has no more: no sample comes twice.
 */
export async function mixedDataSet(
  files: readonly MixedFile[],
  { inputs, open }: { readonly inputs: readonly ModelValue[]; readonly open: (path: string) => Promise<DataSet> },
): Promise<DataSet> {
  const sets: DataSet[] = []
  for (const { data } of files) sets.push(await open(data))
  const [first] = sets as [DataSet]
  for (const [i, { tokens }] of sets.entries()) {
    if (tokens === first.tokens) continue
    const kind = (name: string | undefined) => (name === undefined ? 'arrays' : `tokens for '${name}'`)
    throw new PareError(
      `${basename(files[i]!.data)} holds ${kind(tokens)}, and ${basename(files[0]!.data)}, with which it is mixed, ${kind(first.tokens)}.`,
      { hint: 'mix files that feed the same inputs of the model.' },
    )
  }
  const weights = files.map(({ weight }) => weight)
  const counts = sets.map(({ samples }) => samples)
  const length = counts.every((count) => count !== undefined) ? lengthOf(weights, counts as number[]) : undefined
  return {
    ignored: [...new Set(sets.flatMap(({ ignored }) => ignored))],
    columnNames: { slices: [], isOwnGroup: true },
    notes: sets.flatMap(({ notes }) => notes),
    sampleSize: Math.max(...sets.map(({ sampleSize }) => sampleSize)),
    sampleShapes: first.sampleShapes,
    ...present({ samples: length, tokens: first.tokens, labelName: labelOf(sets) }),
    batches: (size) => mixedBatches(sets, { weights, inputs, size }),
  }
}

/** The name of the labels, where all files have some. */
function labelOf(sets: readonly DataSet[]): string | undefined {
  return sets.every(({ labelName }) => labelName !== undefined) ? sets[0]!.labelName : undefined
}

interface Mixing {
  readonly weights: readonly number[]
  readonly inputs: readonly ModelValue[]
  readonly size: number
}

async function* mixedBatches(sets: readonly DataSet[], { weights, inputs, size }: Mixing): AsyncGenerator<Batch> {
  const readers = sets.map((data) => readerOf(data, size))
  const turns = turnsOf(weights)
  try {
    for (let first = 0; ; ) {
      const wanted = Array.from({ length: size }, () => turns.next().value!)
      const pieces: Batch[][] = []
      for (const [i, reader] of readers.entries()) pieces.push(await reader.take(wanted.filter((source) => source === i).length))
      const there = pieces.map((own) => own.reduce((sum, batch) => sum + batch.size, 0))
      const order = orderOf(wanted, there)
      if (order.length > 0) yield { ...(await joined(pieces.flat(), inputs, sets[0]!)).pick(order), first }
      first += order.length
      if (order.length < size) return
    }
  } finally {
    for (const reader of readers) await reader.close()
  }
}

/** Rows of several files, one file after another, in the order of their turns, up to where a file has no more. */
function orderOf(turns: readonly number[], there: readonly number[]): number[] {
  const starts = there.map((_, i) => there.slice(0, i).reduce((sum, count) => sum + count, 0))
  const taken = there.map(() => 0)
  const order: number[] = []
  for (const source of turns) {
    if (taken[source]! === there[source]!) break
    order.push(starts[source]! + taken[source]!++)
  }
  return order
}

/** Batches as one. What only some hold, such as labels, is left out. */
function joined(batches: readonly Batch[], inputs: readonly ModelValue[], like: DataSet) {
  const all = (of: (batch: Batch) => unknown) => batches.every((batch) => of(batch) !== undefined)
  const [isLabelled, isScored] = [all(({ label }) => label), all(({ scored }) => scored)]
  const own = batches.map(({ label, scored, columns: _, ...batch }) => ({
    ...batch,
    ...present({ label: isLabelled ? label : undefined, scored: isScored ? scored : undefined }),
  }))
  const { tokens, labelName, sampleSize, sampleShapes } = like
  return inMemory(
    {
      ...{ ignored: [], columnNames: { slices: [], isOwnGroup: true }, notes: [], sampleSize, sampleShapes },
      ...present({ tokens, labelName: isLabelled ? labelName : undefined }),
      async *batches() {
        yield* own
      },
    },
    inputs,
  )
}

function lengthOf(weights: readonly number[], counts: readonly number[]): number {
  const left = [...counts]
  let length = 0
  for (const source of turnsOf(weights)) {
    if (left[source]! === 0) break
    left[source]!--
    length++
  }
  return length
}

/** Reads a data set in its order, so many samples at a time. */
function readerOf(data: DataSet, size: number) {
  const batches = data.batches(size)[Symbol.asyncIterator]()
  let batch: Batch | undefined
  let at = 0
  return {
    /** Fewer where there are no more. */
    async take(count: number): Promise<Batch[]> {
      const pieces: Batch[] = []
      for (let left = count; left > 0; ) {
        if (batch === undefined || at === batch.size) {
          const next = await batches.next()
          if (next.done === true) break
          batch = next.value
          at = 0
        }
        const own = Math.min(left, batch.size - at)
        const start = at
        pieces.push(
          takeRows(
            batch,
            Array.from({ length: own }, (_, i) => start + i),
          ),
        )
        at += own
        left -= own
      }
      return pieces
    },
    close: () => batches.return?.(),
  }
}
