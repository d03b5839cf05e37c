import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { input, put, temporaryFolder } from '../../fixture.test.files.js'
import { measure } from '../../measure/measure.js'
import { loadRuntime } from '../../process/runtime.js'
import { type DataOptions, openData } from '../data.js'
import { filesNamedBy } from '../named-files.js'
import { classesOf, imageInput, png, readBoxes } from './boxes.test.support.js'

const folder = temporaryFolder()
const tree = (name: string, files: Readonly<Record<string, Uint8Array | object>>) => {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, path, '..'), { recursive: true })
    writeFileSync(join(folder, name, path), content instanceof Uint8Array ? content : JSON.stringify(content))
  }
  return join(folder, name)
}

/** Two images of 40 × 20 pixels; on the first a cat, a fox and a crowd of foxes, on the second nothing. Categories leave numbers out, one has nothing. */
const coco = {
  images: [
    { id: 7, file_name: 'a.png', width: 40, height: 20 },
    { id: 3, file_name: 'b.png', width: 40, height: 20 },
  ],
  annotations: [
    { id: 1, image_id: 7, category_id: 90, bbox: [4, 2, 20, 10], iscrowd: 0, area: 150 },
    { id: 2, image_id: 7, category_id: 2, bbox: [0, 0, 8, 8], iscrowd: 0, area: 64 },
    { id: 3, image_id: 7, category_id: 90, bbox: [24, 0, 16, 20], iscrowd: 1, area: 200 },
  ],
  categories: [
    { id: 90, name: 'Fox' },
    { id: 2, name: 'cat' },
    { id: 5, name: 'dog' },
  ],
}
const images = { 'a.png': png(40, 20), 'b.png': png(40, 20) }
const both = { 'val2017/a.png': images['a.png'], 'val2017/b.png': images['b.png'] }

test.each(['annotations/instances_val2017.json', 'labels.json'])('boxes of %s lie where their images were put', async (name) => {
  const places = name === 'labels.json' ? { 'data/a.png': images['a.png'], 'data/b.png': images['b.png'] } : both
  const path = join(tree(name.replace('/', '-'), { ...places, [name]: coco }), name)
  const { rows, notes, samples } = await readBoxes(path)
  expect(samples).toBe(2)
  // Half as wide, and as high: a pixel of the input is two of the image.
  expect(rows).toEqual([
    [2, 2, 12, 12, 2, 0, 150, 2],
    [0, 0, 4, 8, 0, 0, 64, 2],
    [12, 0, 20, 20, 2, 1, 200, 2],
  ])
  expect(notes).toEqual([expect.stringMatching(/in the order of their ids: 0 is 2, 1 is 5, 2 is 90/)])
  expect(await filesNamedBy(path)).toHaveLength(2)
})

test('a folder with annotations among its images is read, as Roboflow exports it', async () => {
  expect(await classesOf(tree('roboflow', { ...images, '_annotations.coco.json': coco }))).toEqual([2, 0, 2])
})

test('categories are numbered by the names of the model, else by their ids where it has room for them', async () => {
  const path = (name: string, id2label?: object) => {
    const config = id2label === undefined ? {} : { 'config.json': { id2label } }
    return join(tree(name, { ...images, 'val.json': coco, ...config }), 'val.json')
  }
  // Dogs, of which there are none, need no number.
  expect(await classesOf(path('named', { 0: 'N/A', 1: 'fox', 2: 'cat' }))).toEqual([1, 2, 1])
  const unknown = readBoxes(path('other', { 0: 'wolf', 1: 'cat' }))
  await expect(unknown).rejects.toThrow('val.json: the category Fox: not among the classes wolf, cat (id2label of config.json)')
  await expect(unknown).rejects.toHaveProperty('hint', expect.stringContaining('--classes 2,5,90'))
  const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [i, `LABEL_${i}`]))
  expect(await classesOf(path('three', labels(3)))).toEqual([2, 0, 2])
  expect(await classesOf(path('ninety', labels(91)))).toEqual([90, 2, 90])
  expect(await classesOf(path('plain'), { classes: ['90', '5', '2'] })).toEqual([0, 2, 0])
})

test('boxes go through every step that their image goes through', async () => {
  const path = join(tree('steps', { ...images, 'val.json': coco }), 'val.json')
  const corners = async (image: NonNullable<DataOptions['image']>, shape: readonly (number | string)[] = ['n', 3, 'h', 'w']) =>
    (await readBoxes(path, { image, inputs: [input('image', 'float32', shape)] })).rows.map((row) => row.slice(0, 4))
  expect(await corners({})).toEqual([
    [4, 2, 24, 12],
    [0, 0, 8, 8],
    [24, 0, 40, 20],
  ])
  // 20 × 10, filled up to the right and below.
  const filled = { size: 10, longest: 20, pad: [20, 20] as [number, number] }
  expect((await corners(filled))[0]).toEqual([2, 1, 12, 6])
  // 20 × 10 in the middle of 20 × 20.
  expect((await corners({ letterbox: 20 }))[0]).toEqual([2, 6, 12, 11])
  // From 10 to 30 of 40: the cat lies beyond, others are cut.
  expect(await corners({ size: 20, crop: 20 })).toEqual([
    [0, 2, 14, 12],
    [14, 0, 20, 20],
  ])
})

test('a letterbox is grey, with the image in the middle', async () => {
  const path = tree('grey', { 'x/a.png': png(4, 1) })
  const data = await openData(path, { inputs: [input('image', 'uint8', ['n', 1, 4, 4])], trusted: true, image: { letterbox: 4 } })
  for await (const { inputs } of data.batches(1))
    expect(Array.from(inputs.image!.data as Uint8Array)).toEqual([114, 114, 114, 114, 200, 200, 200, 200, ...Array(8).fill(114)])
  await expect(openData(path, { inputs: [imageInput], trusted: true, image: { letterbox: 4, size: 4 } })).rejects.toThrow(
    'letterbox says both',
  )
})

test('boxes in lines beside an image are put where it was, in pixels or shares, under either name', async () => {
  const box = [4, 2, 24, 12]
  const shares = [0.1, 0.1, 0.6, 0.6]
  const rows = [
    { image: 'a.png', boxes: [box], labels: [1] },
    { image: 'a.png', boxes: [shares], labels: [1] },
    { image: 'a.png', label: [[...box, 1]] },
  ]
  for (const [i, row] of rows.entries()) {
    tree('lines', images)
    const path = put(folder, `lines/${i}.jsonl`, JSON.stringify(row))
    expect((await readBoxes(path)).rows.map((own) => own.map((value) => Math.round(value * 1e6) / 1e6))).toEqual([
      [2, 2, 12, 12, 1, 0, 200, 2],
    ])
  }
  const named = put(folder, 'lines/named.jsonl', JSON.stringify({ image: 'a.png', boxes: [box], labels: ['dog'] }))
  expect((await readBoxes(named, { classes: ['cat', 'dog'] })).rows[0]![4]).toBe(1)
})

const detector = async (boxes: readonly (readonly number[])[]) => {
  const text = `<ir_version: 8, opset_import: ["" : 17]> g (float[n, 3, 20, 20] image) => (float[n, ${boxes.length}, 6] y) {
    values = Constant<value_floats = [${boxes
      .flat()
      .map((value) => value.toFixed(3))
      .join(', ')}]>()
    rows = Constant<value_ints = [1, ${boxes.length}, 6]>()
    one = Reshape(values, rows)
    n = Shape<start = 0, end = 1>(image)
    rest = Constant<value_ints = [${boxes.length}, 6]>()
    shape = Concat<axis = 0>(n, rest)
    y = Expand(one, shape)
  }`
  return put(folder, 'detector.onnx', await modelBytes(parseText(text)))
}

// The cat and the fox, and a box in the crowd; each again in the second image, where it is wrong, with the same score.
const DETECTED = [
  [2, 2, 12, 12, 0.9, 2],
  [0, 0, 4, 8, 0.8, 0],
  [13, 1, 17, 9, 0.7, 2],
]

test('a detector is judged as COCO judges it, in pixels of the input or in shares of it', async () => {
  const data = join(tree('judged', { ...images, 'val.json': coco }), 'val.json')
  const value = async (boxes: readonly (readonly number[])[], metric = 'map') =>
    (
      await measure(loadRuntime(), {
        model: await detector(boxes),
        data,
        metrics: [metric],
        image: { size: [20, 20] },
        trusted: true,
      })
    ).metrics[metric]
  // The right one comes first among equal scores: precision is 1 at every recall. What lies in the crowd is not wrong.
  expect(await value(DETECTED)).toBeCloseTo(1, 9)
  const shares = DETECTED.map(([a, b, c, d, ...rest]) => [a! / 20, b! / 20, c! / 20, d! / 20, ...rest])
  expect(await value(shares)).toBeCloseTo(1, 6)
  // All areas are below 32² in the image.
  expect(await value(DETECTED, 'map:size=small')).toBeCloseTo(1, 9)
})

test('areas are those in the image, whatever size it was given', async () => {
  const large = { ...coco, annotations: [{ id: 1, image_id: 7, category_id: 2, bbox: [40, 40, 40, 40] }] }
  const data = join(tree('areas', { 'a.png': png(200, 200), 'b.png': png(200, 200), 'val.json': large }), 'val.json')
  const model = await detector([
    [4, 4, 8, 8, 0.9, 0],
    // Wrong, and of 30 × 30 pixels in the image: it counts among small ones alone.
    [10, 10, 13, 13, 0.95, 0],
  ])
  const value = async (metric: string) =>
    (await measure(loadRuntime(), { model, data, metrics: [metric], image: { size: [20, 20] }, trusted: true })).metrics[metric]
  // 40 × 40 pixels.
  expect(await value('map:size=medium')).toBeCloseTo(1, 9)
  // Two wrong ones, one on each image, come first: a precision of 1/3.
  expect(await value('map')).toBeCloseTo(1 / 3, 9)
})

test('what are no boxes, and what does not belong together, is refused', async () => {
  const refuse = async (name: string, other: object, message: string, options: Partial<DataOptions> = {}) =>
    expect(readBoxes(join(tree(name, { ...images, 'val.json': { ...coco, ...other } }), 'val.json'), options)).rejects.toThrow(
      message,
    )
  const { bbox: _, ...masked } = coco.annotations[0]!
  await refuse('masks', { annotations: [{ ...masked, segmentation: [[0, 0, 1, 1, 0, 1]] }] }, "one has 'segmentation' and none")
  await refuse('captions', { annotations: [{ image_id: 7, caption: 'a fox' }] }, "one has 'caption' and none")
  await refuse('stray', { annotations: [{ ...coco.annotations[0], image_id: 9 }] }, 'boxes of image 9, and no image has that id')
  await refuse(
    'category',
    { annotations: [{ ...coco.annotations[0], category_id: 9 }] },
    "category 9, which 'categories' does not list",
  )
  await refuse('away', { images: [{ id: 7, file_name: 'away.png' }] }, 'image away.png is in none of the folders')
  await refuse('labels', {}, 'what belongs to these images is boxes, and no labels of images or pixels', { boxLabels: false })
})
