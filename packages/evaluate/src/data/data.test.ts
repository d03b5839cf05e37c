import { describe, expect, test } from 'vitest'
import { array, input, npyBytes, npzBytes, put, temporaryFolder, testModel } from '../fixture.test.files.js'
import { type DataOptions, openData, UntrustedError } from './data.js'
import { inputsFor, padBatch } from './dataset.js'
import { inMemory } from './entries.js'
import { ARRAY_FORMATS, TABLE_FORMATS } from './formats.js'

const folder = temporaryFolder()
const x = input('x', 'float32', ['batch', 2])
const open = (path: string, options: Partial<DataOptions> = {}) => openData(path, { inputs: [x], trusted: false, ...options })
const all = async <T>(items: AsyncIterable<T>) => {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

// Five samples (0, 1), (2, 3), … with labels 0 to 4, in each format.
const values = Array.from({ length: 10 }, (_, i) => i)
const arrays = { x: array('uint8', [5, 2], values), label: array('uint8', [5], [0, 1, 2, 3, 4]) }
const rows = [0, 1, 2, 3, 4].map((i) => ({ x: [2 * i, 2 * i + 1], label: i }))
const files = {
  npz: put(folder, 'd.npz', npzBytes(arrays)),
  csv: put(folder, 'd.csv', `a,b,label\n${rows.map((row) => `${row.x.join(',')},${row.label}`).join('\n')}\n`),
  jsonl: put(folder, 'd.jsonl', `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`),
  mjs: put(folder, 'd.mjs', `export default ${JSON.stringify(rows)}`),
  'mjs with a generator': put(
    folder,
    'generator.mjs',
    `export default async function* () { for (const row of ${JSON.stringify(rows)}) yield { ...row, x: Float32Array.from(row.x) } }`,
  ),
}

test.each(Object.entries(files))('%s: batches in order, the last smaller', async (_, path) => {
  const data = await open(path, { trusted: true })
  const batches = await all(data.batches(2))
  expect(batches.map(({ first, size }) => [first, size])).toEqual([
    [0, 2],
    [2, 2],
    [4, 1],
  ])
  expect(batches.map(({ inputs }) => inputs.x)).toEqual([
    array('float32', [2, 2], [0, 1, 2, 3]),
    array('float32', [2, 2], [4, 5, 6, 7]),
    array('float32', [1, 2], [8, 9]),
  ])
  expect(batches.flatMap(({ label }) => [...label!.data].map(Number))).toEqual([0, 1, 2, 3, 4])
})

test.each(Object.entries(files))('%s: can be read again', async (_, path) => {
  const data = await open(path, { trusted: true })
  const first = await all(data.batches(5))
  expect(await all(data.batches(5))).toEqual(first)
  expect(first).toHaveLength(1)
})

test.each(Object.entries(files))('%s: samples in any order, once they are in memory', async (_, path) => {
  const data = await inMemory(await open(path, { trusted: true }), [x])
  expect(data.samples).toBe(5)
  const { first, size, inputs, label } = data.pick([4, 0, 4])
  expect([first, size]).toEqual([4, 3])
  expect(inputs.x).toEqual(array('float32', [3, 2], [8, 9, 0, 1, 8, 9]))
  expect([...label!.data].map(Number)).toEqual([4, 0, 4])
  expect(data.pick(Uint32Array.of(1)).inputs.x).toEqual(array('float32', [1, 2], [2, 3]))
})

test('a module without samples is an error', async () => {
  const path = put(folder, 'later.mjs', 'let read = 0; export default () => (read++ === 0 ? [{ x: [1, 2] }] : [])')
  const data = await open(path, { trusted: true })
  await all(data.batches(1))
  await expect(inMemory(data, [x])).rejects.toThrow('there are no samples')
})

test('a .npy file is the only input', async () => {
  const path = put(folder, 'x.npy', npyBytes('|u1', [5, 2], Uint8Array.from(values)))
  expect((await open(path)).samples).toBe(5)
  await expect(open(path, { inputs: [x, input('z', 'float32', ['n'])] })).rejects.toThrow(
    "x.npy: one array for a model with the inputs 'x', 'z'.",
  )
})

test('a fixed batch is filled up with the last sample', async () => {
  const [batch] = await all((await open(files.npz)).batches(5))
  const padded = padBatch({ ...batch!, inputs: { x: array('float32', [2, 2], [1, 2, 3, 4]) }, size: 2 }, 4)
  expect(padded.inputs.x).toEqual(array('float32', [4, 2], [1, 2, 3, 4, 3, 4, 3, 4]))
})

test('a module is not run without trust', async () => {
  const path = put(folder, 'evil.mjs', 'throw new Error("it ran")')
  const error = await open(path).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(UntrustedError)
  expect(error).toMatchObject({ kind: 'untrusted', message: `${path}: a data module is not run on untrusted input.` })
  await expect(open(path, { trusted: true })).rejects.toThrow('the module does not load (it ran)')
})

test('a loader may be handed in for TypeScript', async () => {
  const path = put(folder, 'd.ts', 'export default [] as number[]')
  const importModule = async (file: string) => ({ default: () => (file === path ? rows : []) })
  const data = await open(path, { trusted: true, importModule })
  expect(await all(data.batches(8))).toHaveLength(1)
})

test('a module without samples is refused', async () => {
  await expect(open(put(folder, 'none.mjs', 'export const x = 1'), { trusted: true })).rejects.toThrow(
    'its default export is missing, expected samples.',
  )
  await expect(open(put(folder, 'empty.mjs', 'export default []'), { trusted: true })).rejects.toThrow("no array for input 'x'")
})

test('a bad sample of a module is named by its number', async () => {
  const samples = '[{ x: [1, 2] }, { x: [3, 4] }, { x: [5, 6, 7] }]'
  const data = await open(put(folder, 'bad.mjs', `export default ${samples}`), { trusted: true })
  await expect(all(data.batches(2))).rejects.toThrow("bad.mjs: sample 2: input 'x' is float32[batch, 2], the array int64[1, 3].")
})

test('files that are missing, folders, pointers and other kinds are refused', async () => {
  const pointer = put(folder, 'lfs.npz', 'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n')
  await expect(open(pointer)).rejects.toMatchObject({
    message: `${pointer}: a Git LFS pointer, not the file itself.`,
    hint: expect.stringContaining('git lfs pull'),
  })
  await expect(open(`${folder}/none.npz`)).rejects.toThrow('none.npz: no such file.')
  await expect(open(put(folder, 'd.parquet', ''))).rejects.toThrow('d.parquet: not readable as Parquet')
  await expect(open(put(folder, 'd.arrow', 'ARROW1'))).rejects.toThrow('d.arrow: not readable as Arrow')
  await expect(open(files.npz, { maxBytes: 100 })).rejects.toThrow(/d\.npz: \d+ bytes, more than the 100 allowed/)
  await expect(open(put(folder, 'd.txt', 'words'))).rejects.toThrow('d.txt: text, but no tokenizer is named.')
  await expect(open(put(folder, 't.jsonl', '{"text": "words"}'))).rejects.toThrow('t.jsonl: text, but no tokenizer is named.')
})

test('inputs that follow from the token ids are filled in for each model', async () => {
  const path = put(folder, 'ids.npz', npzBytes({ input_ids: array('uint8', [1, 3], [5, 6, 7]) }))
  const ids = input('input_ids', 'int64', ['batch', 'seq'])
  const inputs = [ids, input('position_ids', 'int64', ['batch', 'seq'])]
  const [batch] = await all((await open(path, { inputs })).batches(1))
  expect(inputsFor(inputs, batch!)).toEqual({
    input_ids: array('int64', [1, 3], [5, 6, 7]),
    position_ids: array('int64', [1, 3], [0, 1, 2]),
  })
  expect(() => inputsFor([ids, x], batch!)).toThrow("input 'x' float32[batch, 2] is not in the data.")
})

test('a text and its tokenizer give the same windows as the stored token ids', async () => {
  const inputs = [input('input_ids', 'int64', ['batch', 'seq'])]
  const text = { tokenizer: testModel('lm-tokenizer.json'), length: 128 }
  const [stored] = await all((await open(testModel('data/lm-evaluate.npz'), { inputs })).batches(1000))
  const [read] = await all((await open(testModel('data/lm-evaluate.txt'), { inputs, text })).batches(1000))
  expect(stored?.size).toBe(739)
  expect(read?.inputs).toEqual(stored?.inputs)
  expect([...read!.scored!.data].filter(Boolean)).toHaveLength(739 * 127)
})

test.each([1000, 200_000])('JSON nested %d deep is an error, not a crash', async (depth) => {
  const line = `{"pixels": ${'['.repeat(depth)}1${']'.repeat(depth)}}`
  await expect(open(put(folder, 'deep.jsonl', line))).rejects.toThrow('deep.jsonl:1: nested more than 64 deep.')
})

test('arrays of more axes than any tensor has are no arrays', async () => {
  const line = `{"x": ${'['.repeat(40)}1${']'.repeat(40)}}`
  await expect(open(put(folder, 'deep.jsonl', line))).rejects.toThrow('is not a number, an evenly nested array of numbers')
})

test.each(Object.keys(files))('with a tokenizer too, arrays in %s are read as what they are', async (kind) => {
  const text = { tokenizer: testModel('lm-tokenizer.json') }
  const [found] = await all((await open(files[kind as keyof typeof files], { text, trusted: true })).batches(10))
  const [expected] = await all((await open(files[kind as keyof typeof files], { trusted: true })).batches(10))
  expect(found).toEqual(expected)
})

describe('with a tokenizer', () => {
  const inputs = [input('input_ids', 'int64', ['b', 's'])]
  const text = { tokenizer: testModel('lm-tokenizer.json'), length: 8 }
  const words = 'In the beginning God created the heaven and the earth.'
  const read = async (name: string, bytes: string | Buffer) =>
    (await all((await open(put(folder, name, bytes), { inputs, text })).batches(10)))[0]!.inputs

  test('text is text whatever its file is called, and a byte order mark is none of it', async () => {
    const expected = await read('a.txt', words)
    expect(expected.input_ids!.shape[1]).toBe(8)
    for (const name of ['a.md', 'A.TXT', 'wiki.test.raw', 'README']) expect(await read(name, words)).toEqual(expected)
    expect(await read('marked.txt', `\uFEFF${words}`)).toEqual(expected)
    expect(await read('a.jsonl', JSON.stringify({ text: words }))).toEqual(expected)
  })

  test('lines of token ids are samples, and lines of words without a text say which field there is', async () => {
    const ids = [5, 6, 7]
    expect([...(await read('ids.jsonl', JSON.stringify({ input_ids: ids }))).input_ids!.data]).toEqual(ids.map(BigInt))
    await expect(read('other.jsonl', JSON.stringify({ body: words }))).rejects.toThrow("other.jsonl:1: 'text' is missing")
  })

  test('JSON of one piece is read as lines of it are', async () => {
    const rows = [{ text: words }, { text: words }]
    const lines = rows.map((row) => JSON.stringify(row)).join('\n')
    expect(await read('t.json', JSON.stringify(rows))).toEqual(await read('t.jsonl', lines))
  })

  test('what is no format is refused, with what is read', async () => {
    const refused = read('t.xml', '<text>words</text>')
    await expect(refused).rejects.toThrow("data of kind '.xml' are not read.")
    await expect(refused).rejects.toHaveProperty(
      'hint',
      `expected arrays (${Object.keys(ARRAY_FORMATS).join(', ')}), tables (${Object.keys(TABLE_FORMATS).join(', ')}), a folder of images, text with a tokenizer (.txt, .md), or a module (.js, .mjs, .ts); of annotations of Pascal VOC the folder in which they lie beside images, or beside a folder of images.`,
    )
  })

  test('text that is not in UTF-8 is refused', async () => {
    await expect(read('latin1.txt', Buffer.from('Über alles', 'latin1'))).rejects.toThrow('latin1.txt: not text in UTF-8.')
    await expect(read('utf16.txt', Buffer.from(words, 'utf16le'))).rejects.toThrow('utf16.txt: not text in UTF-8.')
  })
})
