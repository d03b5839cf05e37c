import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { chunks, makePayload, readAll } from '../bytes/payload.js'
import { editGraph, editModel } from '../graph/edit.js'
import { makeTensor } from '../graph/make.js'
import type { Model, Payload } from '../model.js'
import { parseText } from '../text/text.js'
import { sha256 } from './hash.js'
import { openModel, readModel } from './open.js'
import { modelBytes, writeModel } from './write.js'

const root = mkdtempSync(join(tmpdir(), 'onnx-'))
afterAll(() => rmSync(root, { recursive: true }))

function newFolder(): string {
  return mkdtempSync(join(root, 'case-'))
}

function modelWith(payloads: readonly Payload[]): Model {
  const model = parseText('m (float[2] x) => (float[2] y) { y = Neg(x) }')
  const initializers = payloads.map((data, i) => makeTensor({ name: `w${i}`, type: 'uint8', shape: [data.byteLength], data }))
  return editModel(model, { graph: editGraph(model.graph, { initializers }) })
}

function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7) % 251)
}

test('payloads of any lengths come out whole, whatever the size of a chunk', async () => {
  const lengths = fc.array(fc.nat(5000), { minLength: 1, maxLength: 6 })
  const property = fc.asyncProperty(lengths, fc.integer({ min: 1, max: 3000 }), async (sizes, chunkBytes) => {
    const model = modelWith(sizes.map((size) => makePayload(counting(size))))
    const path = join(newFolder(), 'm.onnx')
    const [file] = await writeModel(model, path, { chunkBytes })
    const bytes = readFileSync(path)
    expect(file!.bytes).toBe(bytes.length)
    expect(bytes.equals(await modelBytes(model))).toBe(true)
    const again = await readModel(bytes)
    for (const [i, size] of sizes.entries()) expect(await readAll(again.graph.initializers[i]!.data)).toEqual(counting(size))
  })
  await fc.assert(property, { numRuns: 60, seed: 1 })
})

test('a large payload is asked for in whole elements at aligned places', async () => {
  const alignments: number[] = []
  const payload: Payload = {
    byteLength: 1_000_000,
    read(target, offset) {
      alignments.push(target.byteOffset % 16, offset % 16)
      return Promise.resolve()
    },
  }
  await writeModel(modelWith([payload]), join(newFolder(), 'm.onnx'), { chunkBytes: 65_536 })
  // 1,000,000 bytes in chunks of at most 65,536 - 15: 16 of them, two numbers each.
  expect(alignments.length).toBe(32)
  expect(alignments.every((rest) => rest === 0)).toBe(true)
})

test('progress is told in bytes, from nothing to all', async () => {
  const reports: [number, number][] = []
  const path = join(newFolder(), 'm.onnx')
  const [file] = await writeModel(modelWith([makePayload(counting(100_000))]), path, {
    chunkBytes: 40_000,
    onProgress: (done, total) => reports.push([done, total]),
  })
  expect(reports[0]).toEqual([0, file!.bytes])
  expect(reports.at(-1)).toEqual([file!.bytes, file!.bytes])
  expect(reports.length).toBe(4)
})

test('an abort leaves nothing behind', async () => {
  const folder = newFolder()
  const abort = new AbortController()
  const model = modelWith([makePayload(counting(100_000))])
  const writing = writeModel(model, join(folder, 'm.onnx'), {
    chunkBytes: 10_000,
    signal: abort.signal,
    onProgress: (done) => {
      if (done > 30_000) abort.abort(new Error('enough'))
    },
  })
  await expect(writing).rejects.toThrow('enough')
  expect(readdirSync(folder)).toEqual([])
})

test('a payload that fails leaves nothing behind, and the old file as it was', async () => {
  const folder = newFolder()
  const path = join(folder, 'm.onnx')
  writeFileSync(path, 'old')
  const payload: Payload = {
    byteLength: 50_000,
    read: (_, offset) => (offset > 9000 ? Promise.reject(new Error('disk')) : Promise.resolve()),
  }
  await expect(writeModel(modelWith([payload]), path, { chunkBytes: 4096 })).rejects.toThrow('disk')
  expect(readdirSync(folder)).toEqual(['m.onnx'])
  expect(readFileSync(path, 'utf8')).toBe('old')
})

test('a model is never written onto the file it is read from, edited or not', async () => {
  const path = join(newFolder(), 'm.onnx')
  await writeModel(modelWith([makePayload(counting(9000))]), path)
  const before = await sha256(path)
  await using file = await openModel(path)
  await expect(writeModel(file.model, path)).rejects.toThrow('is a file that the model is read from')
  await expect(writeModel(editModel(file.model, {}), path)).rejects.toThrow('is a file that the model is read from')
  expect(await sha256(path)).toBe(before)
})

test('a folder that does not exist is named with the command that makes it', async () => {
  const path = join(newFolder(), 'none', 'm.onnx')
  await expect(writeModel(modelWith([]), path)).rejects.toMatchObject({ hint: expect.stringContaining('mkdir -p') })
})

test('chunks give the payload in order, through buffers that are used again', async () => {
  const payload = makePayload(counting(10_000))
  const collected: number[] = []
  const buffers = new Set<ArrayBufferLike>()
  for await (const { bytes, offset } of chunks(payload, 4096)) {
    expect(offset).toBe(collected.length)
    expect(bytes.byteOffset).toBe(0)
    buffers.add(bytes.buffer)
    collected.push(...bytes)
  }
  expect(Uint8Array.from(collected)).toEqual(counting(10_000))
  expect(buffers.size).toBe(2)
})

test.each([2, 3, 5])('a chunk stays as it is while %s buffers are read into, in whatever order reads end', async (count) => {
  const source = makePayload(counting(10_000))
  const payload = {
    byteLength: 10_000,
    async read(target: Uint8Array, offset: number) {
      for (let tick = (offset * 7) % 5; tick >= 0; tick--) await setTimeout(0)
      await source.read(target, offset)
    },
  }
  const buffers = Array.from({ length: count }, () => new Uint8Array(1000))
  const collected: number[] = []
  for await (const { bytes, offset } of chunks(payload, 1000, buffers)) {
    await setTimeout(2)
    expect([offset, bytes.length]).toEqual([collected.length, 1000])
    collected.push(...bytes)
  }
  expect(Uint8Array.from(collected)).toEqual(counting(10_000))
})

test('of several reads in flight, the first that fails in order is what is thrown, when its chunk is asked for', async () => {
  const read = (_: Uint8Array, offset: number) => (offset < 2000 ? Promise.resolve() : Promise.reject(new Error(`at ${offset}`)))
  const offsets: number[] = []
  const reading = async () => {
    for await (const { offset } of chunks(
      { byteLength: 9000, read },
      1000,
      [1, 2, 3].map(() => new Uint8Array(1000)),
    ))
      offsets.push(offset)
  }
  await expect(reading()).rejects.toThrow('at 2000')
  expect(offsets).toEqual([0, 1000])
})

test('the hash is that of the bytes', async () => {
  // SHA-256 of nothing.
  expect(await sha256(makePayload(new Uint8Array(0)))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})
