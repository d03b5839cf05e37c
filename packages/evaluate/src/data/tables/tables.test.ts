import { tableFromArrays, tableToIPC } from '@uwdata/flechette'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { array, input, put, temporaryFolder } from '../../fixture.test.files.js'
import { type DataOptions, openData } from '../data.js'
import type { Batch } from '../dataset.js'
import { entryDataSet } from '../entries.js'
import { rowSource } from '../rows/rows.js'
import { unpackFrame } from './lz4.js'
import { plainRow } from './plain.js'

const folder = temporaryFolder()
const x = input('x', 'float32', ['n', 2])
const open = (path: string, options: Partial<DataOptions> = {}) => openData(path, { inputs: [x], trusted: false, ...options })
const read = async (path: string, options: Partial<DataOptions> = {}, size = 100) => {
  const batches: Batch[] = []
  for await (const batch of (await open(path, options)).batches(size)) batches.push(batch)
  return batches
}

const parquet = (rowGroupSize = 2) =>
  new Uint8Array(
    parquetWriteBuffer({
      rowGroupSize,
      columnData: [
        {
          name: 'x',
          data: [
            [0, 1],
            [2, 3],
            [4, 5],
            [6, 7],
            [8, 9],
          ],
          type: 'JSON',
        },
        { name: 'label', data: [0n, 1n, 2n, 3n, 4n], type: 'INT64' },
        { name: 'site', data: ['a', 'b', 'a', 'b', 'c'], type: 'STRING' },
      ],
    }),
  )
const arrow = tableToIPC(
  tableFromArrays({
    x: [
      [0, 1],
      [2, 3],
      [4, 5],
      [6, 7],
      [8, 9],
    ],
    label: [0, 1, 2, 3, 4],
    site: ['a', 'b', 'a', 'b', 'c'],
  }),
  { format: 'file' },
)!
const indexed = (index: string) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'a', data: [0, 2], type: 'DOUBLE' },
        { name: 'b', data: [1, 3], type: 'DOUBLE' },
        { name: 'label', data: [0, 1], type: 'INT32' },
        { name: index, data: [17n, 4n], type: 'INT64' },
      ],
    }),
  )

test('the numbers of rows that pandas keeps are no feature', async () => {
  const [batch] = await read(put(folder, 'index.parquet', indexed('__index_level_0__')))
  expect(batch!.inputs.x).toEqual(array('float32', [2, 2], [0, 1, 2, 3]))
  await expect(read(put(folder, 'odd.parquet', indexed('c')))).rejects.toThrow('3 columns (a, b, c)')
})

const written = (delimiter: string) =>
  `x[0],x[1],label,site\n${[0, 1, 2, 3, 4].map((i) => [2 * i, 2 * i + 1, i, 'ababc'[i]].join(',')).join('\n')}\n`.replaceAll(
    ',',
    delimiter,
  )
const files = {
  parquet: put(folder, 'd.parquet', parquet()),
  arrow: put(folder, 'd.arrow', arrow),
  feather: put(folder, 'd.feather', arrow),
  csv: put(folder, 'd.csv', written(',')),
  tsv: put(folder, 'd.tsv', written('\t')),
  jsonl: put(
    folder,
    'd.jsonl',
    [0, 1, 2, 3, 4].map((i) => JSON.stringify({ x: [2 * i, 2 * i + 1], label: i, site: 'ababc'[i] })).join('\n'),
  ),
}

test.each(Object.entries(files))('%s: rows with their columns, held or streamed', async (_, path) => {
  const options = { group: 'site', slices: ['label'] }
  const [whole] = await read(path, options)
  expect(whole!.inputs.x).toEqual(array('float32', [5, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
  expect(Array.from(whole!.label!.data, Number)).toEqual([0, 1, 2, 3, 4])
  expect(whole!.columns).toMatchObject({ site: ['a', 'b', 'a', 'b', 'c'] })
  const parts = await read(path, { ...options, smallBytes: 0 }, 2)
  expect(parts.map(({ first, size }) => [first, size])).toEqual([
    [0, 2],
    [2, 2],
    [4, 1],
  ])
  expect(parts.flatMap(({ columns }) => columns!.site)).toEqual(['a', 'b', 'a', 'b', 'c'])
})

const features = { age: [30, 40], income: [1.5, 2.5], label: [1, 0], site: ['a', 'b'] }
const featureFiles = {
  parquet: put(
    folder,
    'features.parquet',
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'age', data: [30n, 40n], type: 'INT64' },
          { name: 'income', data: features.income, type: 'DOUBLE' },
          { name: 'label', data: [1n, 0n], type: 'INT64' },
          { name: 'site', data: features.site, type: 'STRING' },
        ],
      }),
    ),
  ),
  arrow: put(folder, 'features.arrow', tableToIPC(tableFromArrays(features), { format: 'file' })!),
  csv: put(folder, 'features.csv', 'age,income,label,site\n30,1.5,1,a\n40,2.5,0,b'),
  jsonl: put(
    folder,
    'features.jsonl',
    [0, 1].map((i) => JSON.stringify(Object.fromEntries(Object.entries(features).map(([k, v]) => [k, v[i]])))).join('\n'),
  ),
}

test.each(
  Object.entries(featureFiles),
)('%s: columns of numbers are the only input, those that are named aside', async (_, path) => {
  const [whole] = await read(path, { group: 'site' })
  expect(whole!.inputs.x).toEqual(array('float32', [2, 2], [30, 1.5, 40, 2.5]))
  expect(Array.from(whole!.label!.data, Number)).toEqual([1, 0])
  await expect(read(path)).rejects.toThrow(/"a" is not a number|3 columns \(.*\) for input|no array for input 'x'/)
})

test.each(Object.entries(files))('%s: a column that is not there is an error that lists those that are', async (_, path) => {
  await expect(read(path, { group: 'patient' })).rejects.toThrow(/no column 'patient' for the groups; there are .*'site'/)
  await expect(read(path, { slices: ['camera'] })).rejects.toThrow(/no column 'camera' for a slice; there are .*'site'/)
})

test('of a table that is streamed no more rows are held than a batch and one', async () => {
  let given = 0
  const table = {
    ...{ name: 'endless.jsonl', folder, bytes: Number.POSITIVE_INFINITY },
    async *read() {
      for (let i = 0; i < 10_000; i++) {
        given++
        yield { where: `endless.jsonl:${i + 1}`, values: { x: [i, i], label: 0 } }
      }
    },
  }
  const options = { inputs: [x], boundary: { trusted: false, root: folder }, findPreprocessor: async () => undefined }
  const data = await entryDataSet(await rowSource(table, options), { ...options, findClasses: async () => undefined })
  given = 0
  let seen = 0
  for await (const { size } of data.batches(8)) {
    seen += size
    expect(given - seen).toBeLessThanOrEqual(1)
  }
  expect(seen).toBe(10_000)
})

test('a Parquet file, or an Arrow file, that is cut short is an error of that file', async () => {
  await expect(read(put(folder, 'cut.parquet', parquet().subarray(0, 60)))).rejects.toThrow(
    'cut.parquet: not readable as Parquet',
  )
  const damaged = parquet()
  damaged.fill(255, 4, 40)
  await expect(read(put(folder, 'bad.parquet', damaged))).rejects.toThrow(/bad\.parquet/)
  await expect(read(put(folder, 'cut.arrow', arrow.subarray(0, 100)))).rejects.toThrow('cut.arrow: not readable as Arrow')
})

test('rows of different lengths without a mask run by shape, and with one they are filled up', async () => {
  const path = put(
    folder,
    'ragged.jsonl',
    [[1, 2], [3, 4], [5], [6, 7]].map((ids) => JSON.stringify({ input_ids: ids, label: 0 })).join('\n'),
  )
  const ids = input('input_ids', 'int64', ['n', 's'])
  const plain = await open(path, { inputs: [ids] })
  expect(plain.notes.join()).toContain('no mask for filling')
  const shapes: unknown[] = []
  for await (const batch of plain.batches(8)) shapes.push(batch.inputs.input_ids!.shape)
  expect(shapes).toEqual([
    [2, 2],
    [1, 1],
    [1, 2],
  ])
  const masked = await open(path, { inputs: [ids, input('attention_mask', 'int64', ['n', 's'])] })
  expect(masked.notes.join()).toContain('filled up')
  for await (const { inputs } of masked.batches(8)) {
    expect(inputs.input_ids).toEqual(array('int64', [4, 2], [1, 2, 3, 4, 5, 0, 6, 7]))
    expect(inputs.attention_mask).toEqual(array('int64', [4, 2], [1, 1, 1, 1, 1, 0, 1, 1]))
  }
})

test('labels of different lengths are filled up with -100', async () => {
  const rows = [
    { input_ids: [1, 2], label: [3, 4] },
    { input_ids: [5], label: [6] },
  ]
  const inputs = [input('input_ids', 'int64', ['n', 's']), input('attention_mask', 'int64', ['n', 's'])]
  const [batch] = await read(put(folder, 'tags.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')), { inputs })
  expect(batch!.label).toEqual(array('int64', [2, 2], [3, 4, 6, -100]))
})

test('a target that is missing is NaN, in an input it is refused', async () => {
  const [batch] = await read(put(folder, 'gaps.csv', 'x[0],x[1],label\n1,2,0.5\n3,4,\n'))
  expect([...batch!.label!.data]).toEqual([0.5, Number.NaN])
  await expect(read(put(folder, 'hole.csv', 'x[0],x[1],label\n1,,0.5\n'))).rejects.toThrow(
    `hole.csv:2, column 'x[1]': "" is not a number.`,
  )
})

test('an LZ4 frame is unpacked: literals, and copies that overlap what they write', () => {
  // "ab" and then 8 bytes from 2 before: token 2 literals, match length 4 + 4.
  const block = [0x24, 0x61, 0x62, 0x02, 0x00, 0x10, 0x21]
  const frame = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, block.length, 0, 0, 0, ...block, 0, 0, 0, 0]
  expect(Buffer.from(unpackFrame(Uint8Array.from(frame))).toString()).toBe('ababababab!')
  expect(() => unpackFrame(Uint8Array.from(frame.slice(0, 14)))).toThrow()
  expect(() => unpackFrame(Uint8Array.of(1, 2, 3, 4, 5))).toThrow('no LZ4 frame')
})

test('lists within lists and whole numbers of 64 bits are as JSON has them', () => {
  expect(plainRow({ a: [[1n, 2n], [3n]], b: BigInt64Array.of(4n), c: { d: 5n }, e: Uint8Array.of(1) })).toEqual({
    ...{ a: [[1, 2], [3]], b: [4], c: { d: 5 } },
    e: Uint8Array.of(1),
  })
})

test('an LZ4 frame that unpacks to more than allowed is refused before it has', () => {
  // A literal 'a', and a copy of it of 4 + 15 + 255 × 5,000 bytes.
  const block = [0x1f, 0x61, 1, 0, ...Array(5000).fill(255), 0]
  const size = [block.length & 255, block.length >> 8, 0, 0]
  const frame = Uint8Array.from([0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0, ...size, ...block, 0, 0, 0, 0])
  expect(unpackFrame(frame).length).toBe(1 + 4 + 15 + 255 * 5000)
  expect(() => unpackFrame(frame, 1_000_000)).toThrow('it unpacks to more than 1000000 bytes')
})

test.each([
  ['more values than their column', [0x5c, 0x15, 10], [0x5c, 0x15, 126], 'pages of a column of 5 values hold 63'],
  ['sizes below zero', [0x5c, 0x15, 10], [0x5c, 0x15, 11], 'a page has sizes below zero'],
])('pages of Parquet with %s are refused before they are unpacked', async (_, good, bad, message) => {
  const bytes = Buffer.from(parquet(5))
  const at = bytes.indexOf(Buffer.from(good))
  expect(at).toBeGreaterThan(0)
  bytes.set(bad, at)
  await expect(read(put(folder, 'pages.parquet', bytes))).rejects.toThrow(message)
})

test('a description of Parquet with a number of many bytes, or that is not there, is refused', async () => {
  const footer = (content: readonly number[]) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(content.length)
    return Buffer.concat([Buffer.from('PAR1'), Buffer.from(content), length, Buffer.from('PAR1')])
  }
  const refused = (bytes: Uint8Array) => expect(read(put(folder, 'footer.parquet', bytes))).rejects.toThrow
  await refused(footer([0x16, ...Array(100_000).fill(0x80), 1, 0]))('a number of more than ten bytes')
  await refused(footer(Array(1000).fill(0x1c)))('structs are nested more than 32 deep')
  await refused(Buffer.from('PAR1'))('it is too short')
})

test('a column for each of 50,000 pixels is read in time that is proportional to them', async () => {
  const n = 50_000
  const header = Array.from({ length: n }, (_, i) => `x[${i}]`).join(',')
  const path = put(folder, 'wide.csv', `${header},label\n${'1,'.repeat(n)}0\n`)
  const [batch] = await read(path, { inputs: [input('x', 'float32', ['n', n])] })
  expect(batch!.inputs.x?.data).toHaveLength(n)
})
