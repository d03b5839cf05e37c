import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { zipSync } from 'fflate'
import { expect, test } from 'vitest'
import { input, npyBytes, put, temporaryFolder } from '../../fixture.test.files.js'
import { type DataOptions, openData } from '../data.js'

const folder = temporaryFolder()
const x = input('x', 'float32', ['n'])
const labelsOf = async (path: string, options: Partial<DataOptions> = {}) => {
  for await (const { label, columns } of (await openData(path, { inputs: [x], trusted: false, ...options })).batches(10))
    return { numbers: Array.from(label!.data, Number), text: columns?.label }
  return undefined
}
const unicode = (text: string, length: number) =>
  Buffer.from(Uint32Array.from({ length }, (_, i) => text.codePointAt(i) ?? 0).buffer)
const npz = zipSync({
  'x.npy': npyBytes('<f4', [3], new Uint8Array(12)),
  'label.npy': npyBytes('<U3', [3], Buffer.concat(['dog', 'cat', 'dog'].map((name) => unicode(name, 3)))),
})
const files = {
  npz: put(folder, 'd.npz', npz),
  csv: put(folder, 'd.csv', 'x,label\n0,dog\n0,cat\n0,dog\n'),
  jsonl: put(folder, 'd.jsonl', ['dog', 'cat', 'dog'].map((label) => JSON.stringify({ x: 0, label })).join('\n')),
}

test.each(Object.entries(files))('%s: names are numbers by the classes that are said', async (_, path) => {
  expect(await labelsOf(path, { classes: ['cat', 'dog'] })).toEqual({ numbers: [1, 0, 1], text: ['dog', 'cat', 'dog'] })
  expect((await labelsOf(path, { classes: ['dog', 'cat'] }))!.numbers).toEqual([0, 1, 0])
})

test.each(Object.entries(files))('%s: names whose numbers are not known are refused, with all of them', async (_, path) => {
  const refused = labelsOf(path)
  await expect(refused).rejects.toThrow("labels 'label' are names, and which class of the model each is, is not known: cat, dog.")
  await expect(refused).rejects.toHaveProperty('hint', expect.stringContaining('--classes cat,dog'))
  await expect(labelsOf(path, { classes: ['cat', 'fish'] })).rejects.toThrow(
    '"dog" is not among the classes cat, fish (as they are said).',
  )
})

test('true is 1 and false 0 in text as in what has types', async () => {
  const path = put(folder, 'bool.csv', 'x,label\n0,True\n0,False\n0,true\n')
  expect((await labelsOf(path))!.numbers).toEqual([1, 0, 1])
  expect((await labelsOf(path, { classes: ['no', 'yes'] }))!.numbers).toEqual([1, 0, 1])
  // Where the classes are called so, their order counts.
  const named = put(folder, 'named.csv', 'x,label\n0,True\n0,False\n0,True\n')
  expect((await labelsOf(named, { classes: ['True', 'False'] }))!.numbers).toEqual([0, 1, 0])
  await expect(labelsOf(put(folder, 'odd.csv', 'x,label\n0,True\n0,maybe\n'))).rejects.toThrow('is not known: True, maybe.')
})

test('labels that name masks say how masks are given', async () => {
  const refused = labelsOf(put(folder, 'masks.csv', 'x,label\n0,masks/1.png\n0,masks/2.png\n'))
  await expect(refused).rejects.toThrow(
    "labels 'label' are files of images: masks/1.png, masks/2.png. Masks are read beside one image",
  )
  await expect(refused).rejects.toHaveProperty('hint', expect.stringContaining('label [N, height, width]'))
})

test('classes come from the config.json beside the model, and from what the model itself names', async () => {
  const own = join(folder, 'model')
  mkdirSync(own)
  const bare = '<ir_version: 8, opset_import: ["" : 17]> g (float[n] x) => (float[n] y) { y = Identity(x) }'
  const model = put(own, 'model.onnx', await modelBytes(parseText(bare)))
  put(own, 'config.json', JSON.stringify({ id2label: { 0: 'dog', 1: 'cat' } }))
  expect((await labelsOf(files.csv, { models: [model] }))!.numbers).toEqual([0, 1, 0])
  const noted = `<ir_version: 8, opset_import: ["" : 17], metadata_props: ["names": "{0: 'cat', 1: 'dog'}"]> g (float[n] x) => (float[n] y) { y = Identity(x) }`
  const other = put(folder, 'noted.onnx', await modelBytes(parseText(noted)))
  expect((await labelsOf(files.csv, { models: [other] }))!.numbers).toEqual([1, 0, 1])
})

test('tags of words are numbers one by one', async () => {
  const path = put(folder, 'tags.jsonl', JSON.stringify({ x: 0, label: ['O', 'B-PER', 'O'] }))
  expect((await labelsOf(path, { classes: ['O', 'B-PER'] }))!.numbers).toEqual([0, 1, 0])
})

test('arrays of text are inputs where the model takes text, and columns where they are asked for', async () => {
  const words = input('label', 'string', ['n'])
  const data = await openData(files.npz, { inputs: [x, words], trusted: false })
  for await (const { strings } of data.batches(2)) {
    expect(strings!.label).toEqual({ type: 'string', shape: [2], data: ['dog', 'cat'] })
    break
  }
  const grouped = await openData(files.npz, { inputs: [x], trusted: false, group: 'label', classes: ['cat', 'dog'] })
  expect(grouped.columnNames.group).toBe('label')
  await expect(openData(files.npz, { inputs: [x], trusted: false, id: 'name', classes: ['cat', 'dog'] })).rejects.toThrow(
    "no column 'name' for the names of samples; there are 'x', 'label'.",
  )
})
