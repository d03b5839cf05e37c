import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mergeStatistics } from './merge.js'
import { formatStatistics, parseStatistics } from './statistics-file.js'
import type { StatisticsFile } from './stored-statistics.js'
import { type ChunkTotals, joinTotals, type Totals } from './totals.js'

const HASH = 'a'.repeat(64)

/** Chunks `from` to `to` of made-up statistics, put together as a run does. */
function fileOf(from: number, to: number, facts: Partial<StatisticsFile> = {}): StatisticsFile {
  const reductions = new Map([
    ['x -1 mean', 'mean'],
    ['x -1 variance', 'variance'],
    ['__proto__', 'max'],
  ] as const)
  const blocks: ChunkTotals[] = []
  for (let index = from; index < to; index++) {
    const values = (seed: number) => Float64Array.from({ length: 3 }, (_, i) => Math.sin(index * 7 + i + seed))
    const totals = new Map<string, Totals>([
      ['x -1 mean', { rows: 256, values: values(1) }],
      ['x -1 variance', { rows: 256, values: values(2), squares: values(3).map(Math.abs) }],
      ['__proto__', { rows: 256, values: values(4) }],
    ])
    blocks.push({ level: 0, index, totals })
  }
  return {
    ...{ schemaVersion: 1, kind: 'statistics', pare: '0.1.0', executionProvider: 'cpu', model: { sha256: HASH } },
    data: { sha256: HASH, samples: 7 * 256 - 5 },
    measured: { reductions, blocks: joinTotals(blocks, reductions) },
    ...facts,
  }
}

const bytesOf = (file: StatisticsFile) => Uint8Array.from(Buffer.concat(formatStatistics(file)))

/** The bytes with a header that was changed. */
function withHeader(bytes: Uint8Array, change: (header: string) => string): Uint8Array {
  const length = new DataView(bytes.buffer).getUint32(8, true)
  const json = new TextEncoder().encode(change(new TextDecoder().decode(bytes.subarray(12, 12 + length))))
  const out = new Uint8Array(12 + json.length + bytes.length - 12 - length)
  out.set(bytes.subarray(0, 8))
  new DataView(out.buffer).setUint32(8, json.length, true)
  out.set(json, 12)
  out.set(bytes.subarray(12 + length), 12 + json.length)
  return out
}

describe('a statistics file', () => {
  test('reads back what was written, whatever the numbers and names', async () => {
    const numbers = fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.string(), { maxLength: 4 }), numbers, fc.nat(), async (ids, values, rows) => {
        const reductions = new Map(ids.map((id, i) => [id, (['mean', 'max', 'variance', 'gram'] as const)[i % 4]!]))
        const totals = new Map(
          [...reductions].map(([id, reduce]) => {
            const floats = Float64Array.from(values)
            return [id, reduce === 'variance' ? { rows, values: floats, squares: floats.slice() } : { rows, values: floats }]
          }),
        )
        const file = fileOf(0, 1, { measured: { reductions, blocks: [{ level: 2, index: 3, totals }] } })
        const bytes = bytesOf(file)
        expect(await parseStatistics(bytes, 'f')).toEqual(file)
        // As Node reads small files: a stretch of a larger buffer.
        expect(await parseStatistics(Buffer.from(bytes), 'f')).toEqual(file)
      }),
    )
  })

  test('holds numbers at multiples of 8 bytes behind a header in JSON', () => {
    const bytes = bytesOf(fileOf(0, 1))
    const length = new DataView(bytes.buffer).getUint32(8, true)
    expect(new TextDecoder().decode(bytes.subarray(0, 8))).toBe('PARESTAT')
    expect((12 + length) % 8).toBe(0)
    // 3 + 2 × 3 + 3 numbers.
    expect(bytes.length).toBe(12 + length + 8 * 12)
    expect(JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + length)))).toMatchObject({ kind: 'statistics' })
    expect(new DataView(bytes.buffer).getFloat64(12 + length, true)).toBe(Math.sin(1))
  })

  const good = bytesOf(fileOf(0, 3))
  const nan = good.slice()
  new DataView(nan.buffer).setFloat64(nan.length - 8, Number.NaN, true)
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(), /not a statistics file/],
    ['something else', new TextEncoder().encode('PK\u0003\u0004 not this'), /not a statistics file/],
    ['the magic alone', good.slice(0, 8), /header of 0 bytes/],
    ['a cut header', good.slice(0, 40), /header of \d+ bytes in a file of 40/],
    ['cut numbers', good.slice(0, -8), /numbers behind byte/],
    ['bytes too many', Uint8Array.from([...good, 0]), /1 bytes too many/],
    ['NaN', nan, /NaN/],
    ['no JSON', withHeader(good, () => '{'), /not JSON/],
    ['a later version', withHeader(good, (h) => h.replace('"schemaVersion":1', '"schemaVersion":2')), /schemaVersion/],
    ['an unknown field', withHeader(good, (h) => h.replace('{', '{"__proto__":{"kind":1},')), /__proto__|nrecognized/],
    ['a huge length', withHeader(good, (h) => h.replace(/"length":3/, '"length":9007199254740991')), /numbers behind byte/],
    ['a negative offset', withHeader(good, (h) => h.replace('"offset":0', '"offset":-8')), /offset/],
    ['stretches that overlap', withHeader(good, (h) => h.replace('"offset":24', '"offset":0')), /numbers at 0 where/],
    ['a statistic that is not listed', withHeader(good, (h) => h.replace('"request":0', '"request":9')), /statistic 9 of 3/],
    ['a huge level', withHeader(good, (h) => h.replace('"level":1', '"level":1000')), /level/],
    ['one statistic twice', withHeader(good, (h) => h.replace('"x -1 variance"', '"x -1 mean"')), /same statistic twice/],
  ])('%s is refused', async (_, bytes, message) => {
    await expect(parseStatistics(bytes, 'stats.pare')).rejects.toThrow(message)
    await expect(parseStatistics(bytes, 'stats.pare')).rejects.toHaveProperty('name', 'PareError')
  })

  test('any byte that is changed gives the numbers it says, or a PareError', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), async (at, byte) => {
        const changed = good.slice()
        changed[at] = byte
        const outcome = await parseStatistics(changed, 'f').then(
          () => 'read',
          (error: Error) => error.name,
        )
        expect(['read', 'PareError']).toContain(outcome)
      }),
    )
  })
})

describe('merging', () => {
  const whole = fileOf(0, 7)
  const named = (files: Record<string, StatisticsFile>) => Object.entries(files).map(([name, file]) => ({ name, file }))

  test('shards in any order and of any size give the bytes of one run', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 6 })), (cuts) => {
        const borders = [0, ...[...cuts].sort(), 7]
        const shards = borders.slice(1).map((to, i) => ({ name: `${i}`, file: fileOf(borders[i]!, to) }))
        expect(bytesOf(mergeStatistics(shards.reverse()))).toEqual(bytesOf(whole))
      }),
    )
  })

  test.each<[string, Record<string, StatisticsFile>, RegExp]>([
    ['a missing shard', { a: fileOf(0, 2), c: fileOf(4, 7) }, /a, c: chunks 2 to 3 of the data's 7 chunks are missing/],
    ['a missing end', { a: fileOf(0, 6) }, /a: chunk 6 of the data's 7/],
    ['the same shard twice', { a: fileOf(0, 4), b: fileOf(0, 4) }, /a and b both hold .* chunk 0/],
    ['shards that overlap', { a: fileOf(0, 5), b: fileOf(4, 7) }, /a and b both hold .* chunk 4/],
    ['too many chunks', { a: fileOf(0, 9) }, /a: it holds chunk 8, and its data have 7/],
    ['another model', { a: fileOf(0, 4), b: fileOf(4, 7, { model: { sha256: 'b'.repeat(64) } }) }, /a and b .* models/],
    ['other data', { a: fileOf(0, 4), b: fileOf(4, 7, { data: { ...whole.data, sha256: 'b'.repeat(64) } }) }, /a and b .* data/],
    [
      'other images',
      { a: fileOf(0, 4), b: fileOf(4, 7, { data: { ...whole.data, sources: { 'settings of images': '{"size":8}' } } }) },
      /a and b .* images/,
    ],
    ['another number of samples', { a: fileOf(0, 4), b: fileOf(4, 7, { data: { sha256: HASH, samples: 9 } }) }, /samples/],
    ['another version', { a: fileOf(0, 4), b: fileOf(4, 7, { pare: '9.0.0' }) }, /versions of pare/],
    ['what an interrupted run left', { a: fileOf(0, 7, { data: { sha256: HASH } }) }, /interrupted/],
  ])('%s is refused by name', (_, files, message) => {
    expect(() => mergeStatistics(named(files))).toThrow(message)
  })
})
