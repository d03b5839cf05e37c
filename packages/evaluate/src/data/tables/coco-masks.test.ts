import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { input, temporaryFolder } from '../../fixture.test.files.js'
import { type DataOptions, openData } from '../data.js'
import { glanceAt } from '../glance.js'
import { drawMask } from '../labels/drawn-mask.js'
import { png } from './boxes.test.support.js'

const folder = temporaryFolder()
let count = 0
/** An image of 4 × 3 pixels, `a.png`, with these annotations. */
const fileOf = (annotations: readonly object[], rest: object = {}) => {
  const root = join(folder, `set${count++}`)
  mkdirSync(root)
  writeFileSync(join(root, 'a.png'), png(4, 3))
  const coco = {
    images: [{ id: 1, file_name: 'a.png', width: 4, height: 3 }],
    annotations: annotations.map((each, id) => ({ id, image_id: 1, category_id: 1, iscrowd: 0, ...each })),
    categories: [
      { id: 1, name: 'cat' },
      { id: 2, name: 'dog' },
    ],
    ...rest,
  }
  writeFileSync(join(root, 'labels.json'), JSON.stringify(coco))
  return join(root, 'labels.json')
}
const read = async (path: string, options: Partial<DataOptions> = {}) => {
  const data = await openData(path, {
    ...{ inputs: [input('image', 'float32', ['n', 3, 3, 4])], trusted: false, boxLabels: false, image: {} },
    ...options,
  })
  expect(data.holds).toBe('masks')
  for await (const { label } of data.batches(9))
    return { label: rowsOf(Array.from(label!.data, Number)), notes: data.notes.join() }
  throw new Error('no batch')
}
/** '0110 …' with x for 255. */
const rowsOf = (values: readonly number[]) =>
  values
    .map((value) => (value === 255 ? 'x' : String(value)))
    .join('')
    .match(/.{4}/g)!
    .join(' ')
const square = (left: number, top: number, right: number, low: number) => [left, top, right, top, right, low, left, low]

describe('an outline', () => {
  const drawn = (segmentation: unknown) =>
    rowsOf(Array.from(drawMask([{ segmentation, number: 1, where: 'x' }], { width: 4, height: 3 }, 0).data))

  it('of runs is counted down the columns', () => {
    // 3 of the first column are none, then 4 are: the second column and the first of the third.
    expect(drawn({ counts: [3, 4, 5], size: [3, 4] })).toBe('0110 0100 0100')
    expect(drawn({ counts: [0, 12], size: [3, 4] })).toBe('1111 1111 1111')
    expect(drawn({ counts: [12], size: [3, 4] })).toBe('0000 0000 0000')
  })

  it('of packed runs has 5 bits a character, and from the fourth on differences to the last but one', () => {
    // 3, 4, 5 are the characters 48 + 3, 48 + 4, 48 + 5.
    expect(drawn({ counts: '345', size: [3, 4] })).toBe('0110 0100 0100')
    // 3, 4, 2, 1, 2: the fourth is 1 − 4 = −3, which is 29 in 5 bits, 'M'; the fifth 2 − 2.
    expect(drawn({ counts: '342M0', size: [3, 4] })).toBe('0111 0100 0100')
  })

  it('of polygons has the pixels whose middle lies in one of them', () => {
    expect(drawn([square(1, 0, 3, 2)])).toBe('0110 0110 0000')
    expect(drawn([square(0, 0, 1, 1), square(3, 2, 4, 3)])).toBe('1000 0000 0001')
    expect(drawn(square(-2, -2, 2, 9))).toBe('1100 1100 1100')
    // As pycocotools 2.0.11 draws it.
    expect(drawn([[0, 0, 4, 3, 0, 3]])).toBe('1000 1100 1110')
  })

  it.each([
    [{ counts: [3, 4], size: [3, 4] }, 'x: the runs of the mask are 7 pixels, and its size is 12.'],
    [{ counts: [3, 40], size: [3, 4] }, 'x: run 2 of the mask is 40, and 9 of its 12 pixels are left.'],
    [{ counts: [3, -1, 10], size: [3, 4] }, 'x: run 2 of the mask is -1, and 9 of its 12 pixels are left.'],
    [{ counts: ['3'], size: [3, 4] }, 'x: run 1 of the mask is "3"'],
    [{ counts: '3T', size: [3, 4] }, 'x: run 2 of the mask is null'],
    [{ counts: '3ÿ', size: [3, 4] }, 'x: run 2 of the mask is null'],
    [{ counts: [12], size: [4, 3] }, 'x: a mask of size [4,3] for an image of 4 × 3 pixels.'],
    [{ counts: [12] }, 'x: a mask of size undefined for an image of 4 × 3 pixels.'],
    [[[0, 0, 1, 1]], 'x: a polygon of 4 values.'],
    [[[0, 0, 1, 1, 2, '2']], 'x: a polygon of 6 values, some of which are no numbers.'],
    [[[0, 0, 1, 1, 1e9, 1]], 'x: a corner of a polygon at 1000000000, far beyond the image of 4 × 3 pixels.'],
    ['outline', `x: 'segmentation' is "outline".`],
    [undefined, `x: 'segmentation' is undefined.`],
  ])('that is none is refused: %#', (segmentation, message) => {
    expect(() => drawn(segmentation)).toThrow(message)
  })

  it('that would take too long to draw is refused', () => {
    const most = { width: 8192, height: 8192 }
    const large = { number: 1, where: 'x', segmentation: [square(0, 0, 8192, 8192)] }
    expect(() => drawMask(Array(400).fill(large), most, 0)).toThrow('x: the outlines on this image take more than')
  })
})

describe('outlines of COCO are masks where labels are asked for that are no boxes', () => {
  const CAT = { segmentation: [square(0, 0, 3, 2)], bbox: [0, 0, 3, 2] }
  const DOG = { category_id: 2, segmentation: { counts: [6, 6], size: [3, 4] }, bbox: [2, 0, 2, 3] }

  it('the later above the earlier', async () => {
    const { label, notes } = await read(fileOf([CAT, DOG]))
    expect(label).toBe('1122 1122 0022')
    expect(notes).toContain('are classes by their ids: 0 is what nothing is drawn on, 1 is cat, 2 is dog')
    expect((await read(fileOf([DOG, CAT]))).label).toBe('1112 1112 0022')
  })

  it('crowds do not count where nothing else is', async () => {
    expect((await read(fileOf([CAT, { ...DOG, iscrowd: 1 }]))).label).toBe('111x 111x 00xx')
  })

  it('with classes of the model by their names, and with its background', async () => {
    const path = fileOf([CAT, DOG])
    const named = await read(path, { classes: ['Dog', 'cat', 'background'] })
    expect(named.label).toBe('1100 1100 2200')
    expect(named.notes).toContain('what nothing is drawn on is 2 background')
    const bare = await read(path, { classes: ['dog', 'cat'] })
    expect(bare.label).toBe('1100 1100 xx00')
    expect(bare.notes).toContain('does not count, as no class is called background')
    await expect(read(path, { classes: ['background', 'cat'] })).rejects.toThrow(
      'the category dog: not among the classes background, cat',
    )
    expect((await read(path, { classes: ['2', '1', '0'] })).label).toBe('1100 1100 2200')
  })

  it('a category with the number of the background is asked about', async () => {
    const categories = [{ id: 0, name: 'cat' }]
    const refusal = read(fileOf([{ ...CAT, category_id: 0 }], { categories }))
    await expect(refusal).rejects.toThrow(
      'category 0 is cat, and what number the model has for pixels without an object is not known.',
    )
    await expect(refusal).rejects.toHaveProperty('hint', expect.stringContaining('--classes background,cat'))
  })

  it('also without boxes, or without the size of the image', async () => {
    const { bbox: _, ...outline } = CAT
    const path = fileOf([outline], { images: [{ id: 1, file_name: 'a.png' }] })
    expect((await read(path)).label).toBe('1110 1110 0000')
    expect(await glanceAt(path)).toMatchObject({ holds: 'masks' })
    expect(await glanceAt(fileOf([CAT]))).toMatchObject({ holds: 'boxes and masks' })
    expect(await glanceAt(fileOf([{ ...CAT, segmentation: [] }]))).toMatchObject({ holds: 'boxes' })
  })

  it('are no boxes', async () => {
    const { bbox: _, ...outline } = CAT
    await expect(openData(fileOf([outline]), { inputs: [], trusted: false, boxLabels: true })).rejects.toThrow(
      "boxes are read, and one has 'segmentation' and none",
    )
  })

  it('what has boxes alone is refused with what there is', async () => {
    await expect(read(fileOf([CAT, { ...DOG, segmentation: [] }]))).rejects.toThrow('what belongs to these images is boxes')
    await expect(read(fileOf([{ caption: 'a cat' }]))).rejects.toThrow(
      "boxes and outlines are read, and one has 'caption' and none",
    )
    await expect(read(fileOf([CAT], { images: [{ id: 1, file_name: 'a.png', width: 4, height: -3 }] }))).rejects.toThrow(
      `image a.png: 'width' and 'height' are 4 and -3.`,
    )
  })
})
