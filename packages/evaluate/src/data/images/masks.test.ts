import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from '@cwasm/lodepng'
import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { input, put, storedPng, temporaryFolder } from '../../fixture.test.files.js'
import { look } from '../../measure/look.js'
import { measure } from '../../measure/measure.js'
import { loadRuntime } from '../../process/runtime.js'
import { type DataOptions, openData } from '../data.js'
import { decodeMask, placeMask } from './masks.js'
import { placed, scaled, shifted } from './placement.js'

const folder = temporaryFolder()
const tree = (name: string, files: Readonly<Record<string, Uint8Array | string>>) => {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, path, '..'), { recursive: true })
    writeFileSync(join(folder, name, path), content)
  }
  return join(folder, name)
}
const image = (width: number, height: number) =>
  encode({ width, height, data: new Uint8ClampedArray(width * height * 4).fill(255) } as never)

const x = input('image', 'float32', ['n', 3, 2, 2])
const read = async (path: string, options: Partial<DataOptions> = {}) => {
  const data = await openData(path, { inputs: [x], trusted: true, image: { size: [2, 2] }, ...options })
  for await (const { label, columns } of data.batches(10))
    return { shape: label!.shape, labels: Array.from(label!.data, Number), notes: data.notes, columns }
  throw new Error('no batch')
}

const FOUR = [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 255, 255, 2, 2, 255, 255]
const mask = storedPng(FOUR, { width: 4, colours: 3 })

test.each([
  ['greys of 8 bits', 8, 0, [0, 1, 7, 255, 128, 2]],
  ['a palette of 8 bits', 8, 3, [0, 1, 7, 255, 128, 2]],
  ['a palette of 4 bits', 4, 3, [0, 1, 15, 7, 8, 2]],
  ['greys of 4 bits', 4, 0, [0, 1, 15, 7, 8, 2]],
  ['a palette of 2 bits', 2, 3, [0, 1, 2, 3, 1, 2]],
  ['black and white', 1, 0, [0, 1, 1, 0, 0, 1]],
] as const)('%s are classes as they are stored', async (_, depth, colours, values) => {
  const decoded = await decodeMask(storedPng(values, { width: 3, depth, colours }), 'm')
  expect([decoded.width, decoded.height, [...decoded.data]]).toEqual([3, 2, values])
})

test('what is no number of a class is refused', async () => {
  const greys = storedPng([3, 3, 3, 4, 4, 4], { width: 2, colours: 2 })
  expect([...(await decodeMask(greys, 'm')).data]).toEqual([3, 4])
  await expect(decodeMask(storedPng([255, 0, 0, 4, 4, 4], { width: 2, colours: 2 }), 'm')).rejects.toThrow(
    'm: a mask in colours, such as 255, 0, 0',
  )
  await expect(decodeMask(storedPng([300, 4], { width: 2, depth: 16 }), 'm')).rejects.toThrow('m: a mask of 16 bits')
  await expect(decodeMask(mask.subarray(0, 45), 'm')).rejects.toThrow('m: the PNG cannot be decoded')
  await expect(decodeMask(Buffer.from('hello, this is no image'), 'm')).rejects.toThrow('m: not an image that is read')
})

test('a mask goes where its image went, by the nearest pixel', async () => {
  const from = { width: 4, height: 4 }
  const own = await decodeMask(mask, 'm')
  const place = (placement: ReturnType<typeof placed>, frame = { width: 2, height: 2 }, isReduced = false) =>
    Array.from(placeMask(own, { placement, frame, isReduced, where: 'm' }).data, Number)
  const half = scaled(placed(from), from, { width: 2, height: 2 })
  expect(place(half)).toEqual([0, 1, 2, 255])
  // Classes from 1 on, and 0 does not count.
  expect(place(half, undefined, true)).toEqual([255, 0, 1, 255])
  // One to the right in a frame of 3 × 2; then two pixels of the middle.
  expect(place(shifted(half, 1, 0), { width: 3, height: 2 })).toEqual([-100, 0, 1, -100, 2, 255])
  expect(place(shifted(placed(from), -1, -1))).toEqual([0, 1, 2, 255])
  // An image twice as large as its mask.
  expect(place(scaled(placed({ width: 8, height: 8 }), { width: 8, height: 8 }, { width: 2, height: 2 }))).toEqual([0, 1, 2, 255])
  expect(() => place(placed({ width: 8, height: 4 }))).toThrow('a mask of 4 × 4 pixels for an image of 8 × 4')
})

test('images and masks of two folders belong together by their names', async () => {
  const path = tree('pairs', {
    'images/b.png': image(4, 4),
    'images/deep/a.jpg.png': image(4, 4),
    'masks/b_mask.png': mask,
    'masks/deep/a.jpg.png': storedPng(Array(16).fill(1), { width: 4 }),
    'masks/lone.png': mask,
  })
  const { shape, labels, notes, columns } = await read(path)
  expect([shape, labels]).toEqual([
    [2, 2, 2],
    [0, 1, 2, 255, 1, 1, 1, 1],
  ])
  expect(notes).toEqual([
    '2 images of pairs/images are paired with the masks of pairs/masks by their names',
    '1 of the masks in pairs/masks belong to no image',
  ])
  expect(columns!.path).toEqual(['images/b.png', 'images/deep/a.jpg.png'])
  const lone = read(tree('lone', { 'images/a.png': image(4, 4), 'labels/a.xml': '<box/>' }))
  await expect(lone).rejects.toThrow('1 of 1 images have no mask of their name in labels, images/a.png for one; it holds a.xml.')
})

test('a column names masks, in either order of columns, and beside a table of bytes', async () => {
  const files = { 'a.png': image(4, 4), 'm/a.png': mask }
  const named = tree('named', { ...files, 'val.csv': 'mask,file\nm/a.png,a.png\n' })
  expect((await read(join(named, 'val.csv'), { label: 'mask' })).labels).toEqual([0, 1, 2, 255])
  put(folder, 'named/val.jsonl', JSON.stringify({ label: 'm/a.png', image: 'a.png' }))
  expect((await read(join(named, 'val.jsonl'))).labels).toEqual([0, 1, 2, 255])
  await expect(read(put(folder, 'named/none.csv', 'file,label\na.png,m/none.png\n'))).rejects.toThrow('no such file')
})

test('masks of 0 and 255 alone are refused until it is said what 255 is', async () => {
  const twofold = storedPng(
    FOUR.map((one) => (one > 0 ? 255 : 0)),
    { width: 4 },
  )
  const path = tree('twofold', { 'images/a.png': image(4, 4), 'masks/a.png': twofold })
  const refused = read(path)
  await expect(refused).rejects.toThrow('twofold: the first 1 masks hold 0 and 255 alone')
  await expect(refused).rejects.toHaveProperty('hint', expect.stringContaining('--classes 0,255'))
  expect((await read(path, { classes: ['0', '255'] })).labels).toEqual([0, 1, 1, 1])
  expect((await read(path, { classes: ['0', '1'] })).labels).toEqual([0, 255, 255, 255])
})

const segmenter = async (side: number) => {
  // Class 0 everywhere, on as many pixels as are asked for.
  const text = `<ir_version: 8, opset_import: ["" : 17]> g (float[n, 3, 4, 4] image) => (float[n, 3, ${side}, ${side}] y) {
    values = Constant<value_floats = [1.0, 0.5, 0.0]>()
    rows = Constant<value_ints = [1, 3, 1, 1]>()
    one = Reshape(values, rows)
    n = Shape<start = 0, end = 1>(image)
    rest = Constant<value_ints = [3, ${side}, ${side}]>()
    shape = Concat<axis = 0>(n, rest)
    y = Expand(one, shape)
  }`
  return put(folder, 'segmenter.onnx', await modelBytes(parseText(text)))
}

test('masks are brought to the size of the output, and counted by the first look', async () => {
  const data = tree('judged', { 'images/a.png': image(8, 8), 'masks/a.png': mask })
  for (const side of [2, 4, 8]) {
    const model = await segmenter(side)
    const request = { model, data, metrics: ['iou', 'accuracy'], image: { size: [4, 4] as [number, number] }, trusted: true }
    // A quarter does not count; a third of the rest is class 0, which is answered everywhere: 1/3 for it, 0 for 1 and 2.
    expect((await measure(loadRuntime(), request)).metrics).toEqual({
      iou: expect.closeTo(1 / 9, 9),
      accuracy: expect.closeTo(1 / 3, 9),
    })
    const { labels, problem } = await look(loadRuntime(), request)
    expect([problem, labels]).toEqual([
      undefined,
      [
        [0, 1],
        [1, 1],
        [2, 1],
        [255, 1],
      ],
    ])
  }
  const targets = measure(loadRuntime(), {
    model: await segmenter(4),
    data,
    metrics: ['psnr'],
    image: { size: [4, 4] },
    trusted: true,
  })
  await expect(targets).rejects.toThrow('images as labels are masks, the class of each pixel, and psnr compares numbers')
})
