import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { filesOf } from '../bytes/origin.js'
import { readAll } from '../bytes/payload.js'
import { create, ModelProtoSchema, StringStringEntryProtoSchema, TensorProto_DataLocation, toBinary } from '../bytes/proto.js'
import { valuesOf } from '../bytes/values.js'
import { editTensor } from '../graph/edit.js'
import { withTensors } from '../graph/with-tensors.js'
import type { Model } from '../model.js'
import { parseText } from '../text/text.js'
import { openModel } from './open.js'
import { writeModel } from './write.js'

const root = mkdtempSync(join(tmpdir(), 'onnx-names-'))
afterAll(() => rmSync(root, { recursive: true }))

const newFolder = () => mkdtempSync(join(root, 'case-'))

/** A model in a folder of its own whose initializers a, b, … f32[2] = k, k + 1 are at these locations. */
function source(name: string, ...locations: string[]): string {
  const folder = newFolder()
  const letters = locations.map((_, i) => String.fromCharCode(97 + i))
  const { proto } = parseText(
    `m (float[2] x) => (float[2] y) <${letters.map((each) => `float[2] ${each} = {0, 0}`).join(', ')}> { y = Sum(x, ${letters.join(', ')}) }`,
  )
  for (const [i, location] of locations.entries()) {
    const tensor = proto.graph!.initializer[i]!
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL
    tensor.externalData = [create(StringStringEntryProtoSchema, { key: 'location', value: location })]
    const path = join(folder, ...location.split('/'))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, new Uint8Array(Float32Array.of(i, i + 1).buffer))
  }
  writeFileSync(join(folder, name), toBinary(ModelProtoSchema, proto))
  return join(folder, name)
}

/** Writes a model with other elements, and reads it back: names of its files, and its elements. */
async function rewritten(from: string, to: string) {
  await using file = await openModel(from)
  const doubled = new Map<string, Float32Array>()
  for (const tensor of file.model.graph.initializers)
    doubled.set(
      tensor.name,
      Float32Array.from(valuesOf('float32', await readAll(tensor.data)) as Float32Array, (v) => 2 * v),
    )
  const model: Model = withTensors(file.model, (tensor, id) => editTensor(tensor, { data: memory(doubled.get(id)!) }))
  await writeModel(model, to)
  await using copy = await openModel(to)
  const values = await Promise.all(
    copy.model.graph.initializers.map(async ({ data }) => [...valuesOf('float32', await readAll(data))].map(Number)),
  )
  return { names: [...filesOf(copy.model.proto).locations].sort(), values, there: readdirSync(dirname(to)).sort() }
}

const memory = (values: Float32Array) => {
  const bytes = new Uint8Array(values.buffer)
  return {
    byteLength: bytes.length,
    bytes,
    read: async (target: Uint8Array, offset: number) => void target.set(bytes.subarray(offset, offset + target.length)),
  }
}

describe('external data keep their name', () => {
  test.each([
    ['of transformers.js', 'model.onnx', ['model.onnx_data'], 'model.onnx', ['model.onnx_data']],
    ['of onnxruntime-genai', 'model.onnx', ['model.onnx.data'], 'model.onnx', ['model.onnx.data']],
    ['in the new name of the model', 'model.onnx', ['model.onnx_data'], 'small.onnx', ['small.onnx_data']],
    ['in several files', 'm.onnx', ['m.onnx_data', 'm.onnx_data_1'], 'n.onnx', ['n.onnx_data', 'n.onnx_data_1']],
    ['of a folder below, beside the model', 'model.onnx', ['sub/model.onnx_data'], 'model.onnx', ['model.onnx_data']],
    ['that is not the model’s', 'model.onnx', ['weights.bin'], 'model.onnx', ['weights.bin']],
  ])('%s', async (_, name, locations, as, expected) => {
    const { names, values, there } = await rewritten(source(name, ...locations), join(newFolder(), as))
    expect(names).toEqual(expected)
    expect(values).toEqual(locations.map((_, i) => [2 * i, 2 * i + 2]))
    expect(there).toEqual([as, ...expected].sort())
  })

  test('and again where the model is written a second time', async () => {
    const to = join(newFolder(), 'model.onnx')
    const from = source('model.onnx', 'weights.bin')
    await rewritten(from, to)
    expect((await rewritten(from, to)).there).toEqual(['model.onnx', 'weights.bin'])
  })

  test('where the model is opened through a link of another name', async () => {
    const from = source('0123abcd', 'model.onnx_data')
    const link = join(dirname(from), 'model.onnx')
    symlinkSync(from, link)
    expect((await rewritten(link, join(newFolder(), 'model.onnx'))).names).toEqual(['model.onnx_data'])
  })
})

describe('external data are one file, <model>.data', () => {
  test.each([
    ['of several files that are not called after the model', 'model.onnx', ['a.bin', 'b.bin'], 'model.onnx'],
    ['where the model has another name and the data a name of their own', 'model.onnx', ['weights.bin'], 'other.onnx'],
    ['where the name is none of data', 'model.onnx', ['package.json'], 'model.onnx'],
    ['where the name is that of a page', 'model.onnx', ['report.html'], 'model.onnx'],
    ['where the name is that of the model', 'model.onnx', ['sub/model.onnx'], 'model.onnx'],
    ['where what follows the model’s name is none of data', 'model.onnx', ['model.onnx.js'], 'model.onnx'],
    ['where there is no name left', 'model.onnx', ['w'], 'model.onnx'],
  ])('%s', async (_, name, locations, as) => {
    const { names, values } = await rewritten(source(name, ...locations), join(newFolder(), as))
    expect(names).toEqual([`${as}.data`])
    expect(values).toEqual(locations.map((_, i) => [2 * i, 2 * i + 2]))
  })

  test('where another model beside it has such a file, which stays as it was', async () => {
    const folder = newFolder()
    await rewritten(source('encoder.onnx', 'weights.bin'), join(folder, 'encoder.onnx'))
    const before = readFileSync(join(folder, 'weights.bin'))
    const { names } = await rewritten(source('decoder.onnx', 'weights.bin'), join(folder, 'decoder.onnx'))
    expect(names).toEqual(['decoder.onnx.data'])
    expect(readFileSync(join(folder, 'weights.bin'))).toEqual(before)
  })

  test('where two models share the file that one of them would write', async () => {
    const folder = newFolder()
    const both = ['encoder.onnx', 'decoder.onnx'].map((name) => source(name, 'weights.bin'))
    for (const [i, path] of both.entries()) writeFileSync(join(folder, ['encoder.onnx', 'decoder.onnx'][i]!), readFileSync(path))
    writeFileSync(join(folder, 'weights.bin'), new Uint8Array(8))
    expect((await rewritten(both[0]!, join(folder, 'encoder.onnx'))).names).toEqual(['encoder.onnx.data'])
    expect(readFileSync(join(folder, 'weights.bin'))).toEqual(Buffer.alloc(8))
  })

  test('where some other file has the name', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'weights.bin'), 'mine')
    expect((await rewritten(source('model.onnx', 'weights.bin'), join(folder, 'model.onnx'))).names).toEqual(['model.onnx.data'])
    expect(readFileSync(join(folder, 'weights.bin'), 'utf8')).toBe('mine')
  })

  test('where the name is that of a file that the model is read from', async () => {
    const from = source('model.onnx', 'sub/model.onnx_data')
    const before = readFileSync(join(dirname(from), 'sub/model.onnx_data'))
    const { names } = await rewritten(from, join(dirname(from), 'sub/model.onnx'))
    expect(names).toEqual(['model.onnx.data'])
    expect(readFileSync(join(dirname(from), 'sub/model.onnx_data'))).toEqual(before)
  })
})

test('two writers at the same time do not take one name', async () => {
  const folder = newFolder()
  const files = await Promise.all(
    ['encoder.onnx', 'decoder.onnx'].map((name) => rewritten(source(name, 'weights.bin'), join(folder, name))),
  )
  expect(new Set(files.flatMap(({ names }) => names)).size).toBe(2)
})

test('a name that was taken is free again when writing fails', async () => {
  const folder = newFolder()
  await using file = await openModel(source('model.onnx', 'weights.bin'))
  const broken = withTensors(file.model, (tensor) =>
    editTensor(tensor, { data: { byteLength: 8, read: () => Promise.reject(new Error('gone')) } }),
  )
  await expect(writeModel(broken, join(folder, 'model.onnx'))).rejects.toThrow('gone')
  expect(readdirSync(folder)).toEqual([])
})
