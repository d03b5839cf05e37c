import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readAll } from '../bytes/payload.js'
import {
  create,
  fromBinary,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  toBinary,
} from '../bytes/proto.js'
import { valuesOf } from '../bytes/values.js'
import { PareError } from '../error.js'
import { editGraph, editModel, editTensor } from '../graph/edit.js'
import { makeTensor } from '../graph/make.js'
import { withTensors } from '../graph/with-tensors.js'
import type { Model } from '../model.js'
import { python, withoutPython } from '../python.test.support.js'
import { parseText } from '../text/text.js'
import { openModel, readModel } from './open.js'
import { modelBytes, writeModel } from './write.js'

const root = mkdtempSync(join(tmpdir(), 'onnx-'))
afterAll(() => rmSync(root, { recursive: true }))

/** A folder of its own with the data 0, 1, 2, 3 (f32) in `weights.data`. */
function newFolder(): string {
  const folder = mkdtempSync(join(root, 'case-'))
  writeFileSync(join(folder, 'weights.data'), new Uint8Array(Float32Array.of(0, 1, 2, 3).buffer))
  return folder
}

/** Writes a model whose initializer f32[2] says it is elsewhere. */
function modelIn(
  folder: string,
  entries: Readonly<Record<string, string>> | readonly (readonly [key: string, value: string])[],
): string {
  const { proto } = parseText('m (float[2] x) => (float[2] y) <float[2] w = {0, 0}> { y = Add(x, w) }')
  const tensor = proto.graph!.initializer[0]! as TensorProto
  tensor.dataLocation = TensorProto_DataLocation.EXTERNAL
  tensor.externalData = (Array.isArray(entries) ? entries : Object.entries(entries)).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value }),
  )
  const path = join(folder, 'model.onnx')
  writeFileSync(path, toBinary(ModelProtoSchema, proto))
  return path
}

async function weight(path: string, options = {}): Promise<number[]> {
  await using file = await openModel(path, options)
  return Array.from(valuesOf('float32', await readAll(file.model.graph.initializers[0]!.data)), Number)
}

async function refusal(path: string): Promise<string> {
  const error = await openModel(path).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(PareError)
  return `${(error as PareError).message} hint: ${(error as PareError).hint}`
}

describe('external data are read', () => {
  test('from offset on', async () => {
    expect(await weight(modelIn(newFolder(), { location: 'weights.data', offset: '8', length: '8' }))).toEqual([2, 3])
  })

  test('without offset and length', async () => {
    expect(await weight(modelIn(newFolder(), { location: 'weights.data' }))).toEqual([0, 1])
  })

  test('from a folder inside the one of the model', async () => {
    const folder = newFolder()
    mkdirSync(join(folder, 'sub'))
    writeFileSync(join(folder, 'sub', 'w'), new Uint8Array(Float32Array.of(5, 6).buffer))
    expect(await weight(modelIn(folder, { location: 'sub/w' }))).toEqual([5, 6])
  })

  test('by a model from memory, once it knows the folder', async () => {
    const folder = newFolder()
    const bytes = readFileSync(modelIn(folder, { location: 'weights.data' }))
    const model = await readModel(bytes, { externalFrom: folder })
    expect([...valuesOf('float32', await readAll(model.graph.initializers[0]!.data))]).toEqual([0, 1])
    await expect(readModel(bytes)).rejects.toThrow(PareError)
  })
})

describe('external data are refused', () => {
  const places: [string, string, string][] = [
    ['outside the folder', '../weights.data', "leaves the model's folder"],
    ['outside by a detour', 'sub/../../weights.data', "leaves the model's folder"],
    [
      'with backslashes',
      '..\\weights.data',
      process.platform === 'win32' ? "leaves the model's folder" : "has a '\\' in its name",
    ],
    ['in memory of ONNX Runtime', '*/_ORT_MEM_ADDR_/*', "has a '*' in its name"],
    ['with a NUL', 'weights.data\0', 'is not the name of a file'],
    ['with a very long name', 'w'.repeat(5000), 'is not the name of a file'],
    ['at an absolute path', '/etc/passwd', 'is an absolute path'],
    ['on a drive', 'C:weights.data', 'is an absolute path'],
    ['in a hidden file', '.env', 'is a hidden file'],
    ['in a hidden folder', '.git/config', 'is a hidden file or in a hidden folder'],
    ['that are missing', 'none.data', 'is missing'],
    ['in a folder itself', 'sub', 'is not a regular file'],
    ['without a name', '', 'is not the name of a file'],
  ]
  test.each(places)('%s', async (_, location, message) => {
    const folder = newFolder()
    mkdirSync(join(folder, 'sub'))
    expect(await refusal(modelIn(folder, { location }))).toContain(message)
  })

  // Windows lets only administrators make them.
  test.skipIf(process.platform === 'win32')('behind a symbolic link, to a file or to a folder', async () => {
    const folder = newFolder()
    symlinkSync('weights.data', join(folder, 'link'))
    expect(await refusal(modelIn(folder, { location: 'link' }))).toContain('symbolic link')
    symlinkSync('.', join(folder, 'around'))
    expect(await refusal(modelIn(folder, { location: 'around/weights.data' }))).toContain('symbolic link')
  })

  test('with a second hard link, unless that is allowed', async () => {
    const folder = newFolder()
    linkSync(join(folder, 'weights.data'), join(folder, 'other'))
    const path = modelIn(folder, { location: 'weights.data' })
    expect(await refusal(path)).toContain('has 2 hard links, expected 1')
    expect(await weight(path, { allowHardLinks: true })).toEqual([0, 1])
  })

  test('beyond the end of the file', async () => {
    const path = modelIn(newFolder(), { location: 'weights.data', offset: '12', length: '8' })
    expect(await refusal(path)).toContain("tensor 'w' is the bytes from 12 to 20, but the file ends at 16")
  })

  test.each([
    ['offset', '-8'],
    ['offset', '1e3'],
    ['length', '99999999999999999999'],
    ['length', '4'],
  ])('with %s %s', async (key, value) => {
    expect(await refusal(modelIn(newFolder(), { location: 'weights.data', [key]: value }))).toContain(key)
  })

  const TWICE = [
    [
      'location',
      [
        ['location', 'weights.data'],
        ['location', '/etc/passwd'],
      ],
    ],
    [
      'offset',
      [
        ['location', 'weights.data'],
        ['offset', '0'],
        ['offset', '8'],
      ],
    ],
    [
      'length',
      [
        ['location', 'weights.data'],
        ['length', '8'],
        ['length', '8'],
      ],
    ],
  ] as const
  test.each(TWICE)('with two entries %s, of which readers take either', async (key, entries) => {
    expect(await refusal(modelIn(newFolder(), entries))).toContain(`have the entry '${key}' twice`)
  })

  test.each(['prepacked_0', 'basepath', 'Location', '__proto__', ''])('with the entry %j', async (key) => {
    const path = modelIn(newFolder(), [
      ['location', 'weights.data'],
      [key, 'weights.data|0;8;x'],
    ])
    expect(await refusal(path)).toContain(`have the entry '${key}', expected location, offset, length, checksum`)
  })

  test.skipIf(process.platform === 'win32')('even where a file has the name of memory, or a backslash in its own', async () => {
    const folder = newFolder()
    mkdirSync(join(folder, '*/_ORT_MEM_ADDR_'), { recursive: true })
    mkdirSync(join(folder, 'sub'))
    for (const name of ['*/_ORT_MEM_ADDR_/*', 'sub\\w', 'sub/w']) writeFileSync(join(folder, name), new Uint8Array(8))
    expect(await refusal(modelIn(folder, { location: '*/_ORT_MEM_ADDR_/*' }))).toContain("has a '*' in its name")
    expect(await refusal(modelIn(folder, { location: 'sub\\w' }))).toContain("has a '\\' in its name")
  })

  test('that Git LFS left out', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'weights.data'), 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 16\n')
    expect(await refusal(modelIn(folder, { location: 'weights.data' }))).toContain('git lfs pull')
  })
})

describe('files that are open', () => {
  const replaced = (path: string) => {
    writeFileSync(`${path}.new`, readFileSync(path))
    renameSync(`${path}.new`, path)
  }
  test.each(['model.onnx', 'weights.data'])('are no longer the same once %s was replaced', async (name) => {
    const folder = newFolder()
    await using file = await openModel(modelIn(folder, { location: 'weights.data' }))
    await file.confirmFiles()
    replaced(join(folder, name))
    await expect(file.confirmFiles()).rejects.toThrow(`${name} was replaced or changed`)
  })

  test('are no longer the same once one was written to, or is gone', async () => {
    const folder = newFolder()
    await using file = await openModel(modelIn(folder, { location: 'weights.data' }))
    writeFileSync(join(folder, 'weights.data'), new Uint8Array(20))
    await expect(file.confirmFiles()).rejects.toThrow('weights.data was replaced or changed')
    rmSync(join(folder, 'weights.data'))
    await expect(file.confirmFiles()).rejects.toThrow('weights.data was replaced or changed')
  })
})

/** A model with three external tensors. */
function external(): Model {
  const model = parseText(
    `m (float[2] x) => (float[2] y) <float[2] a = {1, 2}, float[2] b = {3, 4}, int64[1] c = {5}>
     { p = Add(x, a)
       y = Add(p, b) }`,
  )
  return withTensors(model, (tensor) => editTensor(tensor, { storage: 'external' }))
}

describe('external data are written', () => {
  test('at page-aligned offsets of one file beside the model', async () => {
    const path = join(newFolder(), 'm.onnx')
    const files = await writeModel(external(), path)
    expect(files.map(({ path: each, bytes }) => [each, bytes])).toEqual([
      [path, readFileSync(path).length],
      // a at 0, b at 4096, c at 8192 with 8 bytes.
      [`${path}.data`, 8200],
    ])
    await using file = await openModel(path)
    expect(file.model.graph.initializers.map((tensor) => tensor.data.file?.offset)).toEqual([0, 4096, 8192])
    expect(file.model.graph.initializers.map((tensor) => tensor.storage)).toEqual(['external', 'external', 'external'])
  })

  test.skipIf(withoutPython)('so that onnx reads them', async () => {
    const path = join(newFolder(), 'm.onnx')
    await writeModel(external(), path)
    const script = `
model = onnx.load(sys.stdin.read())
onnx.checker.check_model(model)
print(json.dumps([onnx.numpy_helper.to_array(each).tolist() for each in model.graph.initializer]))`
    expect(JSON.parse(python(script, path))).toEqual([[1, 2], [3, 4], [5]])
  })

  test('again, the same byte for byte under the same name elsewhere', async () => {
    const [first, second] = [join(newFolder(), 'm.onnx'), join(newFolder(), 'm.onnx')]
    await writeModel(external(), first)
    await using file = await openModel(first)
    await writeModel(file.model, second)
    expect(readFileSync(second)).toEqual(readFileSync(first))
    expect(readFileSync(`${second}.data`)).toEqual(readFileSync(`${first}.data`))
  })
})

test('offsets beyond 4 GiB are read', async () => {
  const folder = newFolder()
  const offset = 5 * 2 ** 30
  truncateSync(join(folder, 'weights.data'), offset)
  writeFileSync(join(folder, 'weights.data'), new Uint8Array(Float32Array.of(7, 8).buffer), { flag: 'a' })
  expect(await weight(modelIn(folder, { location: 'weights.data', offset: `${offset}`, length: '8' }))).toEqual([7, 8])
})

test('an inline file of 2 GiB is refused with the way out', async () => {
  const model = parseText('m (float[2] x) => (float[2] y) { y = Neg(x) }')
  const data = { byteLength: 2 ** 31, read: () => Promise.resolve() }
  const huge = makeTensor({ name: 'huge', type: 'uint8', shape: [2 ** 31], data })
  const path = join(newFolder(), 'm.onnx')
  const error = await writeModel(editModel(model, { graph: editGraph(model.graph, { initializers: [huge] }) }), path).catch(
    (e) => e,
  )
  expect(error).toBeInstanceOf(PareError)
  expect(error.hint).toContain("storage: 'external'")
})

describe('bytes of a model with external data', () => {
  const twoWeights = async (folder: string) => {
    const source = parseText(
      'm (float[2] x) => (float[2] y) <float[2] v = {5, 6}, float[2] w = {0, 0}> { a = Add(x, v) y = Add(a, w) }',
    )
    const initializers = source.graph.initializers.map((tensor) => ({ ...tensor, storage: 'external' as const }))
    await writeModel(editModel(source, { graph: editGraph(source.graph, { initializers }) }), join(folder, 'two.onnx'))
    return openModel(join(folder, 'two.onnx'))
  }
  const placesOf = (bytes: Uint8Array) =>
    fromBinary(ModelProtoSchema, bytes).graph!.initializer.map(({ name, externalData, rawData }) => [
      name,
      Object.fromEntries(externalData.map(({ key, value }) => [key, value])),
      rawData?.byteLength ?? 0,
    ])

  test('refer to the files in the folder that is named, and hold what is not there', async () => {
    const folder = newFolder()
    await using file = await twoWeights(folder)
    const { model } = file
    const changed = model.graph.initializers.map((tensor) =>
      tensor.name === 'v' ? editTensor(tensor, { data: makeTensor({ name: '', type: 'float32', values: [7, 8] }).data }) : tensor,
    )
    const bytes = await modelBytes(editModel(model, { graph: editGraph(model.graph, { initializers: changed }) }), {
      externalFrom: folder,
    })
    expect(placesOf(bytes)).toEqual([
      ['v', {}, 8],
      ['w', { location: 'two.onnx.data', offset: '4096', length: '8' }, 0],
    ])
    const again = await readModel(bytes, { externalFrom: folder })
    expect(valuesOf('float32', await readAll(again.graph.initializers[0]!.data))).toEqual(Float32Array.of(7, 8))
  })

  test('hold everything where no folder is named, or another', async () => {
    const folder = newFolder()
    await using file = await twoWeights(folder)
    const all = [
      ['v', {}, 8],
      ['w', {}, 8],
    ]
    expect(placesOf(await modelBytes(file.model))).toEqual(all)
    expect(placesOf(await modelBytes(file.model, { externalFrom: newFolder() }))).toEqual(all)
  })
})
