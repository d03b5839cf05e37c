import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { array, input, npyBytes, npzBytes, put, temporaryFolder, zstdFrame } from '../fixture.test.files.js'
import { type DataOptions, openData } from './data.js'
import type { Batch } from './dataset.js'
import { openFile } from './file.js'
import { glanceAt } from './glance.js'
import { bytesOf, readUnpacked, unpackedSize } from './packed.js'

const folder = temporaryFolder()
const x = input('x', 'float32', ['n', 2])

const read = async (name: string, content: string | Uint8Array, options: Partial<DataOptions> = {}) => {
  const batches: Batch[] = []
  const data = await openData(put(folder, name, content), { inputs: [x], trusted: false, ...options })
  for await (const batch of data.batches(2)) batches.push(batch)
  return batches
}

const rows = [0, 1, 2, 3, 4].map((i) => ({ x: [2 * i, 2 * i + 1], label: i }))
const lines = rows.map((row) => JSON.stringify(row)).join('\n')
const csv = `x[0],x[1],label\n${rows.map(({ x: own, label }) => [...own, label].join(',')).join('\n')}\n`
const numbers = Float32Array.from({ length: 10 }, (_, i) => i)
const npz = npzBytes({ x: array('float32', [5, 2], [...numbers]), label: array('int64', [5], [0, 1, 2, 3, 4]) })
const FORMS = {
  'd.csv': Buffer.from(csv),
  'd.tsv': Buffer.from(csv.replaceAll(',', '\t')),
  'd.jsonl': Buffer.from(lines),
  'd.json': Buffer.from(JSON.stringify(rows)),
  'd.npz': Buffer.from(npz),
}

test.each(Object.entries(FORMS))('%s is read packed as it is plain, held or streamed', async (name, content) => {
  const plain = await read(name, content)
  expect(plain.map(({ label }) => Array.from(label!.data, Number))).toEqual([[0, 1], [2, 3], [4]])
  for (const [ending, packed] of [['gz', gzipSync(content)] as const, ['zst', zstdFrame(content)] as const]) {
    expect(await read(`${name}.${ending}`, packed)).toEqual(plain)
    expect(await read(`${name}.${ending}`, packed, { smallBytes: 0 })).toEqual(plain)
    expect((await glanceAt(put(folder, `${name}.${ending}`, packed))).columns).toEqual(
      (await glanceAt(put(folder, name, content))).columns,
    )
  }
})

test('an array of numpy and a text are read packed', async () => {
  const npy = npyBytes('<f4', [5, 2], new Uint8Array(numbers.buffer))
  expect(await read('d.npy.gz', gzipSync(npy))).toEqual(await read('d.npy', npy))
  const refused = read('d.txt.gz', gzipSync('one two'))
  await expect(refused).rejects.toThrow('d.txt.gz: text, but no tokenizer is named')
})

test('what a file is packed with its bytes say', async () => {
  const plain = await read('d.csv', csv)
  expect(await read('named.csv.gz', csv)).toEqual(plain)
  expect(await read('named.csv', gzipSync(csv))).toEqual(plain)
  // Members that follow each other, as bgzip and cat write them.
  expect(await read('two.csv.gz', Buffer.concat([gzipSync(csv.slice(0, 20)), gzipSync(csv.slice(20))]))).toEqual(plain)
})

test.each([
  ['gzip', 'gz', gzipSync(csv)],
  ['Zstandard', 'zst', zstdFrame(Buffer.from(csv))],
])('%s that is cut short is told', async (kind, ending, packed) => {
  for (const at of [Math.floor(packed.length / 2), packed.length - 3])
    await expect(read(`cut.csv.${ending}`, packed.subarray(0, at))).rejects.toThrow(`not readable as ${kind}`)
})

test('what unpacks to too much is refused before it is held', async () => {
  const bomb = put(folder, 'bomb.csv.gz', gzipSync(Buffer.alloc(2 ** 22)))
  await expect(readUnpacked(bomb, 2 ** 20)).rejects.toThrow('it unpacks to more than 1048576 bytes')
  expect(await unpackedSize(bomb, 2 ** 20)).toBe(Number.POSITIVE_INFINITY)
  // 128 kB of four bytes.
  const runs = put(folder, 'bomb.jsonl.zst', zstdFrame(Buffer.alloc(0), { runs: 64 }))
  await using file = await openFile(runs)
  const drain = async () => {
    let bytes = 0
    for await (const piece of bytesOf(file, runs, 2 ** 20)) bytes += piece.byteLength
    return bytes
  }
  await expect(drain()).rejects.toThrow('bomb.jsonl.zst: it unpacks to more than 1048576 bytes')
  await expect(read('wide.csv.zst', zstdFrame(Buffer.from(csv), { windowLog: 30 }))).rejects.toThrow(
    'packed with a window of 2^30 bytes',
  )
})

test.each([
  ['d.parquet.gz', 'gunzip -k d.parquet.gz'],
  ['d.csv.bz2', 'bunzip2 -k d.csv.bz2'],
  ['d.csv.xz', 'unxz -k d.csv.xz'],
  ['d.zip', 'unzip d.zip'],
  ['d.tar.gz', 'tar xf d.tar.gz'],
])('%s is refused with what to do', async (name, command) => {
  await expect(read(name, gzipSync('PAR1'))).rejects.toHaveProperty('hint', expect.stringContaining(command))
})
