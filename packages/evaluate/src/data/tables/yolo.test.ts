import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it, test } from 'vitest'
import { put, temporaryFolder } from '../../fixture.test.files.js'
import { openData, UntrustedError } from '../data.js'
import { glanceAt } from '../glance.js'
import { filesNamedBy } from '../named-files.js'
import { classesOf, imageInput, png, readBoxes } from './boxes.test.support.js'
import { parseLabels } from './yolo.js'

const folder = temporaryFolder()
let count = 0
const tree = (files: Readonly<Record<string, Uint8Array | string>>) => {
  const root = join(folder, `set${count++}`)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

/** 40 × 20 pixels. */
const image = png(40, 20)
/** A cat of 20 × 10 pixels at 4, 2, and a fox as a polygon. */
const LABELS = '0 0.35 0.35 0.5 0.5\n2 0.6 0 1 0 1 1 0.6 1\n\n2 0.6 0 1 0 1 1 0.6 1\n'
const YAML = 'path: ../anywhere\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n  2: fox\n'
const pairs = (images: string, labels: string) => ({
  [`${images}/a.png`]: image,
  [`${images}/b.png`]: image,
  [`${labels}/a.txt`]: LABELS,
})

describe('label files of YOLO', () => {
  it.each([
    ['data.yaml', 'data.yaml', { 'data.yaml': YAML, ...pairs('images/val', 'labels/val') }],
    ['a folder with data.yaml', '', { 'data.yaml': YAML, ...pairs('images/val', 'labels/val') }],
    ['the images of one part', 'images/val', { ...pairs('images/val', 'labels/val'), 'images/train/c.png': image }],
    ['images beside labels, as Roboflow exports', 'valid', pairs('valid/images', 'valid/labels')],
    [
      'a yaml that means another folder',
      'data.yaml',
      { 'data.yaml': 'val: ../valid/images\n', ...pairs('valid/images', 'valid/labels') },
    ],
    [
      'a list of images',
      'set.yml',
      { 'set.yml': 'val: val.txt\n', 'val.txt': './images/v/a.png\n./images/v/b.png\n', ...pairs('images/v', 'labels/v') },
    ],
    ['files beside their images', 'obj', { ...pairs('obj', 'obj'), 'obj/classes.txt': 'cat\ndog\nfox\n' }],
  ])('are read by %s', async (_, path, files) => {
    const { rows, samples, notes } = await readBoxes(join(tree(files), path))
    expect(samples).toBe(2)
    // Half as wide, and as high: a pixel of the input is two of the image.
    expect(rows).toEqual([
      [2, 2, 12, 12, 0, 0, 200, 2],
      [12, 0, 20, 20, 2, 0, 320, 2],
    ])
    expect(notes.join()).toContain('1 images of ')
    expect(notes.join()).toContain('and 1 none: nothing is on these')
  })

  it('have classes of the model by their names, where those of both are known', async () => {
    const path = tree({ 'data.yaml': YAML, ...pairs('images/val', 'labels/val') })
    expect(await classesOf(path, { classes: ['Fox', 'wolf', 'cat'] })).toEqual([2, 0])
    await expect(readBoxes(path, { classes: ['cat', 'dog'] })).rejects.toThrow(/the category fox: not among the classes cat, dog/)
    const few = tree({ 'data.yaml': 'val: images/val\nnames: [cat, dog]\n', ...pairs('images/val', 'labels/val') })
    await expect(readBoxes(few)).rejects.toThrow(/labels\/val\/a.txt: a box is of class 2, and data.yaml names 0 cat, 1 dog\./)
  })

  it('are hashed with their images, and so are the names', async () => {
    const root = tree({ 'data.yaml': YAML, ...pairs('images/val', 'labels/val') })
    const own = ['images/val/a.png', 'images/val/b.png', 'labels/val/a.txt']
    expect([...(await filesNamedBy(join(root, 'data.yaml')))].sort()).toEqual(['data.yaml', ...own])
    expect([...(await filesNamedBy(join(root, 'images/val')))].sort()).toEqual([
      '../../data.yaml',
      '../../labels/val/a.txt',
      'a.png',
      'b.png',
    ])
  })

  it('are boxes at a glance', async () => {
    const root = tree({ 'data.yaml': YAML, ...pairs('images/val', 'labels/val') })
    for (const path of [root, join(root, 'data.yaml'), join(root, 'images/val')])
      expect(await glanceAt(path)).toMatchObject({ holds: 'boxes' })
  })

  it('are no captions', async () => {
    const root = tree({ 'a.png': image, 'a.txt': 'a cat on a mat\n' })
    await expect(readBoxes(root)).rejects.toThrow()
    expect((await glanceAt(root)).holds).toBeUndefined()
  })

  test.each([
    ['0 0.5 0.5 0.2', /a.txt:1 is no box of YOLO/],
    ['0 0.5 0.5 0.2 0.2 0.9', /a.txt:1 is no box of YOLO/],
    ['cat 0.5 0.5 0.2 0.2', /a.txt:1 is no box of YOLO/],
    ['0.5 0.5 0.5 0.2 0.2', /a.txt:1 is no box of YOLO/],
    ['-1 0.5 0.5 0.2 0.2', /a.txt:1 is no box of YOLO/],
    ['\n0 320 240 64 48', /a.txt:2: 320 is no share of the image/],
    ['0 nan 0.5 0.2 0.2', /a.txt:1 is no box of YOLO/],
  ])('%j is refused', (text, message) => {
    expect(() => parseLabels(text, 'a.txt')).toThrow(message)
  })

  test('a file of many lines, or of a line with many corners, is read in time in proportion to it', () => {
    const many = Array.from({ length: 300_000 }, (_, i) => `${i} 0.5 0.5 0.1 0.1`).join('\n')
    expect(parseLabels(many, 'a.txt')).toHaveLength(300_000)
    const corners = Array.from({ length: 600_000 }, (_, i) => (i % 7) / 10).join(' ')
    expect(parseLabels(`1 ${corners}`, 'a.txt')).toEqual([{ id: 1, box: [0, 0, 0.6, 0.6] }])
  })

  test.each([
    ['no part', { 'data.yaml': 'names: [cat]\n' }, 'data.yaml', /neither 'val' nor 'test'/],
    [
      'a part that is not there',
      { 'data.yaml': 'path: x\nval: images/val\n' },
      'data.yaml',
      /no images at images\/val; looked for it in x\/images\/val/,
    ],
    [
      'images without labels',
      { 'data.yaml': 'val: images\n', 'images/a.png': image },
      'data.yaml',
      /none of the 1 images of 'val' has a label file/,
    ],
    ['no YAML', { 'data.yaml': 'val: [\n' }, 'data.yaml', /data.yaml: not YAML/],
    [
      'several parts',
      { ...pairs('images/train', 'labels/train'), ...pairs('images/val', 'labels/val') },
      '',
      /images holds parts of a data set, not one: train, val/,
    ],
    [
      'labels of other images',
      { 'images/a.png': image, 'labels/b.txt': LABELS },
      '',
      /1 of 1 images have no mask of their name in labels.*it holds b\.txt/,
    ],
    [
      'several parts of masks',
      { 'images/train/a.png': image, 'images/val/b.png': image, 'masks/train/a.png': image, 'masks/val/b.png': image },
      '',
      /images holds parts of a data set/,
    ],
  ])('with %s the error says so', async (_, files, path, message) => {
    await expect(readBoxes(join(tree(files as Record<string, string>), path))).rejects.toThrow(message)
  })

  it('that are not trusted lead nowhere else', async () => {
    const secret = tree({ 'labels/a.txt': 'secret', 'val.txt': 'secret.png\n', 'images/a.png': image })
    const linked = tree({ 'images/a.png': image })
    symlinkSync(join(secret, 'labels'), join(linked, 'labels'))
    const yaml = (val: string) => tree({ 'data.yaml': `val: ${val}\n`, 'images/a.png': image, 'labels/a.txt': LABELS })
    for (const path of [
      join(linked, 'images'),
      yaml(join(secret, 'val.txt')),
      yaml(join(secret, 'images')),
      yaml(`../../${secret}/images`),
    ]) {
      const error = await readBoxes(path, { trusted: false }).catch((own: unknown) => own)
      expect(error).toBeInstanceOf(UntrustedError)
      expect(String(error)).not.toContain('secret.png')
    }
    expect((await readBoxes(yaml('images'), { trusted: false })).rows).toHaveLength(2)
  })
})

describe('a model of Ultralytics', () => {
  const model = async (task: string) => {
    const notes = { author: 'Ultralytics', task, imgsz: '[20, 20]', names: "{0: 'fox', 1: 'cat'}" }
    const pairs = Object.entries(notes).map(([key, value]) => `"${key}": "${value}"`)
    const own = parseText(
      `<ir_version: 8, opset_import: ["" : 17], metadata_props: [${pairs}]> m (float[n, 3, 20, 20] image) => (float[n, 3, 20, 20] y) { y = Identity(image) }`,
    )
    return put(folder, `${task}.onnx`, await modelBytes(own))
  }

  it('says itself how images are prepared, and what its classes are', async () => {
    const path = tree({ 'data.yaml': YAML.replace('2: fox', '2: FOX'), ...pairs('images/val', 'labels/val') })
    const { rows } = await readBoxes(path, { image: undefined, models: [await model('detect')] } as never)
    // 40 × 20 into 20 × 20: half the size, with five grey rows above and below.
    expect(rows).toEqual([
      [2, 6, 12, 11, 1, 0, 200, 4],
      [12, 5, 20, 15, 0, 0, 320, 4],
    ])
  })

  it('that classifies has the middle', async () => {
    const path = tree({ 'fox/a.png': image, 'cat/b.png': image })
    const data = await openData(path, { inputs: [imageInput], trusted: true, models: [await model('classify')] })
    expect(data.notes.join()).toContain('0 fox, 1 cat')
    for await (const { inputs } of data.batches(2)) expect(inputs.image!.shape).toEqual([2, 3, 20, 20])
  })
})
