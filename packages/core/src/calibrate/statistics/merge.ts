import { PareError } from '@pare/onnx'
import type { StatisticsFile } from './stored-statistics.js'
import { CHUNK_SAMPLES, type ChunkTotals, endOf, joinTotals, startOf } from './totals.js'

/** A statistics file, and what errors call it. */
export interface NamedStatistics {
  readonly name: string
  readonly file: StatisticsFile
}

/** Puts the statistics of shards together: the same as if one run had measured all. Throws PareError where they do not make a whole. */
export function mergeStatistics(shards: readonly NamedStatistics[]): StatisticsFile {
  const [first, ...others] = shards
  if (first === undefined) throw new PareError('there are no statistics to merge.', { hint: 'name the files of all shards.' })
  for (const other of others) refuseOther(first, other)
  refuseOverlap(shards)
  const { measured, ...facts } = first.file
  const blocks = joinTotals(
    shards.flatMap(({ file }) => file.measured.blocks),
    measured.reductions,
  )
  const merged = { ...facts, measured: { reductions: measured.reductions, blocks } }
  checkWhole({ name: shards.map(({ name }) => name).join(', '), file: merged })
  return merged
}

/** Throws PareError where not all chunks of the data are there, each with all statistics. */
export function checkWhole({ name, file: { data, measured, partial } }: NamedStatistics): void {
  if (data.samples === undefined || partial !== undefined) throw interrupted(name)
  const chunks = Math.ceil(data.samples / CHUNK_SAMPLES)
  const missing: string[] = []
  let next = 0
  for (const block of [...measured.blocks].sort((a, b) => startOf(a) - startOf(b))) {
    const [start, end] = [startOf(block), endOf(block)]
    if (start < next) throw new PareError(`${name}: chunk ${start} of the data is there twice.`, MEASURE_AGAIN)
    if (start > next) missing.push(stretch(next, start))
    if (block.totals.size !== measured.reductions.size) throw interrupted(name)
    next = end
  }
  if (next > chunks) throw new PareError(`${name}: it holds chunk ${next - 1}, and its data have ${chunks}.`, MEASURE_AGAIN)
  if (next < chunks) missing.push(stretch(next, chunks))
  if (missing.length === 0) return
  throw new PareError(`${name}: ${missing.join(', ')} of the data's ${chunks} chunks are missing.`, {
    hint: 'put the files of all shards together: pare merge FILES… --out FILE',
  })
}

/** 'chunk 3', 'chunks 0 to 4'. */
function stretch(from: number, to: number): string {
  return to - from === 1 ? `chunk ${from}` : `chunks ${from} to ${to - 1}`
}

function interrupted(name: string): PareError {
  return new PareError(`${name} was left by an interrupted run, and is not complete.`, {
    hint: 'run the same pare calibrate again: it goes on where it was stopped.',
  })
}

const MEASURE_AGAIN = { hint: 'measure it again with pare calibrate.' }

function refuseOther(first: NamedStatistics, other: NamedStatistics): void {
  const differs = FACTS.find(({ of }) => JSON.stringify(of(first.file)) !== JSON.stringify(of(other.file)))
  if (differs === undefined) return
  throw new PareError(`${first.name} and ${other.name} do not go together: ${differs.what} differ.`, { hint: differs.hint })
}

const sorted = (sources: Readonly<Record<string, string>> = {}) => Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1))

const FACTS: readonly { readonly what: string; readonly hint: string; readonly of: (file: StatisticsFile) => unknown }[] = [
  { what: 'the models they were measured on', hint: 'measure all shards on the same file.', of: ({ model }) => model },
  { what: 'the data they were measured on', hint: 'measure all shards on the same file.', of: ({ data }) => data.sha256 },
  {
    what: 'the images that the data name, what their module yields, or how images are read',
    hint: 'measure all shards with the same files and settings.',
    of: ({ data }) => sorted(data.sources),
  },
  {
    what: 'the samples, batch or reading of text',
    hint: 'give all shards the same --samples, --batch, --tokenizer, --length and --stride.',
    of: ({ data: { sources: _, ...data } }) => data,
  },
  {
    what: 'the versions of pare they were measured by',
    hint: 'measure all shards with the same version.',
    of: ({ pare }) => pare,
  },
  {
    what: 'the execution providers they were measured on',
    hint: 'measure all shards with the same --provider.',
    of: ({ executionProvider }) => executionProvider,
  },
  {
    what: 'the statistics they hold',
    hint: 'give all shards the same --criterion.',
    of: ({ measured }) => [...measured.reductions],
  },
]

function refuseOverlap(shards: readonly NamedStatistics[]): void {
  const stretches = shards
    .flatMap(({ name, file }) =>
      file.measured.blocks.map((block: ChunkTotals) => ({ name, from: startOf(block), to: endOf(block) })),
    )
    .sort((a, b) => a.from - b.from)
  for (const [i, right] of stretches.entries()) {
    const left = stretches[i - 1]
    if (left === undefined || right.from >= left.to) continue
    const files = left.name === right.name ? `${left.name} holds twice` : `${left.name} and ${right.name} both hold`
    throw new PareError(`${files} what was measured on chunk ${right.from} of the data.`, { hint: 'name each shard once.' })
  }
}
