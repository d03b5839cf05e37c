import { PareError, present } from '@pare/onnx'
import type { StatisticsFile, StoredStatistics, StoredTotals } from './stored-statistics.js'
import type { ChunkTotals, Totals } from './totals.js'

/** "PARESTAT", u32 bytes of the header (little-endian, a multiple of 8 with the 12 before), the header as JSON, then f64, little-endian. */
const MAGIC = new TextEncoder().encode('PARESTAT')
const HEAD = MAGIC.length + 4
const MAX_HEADER = 2 ** 26

/** Whether these first bytes of a file are those of a statistics file. */
export function isStatistics(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte)
}

/** The bytes of a statistics file, in pieces. The same statistics give the same bytes. */
export function formatStatistics({ measured, ...facts }: StatisticsFile): Uint8Array[] {
  const ids = [...measured.reductions.keys()]
  const floats: Float64Array[] = []
  let offset = 0
  const stored = (id: string, { rows, values, squares }: Totals): StoredTotals => {
    const at = offset
    for (const each of squares === undefined ? [values] : [values, squares]) {
      floats.push(each)
      offset += each.byteLength
    }
    return { request: ids.indexOf(id), rows, offset: at, length: values.length }
  }
  const blocks = inOrder(measured.blocks).map(({ level, index, totals }) => ({
    ...{ level, index },
    totals: ids.flatMap((id) => (totals.has(id) ? [stored(id, totals.get(id)!)] : [])),
  }))
  const requests = ids.map((id) => ({ id, reduce: measured.reductions.get(id)! }))
  const { schemaVersion, kind, pare, executionProvider, model, data, partial } = facts
  const header: StoredStatistics = {
    ...{ schemaVersion, kind, pare, executionProvider, model, data },
    ...present({ partial }),
    ...{ requests, blocks },
  }
  return [head(header), ...floats.map((values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength))]
}

function inOrder(blocks: readonly ChunkTotals[]): ChunkTotals[] {
  return [...blocks].sort((a, b) => a.index * 2 ** a.level - b.index * 2 ** b.level || a.level - b.level)
}

/** Magic, length and header, filled up with spaces so that numbers lie at multiples of 8. */
function head(header: StoredStatistics): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header))
  const length = Math.ceil((HEAD + json.length) / 8) * 8 - HEAD
  const bytes = new Uint8Array(HEAD + length).fill(0x20)
  bytes.set(MAGIC)
  new DataView(bytes.buffer).setUint32(MAGIC.length, length, true)
  bytes.set(json, HEAD)
  return bytes
}

/** Reads a statistics file, which may come from a stranger. `name` is what errors call it. Throws PareError for anything that is not as it should be. */
export async function parseStatistics(bytes: Uint8Array, name: string): Promise<StatisticsFile> {
  const { requests, blocks, ...facts } = await readHeader(bytes, name)
  const start = HEAD + new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true)
  const reductions = new Map(requests.map(({ id, reduce }) => [id, reduce]))
  if (reductions.size !== requests.length) throw broken(name, 'the same statistic twice')
  let next = 0
  const floats = (length: number): Float64Array => {
    const end = start + next + 8 * length
    if (end > bytes.length) throw broken(name, `${length} numbers behind byte ${start + next} of its ${bytes.length}`)
    const values = new Float64Array(length)
    new Uint8Array(values.buffer).set(bytes.subarray(start + next, end))
    if (values.some(Number.isNaN)) throw broken(name, 'NaN')
    next += 8 * length
    return values
  }
  const read = blocks.map(({ level, index, totals }) => {
    const of = totals.map(({ request, rows, offset, length }): [string, Totals] => {
      const { id, reduce } = requests[request] ?? {}
      if (id === undefined) throw broken(name, `numbers of statistic ${request} of ${requests.length}`)
      // One after another: no stretch is read twice, and none is left out.
      if (offset !== next) throw broken(name, `numbers at ${offset} where those before end at ${next}`)
      const values = floats(length)
      return [id, reduce === 'variance' ? { rows, values, squares: floats(length) } : { rows, values }]
    })
    if (new Set(of.map(([id]) => id)).size !== of.length) throw broken(name, 'the same numbers twice')
    return { level, index, totals: new Map(of) }
  })
  if (start + next !== bytes.length) throw broken(name, `${bytes.length - start - next} bytes too many`)
  checkLengths(read, name)
  return { ...facts, measured: { reductions, blocks: read } }
}

async function readHeader(bytes: Uint8Array, name: string): Promise<StoredStatistics> {
  if (!isStatistics(bytes)) throw new PareError(`${name} is not a statistics file.`, HINT)
  const length = bytes.length < HEAD ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true)
  if (length === 0 || length > MAX_HEADER || HEAD + length > bytes.length)
    throw broken(name, `a header of ${length} bytes in a file of ${bytes.length}`)
  const { statisticsSchema } = await import('./statistics-schema.js')
  const { success, data, error } = statisticsSchema.safeParse(parseJson(bytes.subarray(HEAD, HEAD + length), name))
  if (success) return data
  const problems = error.issues.slice(0, 10).map(({ path, message }) => `  ${path.join('.') || 'header'}: ${message}`)
  throw new PareError(`${name} is not a statistics file this version can read:\n${problems.join('\n')}`, HINT)
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new PareError(`${name} is damaged: its header is not JSON (${(cause as Error).message}).`, { ...HINT, cause })
  }
}

/** All blocks have as many numbers of a statistic. */
function checkLengths(blocks: readonly ChunkTotals[], name: string): void {
  const lengths = new Map<string, number>()
  for (const { totals } of blocks) {
    for (const [id, { values }] of totals) {
      const length = lengths.get(id) ?? values.length
      if (length !== values.length)
        throw broken(name, `${length} numbers of '${id}' in one place and ${values.length} in another`)
      lengths.set(id, length)
    }
  }
}

const HINT = { hint: 'make one with: pare calibrate MODEL --data DATA --out FILE' }

function broken(name: string, what: string): PareError {
  return new PareError(`${name} is damaged: it holds ${what}.`, HINT)
}
