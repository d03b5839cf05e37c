import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { input, storedPng, temporaryFolder } from '../../fixture.test.files.js'
import { openData, UntrustedError } from '../data.js'
import { glanceAt } from '../glance.js'
import { filesNamedBy } from '../named-files.js'
import { classesOf, png, readBoxes } from './boxes.test.support.js'
import { parseAnnotation } from './voc.js'

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

/** 40 × 20 pixels: the input is half as wide, and as high. */
const image = png(40, 20)
const object = (name: string, [xmin, ymin, xmax, ymax]: readonly (number | string)[], rest = '') =>
  `<object><name>${name}</name><pose>Left</pose>${rest}<bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox></object>`
const annotation = (...objects: readonly string[]) =>
  `<?xml version="1.0"?>\n<annotation>\n<filename>../../elsewhere.jpg</filename><size><width>40</width><height>20</height><depth>3</depth></size>${objects.join('\n')}</annotation>`
/** A dog of 20 × 10 pixels, and a cat that is hard to see, with its head. */
const HEAD = '<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>'
const XML = annotation(object('dog', [4, 2, 24, 12]), object('cat', ['24.0', 0, '4e1', 20], `<difficult>1</difficult>${HEAD}`))
const ROWS = [
  [2, 2, 12, 12, 1, 0, 200, 2],
  [12, 0, 20, 20, 0, 1, 320, 2],
]
const classes = ['cat', 'dog']

const devkit = (lists: Readonly<Record<string, string>> = {}) => ({
  'JPEGImages/a.jpg.png': image,
  'JPEGImages/b.png': image,
  'JPEGImages/c.png': image,
  'Annotations/a.jpg.xml': XML,
  'Annotations/b.xml': annotation(),
  ...Object.fromEntries(Object.entries(lists).map(([name, text]) => [`ImageSets/${name}`, text])),
})

describe('annotations of Pascal VOC', () => {
  it.each([
    ['a folder of images and one of annotations', devkit()],
    ['files beside their images', { 'b.png': image, 'a.png': image, 'a.xml': XML, 'b.xml': annotation() }],
    [
      'folders as Kaggle has them',
      { 'images/1.png': image, 'annotations/1.xml': XML, 'images/2.png': image, 'annotations/2.xml': annotation() },
    ],
  ])('are read of %s', async (_, files) => {
    const { rows, samples } = await readBoxes(tree(files as Readonly<Record<string, Uint8Array | string>>), { classes })
    expect(samples).toBe(2)
    expect(rows).toEqual(ROWS)
  })

  it('are those of val, else of test, else all, and a note says which', async () => {
    const notesOf = async (lists: Readonly<Record<string, string>>, path = '') => {
      const { samples, notes } = await readBoxes(join(tree(devkit(lists)), path), { classes })
      return [samples, notes.join()]
    }
    expect(await notesOf({ 'Main/val.txt': 'b\n', 'Main/test.txt': 'a.jpg\n' })).toEqual([
      1,
      expect.stringContaining(
        'the 1 images of ImageSets/Main/val.txt are read, with their annotations; of another part name its list, such as ImageSets/Main/train.txt',
      ),
    ])
    expect(await notesOf({ 'Main/test.txt': 'a.jpg  1\r\nb -1\r\n' })).toEqual([
      2,
      expect.stringContaining('ImageSets/Main/test.txt'),
    ])
    expect(await notesOf({ 'Main/train.txt': 'b\n' })).toEqual([
      2,
      expect.stringContaining('as ImageSets has neither val.txt nor test.txt; 1 images without annotations are left out'),
    ])
    expect(await notesOf({ 'Main/train.txt': 'a.jpg\n' }, 'ImageSets/Main/train.txt')).toEqual([
      1,
      expect.stringContaining('the 1 images of ImageSets/Main/train.txt are read, with their annotations'),
    ])
  })

  it('of PASCAL itself count pixels from 1, those of others are corners', async () => {
    const own = (source: string) => `<annotation><source>${source}</source>${object('dog', [1, 1, 10, 20])}</annotation>`
    const box = async (source: string) => (await parseAnnotation(own(source), 'a.xml')).objects[0]!.box
    // Pixels 1 to 10 and 1 to 20: 10 × 20 of them, from the corner 0, 0.
    for (const source of ['<database>The VOC2008 Database</database>', '<annotation>PASCAL VOC2007</annotation>'])
      expect(await box(source)).toEqual([0, 0, 10, 20])
    expect(await box('<database>Unknown</database>')).toEqual([1, 1, 9, 19])
    expect(await box('<database>roboflow.com</database>')).toEqual([1, 1, 9, 19])
  })

  it('have classes of the model by their names, and all that it does not know are listed', async () => {
    const path = tree({ 'a.png': image, 'a.xml': XML, 'b.png': image, 'b.xml': annotation(object('fox', [0, 0, 9, 9])) })
    expect(await classesOf(path, { classes: ['Fox', 'Dog', 'cat'] })).toEqual([1, 2, 0])
    await expect(readBoxes(path)).rejects.toThrow(
      'the classes of boxes are names, and which class of the model each is, is not known: cat, dog, fox.',
    )
    const refusal = readBoxes(path, { classes: ['dog', 'wolf'] })
    await expect(refusal).rejects.toThrow('the classes cat, fox: not among the classes dog, wolf (as they are said).')
    await expect(refusal).rejects.toHaveProperty('hint', expect.stringContaining('--classes cat,dog,fox'))
  })

  it('of an image of another size are refused', async () => {
    const of = (size: string) => XML.replace('<width>40</width><height>20</height>', size)
    const path = tree({ 'a.png': image, 'a.xml': of('<width>80</width><height>40</height>') })
    await expect(readBoxes(path, { classes })).rejects.toThrow(
      'a.xml: an annotation of 80 × 40 pixels, and its image has 40 × 20.',
    )
    for (const size of ['<width>0</width><height>0</height>', '<width>41</width><height>20</height>', ''])
      expect((await readBoxes(tree({ 'a.png': image, 'a.xml': of(size) }), { classes })).rows).toEqual(ROWS)
  })

  it('of one class need no order of classes', async () => {
    expect(await classesOf(tree({ 'a.png': image, 'a.xml': annotation(object('face', [0, 0, 9, 9])) }))).toEqual([0])
  })

  it('are hashed with their images and the list', async () => {
    const root = tree(devkit({ 'Main/val.txt': 'a.jpg\nb\n' }))
    const own = [
      'Annotations/a.jpg.xml',
      'Annotations/b.xml',
      'ImageSets/Main/val.txt',
      'JPEGImages/a.jpg.png',
      'JPEGImages/b.png',
    ]
    expect([...(await filesNamedBy(root))].sort()).toEqual(own)
    expect([...(await filesNamedBy(join(root, 'ImageSets/Main/val.txt')))].sort()).toEqual(
      ['val.txt', ...own.filter((path) => !path.startsWith('ImageSets')).map((path) => `../../${path}`)].sort(),
    )
    expect(await glanceAt(root)).toMatchObject({ holds: 'boxes', boxClasses: ['cat', 'dog'] })
    expect(await glanceAt(join(root, 'ImageSets/Main/val.txt'))).toMatchObject({ holds: 'boxes' })
  })

  it('are refused as labels of images', async () => {
    const asked = { inputs: [input('image', 'float32', ['n', 3, 20, 20])], trusted: true, image: {}, classes }
    await expect(openData(tree(devkit()), { ...asked, boxLabels: false })).rejects.toThrow(
      'what belongs to these images is boxes, and no labels of images or pixels.',
    )
  })

  it('do not lead out of the folder', async () => {
    const root = tree({ 'JPEGImages/a.png': image, 'Annotations/b.xml': annotation() })
    const outside = tree({ 'a.xml': XML })
    symlinkSync(join(outside, 'a.xml'), join(root, 'Annotations/a.xml'))
    await expect(readBoxes(root, { classes, trusted: false })).rejects.toThrow(UntrustedError)
    expect((await readBoxes(root, { classes })).rows).toEqual(ROWS)
    const listed = tree(devkit({ 'Main/val.txt': '../../../etc/passwd\n' }))
    await expect(readBoxes(listed, { classes })).rejects.toThrow(
      '1 of the 1 images of val.txt are not there, "../../../etc/passwd" for one, which is not in JPEGImages.',
    )
  })

  it('a folder that holds several data sets of VOC is refused', async () => {
    const root = tree({ 'VOC2007/JPEGImages/a.png': image, 'VOC2012/JPEGImages/a.png': image })
    await expect(readBoxes(root, { classes })).rejects.toThrow('data sets of Pascal VOC in it: VOC2007, VOC2012.')
  })

  it('an XML file alone is refused with what to do, and XML of other kinds beside images is none', async () => {
    const root = tree({ 'a.png': image, 'a.xml': XML, 'other/1.png': image, 'other/1.xml': '<xmpmeta/>' })
    const alone = readBoxes(join(root, 'a.xml'), { classes })
    await expect(alone).rejects.toThrow("data of kind '.xml' are not read.")
    await expect(alone).rejects.toHaveProperty('hint', expect.stringContaining('the folder in which they lie beside images'))
    await expect(readBoxes(join(root, 'other'), { classes })).rejects.not.toThrow('xmpmeta')
  })
})

describe('masks of Pascal VOC', () => {
  const mask = storedPng([15, 255], { width: 2, colours: 3 })
  it('are read where labels are asked for that are no boxes, of the images that have one', async () => {
    const root = tree({
      ...devkit({ 'Segmentation/val.txt': 'b\n', 'Main/val.txt': 'a.jpg\n' }),
      'SegmentationClass/b.png': mask,
    })
    const data = await openData(root, {
      ...{ inputs: [input('image', 'float32', ['n', 3, 2, 4])], trusted: false, boxLabels: false },
      image: { size: [2, 4] },
    })
    expect(data.holds).toBe('masks')
    expect(data.notes.join()).toContain('the 1 images of ImageSets/Segmentation/val.txt are read, with their masks')
    for await (const { label } of data.batches(4))
      expect(Array.from(label!.data, Number)).toEqual([15, 15, 255, 255, 15, 15, 255, 255])
  })
})

describe('a bad annotation', () => {
  it.each([
    ['<annotation><object><name>dog</name></annotation>', /^a.xml:1: not XML \(Unexpected close tag\)\.$/],
    ['<kml/>', /^a.xml: <kml> is no annotation of Pascal VOC\.$/],
    ['', /^a.xml:1: XML without an element\.$/],
    [annotation(object('', [0, 0, 1, 1])), /^a.xml: object 1 has no <name>\.$/],
    [
      '<annotation><object><name>dog</name><polygon/></object></annotation>',
      /object 1, "dog", has no <bndbox>; it has <name>, <polygon>\.$/,
    ],
    [
      annotation(object('dog', [0, 0, 1, 1]), object('dog', ['wide', 0, 1, ''])),
      /object 2, "dog": <xmin> is "wide", <ymax> is not there\.$/,
    ],
    [
      annotation(object('dog', [10, 0, 1, 1])),
      /object 1, "dog": its box goes from 10, 0 to 1, 1, and so ends before it begins\.$/,
    ],
    [
      '<!DOCTYPE annotation [<!ENTITY a "dog"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>',
      /^a.xml:1: XML with a document type \(DTD\)\.$/,
    ],
    ['<annotation>&b;</annotation>', /not XML \(Invalid character entity\)\.$/],
    ['<annotation>&constructor;</annotation>', /not XML \(Invalid character entity\)\.$/],
    [`${'<annotation>'.repeat(100)}`, /XML that is nested more than 32 deep\.$/],
    [`<annotation>${'<a/>'.repeat(50_000)}</annotation>`, /XML of more than 50000 elements\.$/],
  ])('is refused: %#', async (text, message) => {
    await expect(parseAnnotation(text, 'a.xml')).rejects.toThrow(message)
    await expect(parseAnnotation(text, 'a.xml')).rejects.toHaveProperty('hint', expect.any(String))
  })

  it('names in CDATA are text, whatever they say', async () => {
    const name = '\u001b[31m<script>&amp;]] >'
    expect((await parseAnnotation(annotation(object(`<![CDATA[${name}]]>`, [0, 0, 1, 1])), 'a.xml')).objects[0]!.name).toBe(name)
  })
})
