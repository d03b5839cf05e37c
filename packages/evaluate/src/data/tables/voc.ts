import { basename, dirname, join } from 'node:path'
import { PareError } from '@pare/onnx'
import { readWhole } from '../file.js'
import type { Size } from '../images/image-steps.js'
import { named, numberFinder } from '../labels/categories.js'
import { type FindClasses, listed, unnumberedNames } from '../labels/labels.js'
import { type Boundary, insideOf } from '../rows/inside.js'
import { utf8 } from '../utf8.js'
import { LABEL_FILE, type Row, type Table } from './table.js'
import { parseXml, type XmlElement } from './xml.js'

const MOST_BYTES = 2 ** 22

/** Images with annotations of Pascal VOC, by their paths from the folder of the table. */
export interface VocFiles {
  readonly name: string
  readonly folder: string
  readonly images: readonly { readonly path: string; readonly annotation: string }[]
  readonly notes: readonly string[]
  /** Further files that say which images these are. */
  readonly beside?: readonly string[]
}

export interface VocOptions {
  readonly boundary: Boundary
  readonly findClasses?: FindClasses | undefined
}

/** Images with annotations of Pascal VOC as a table: a row for each image, with its path and that of its annotation. Boxes are in pixels of the image, classes numbered as the model numbers them. */
export function vocTable({ name, folder, images, notes, beside = [] }: VocFiles, options: VocOptions): Table {
  let numbering: Promise<NumberOf> | undefined
  return {
    ...{ name, folder, bytes: Number.POSITIVE_INFINITY, rows: images.length, holds: 'boxes', notes, beside },
    async *read(): AsyncGenerator<Row> {
      for (const { path, annotation } of images) yield { where: `${name}/${path}`, values: { path, [LABEL_FILE]: annotation } }
    },
    classNames: (rows) => namesIn({ folder, images: images.slice(0, rows) }, options.boundary),
    async boxesOf({ values }, { size, readFile }) {
      const path = String(values[LABEL_FILE])
      const { objects, size: own } = await parseAnnotation(utf8(await readFile(path), path), path)
      if (size !== undefined && own !== undefined) refuseOther(own, size, path)
      numbering ??= numbererOf({ name, folder, images }, options)
      const numberOf = await numbering
      return {
        bbox: objects.map(({ box }) => box),
        category_id: objects.map((each) => numberOf(each.name)),
        // As a crowd in COCO: what is detected there counts neither as right nor as wrong.
        iscrowd: objects.map(({ isDifficult }) => Number(isDifficult)),
      }
    },
  }
}

type NumberOf = (name: string) => number

/** The number that the model has for a class, by its name. Throws PareError with all classes that it has none for. */
async function numbererOf(files: Pick<VocFiles, 'name' | 'folder' | 'images'>, options: VocOptions): Promise<NumberOf> {
  const classes = named(await options.findClasses?.())
  const names = await namesIn(files, options.boundary)
  // Of one class there is no order.
  if (classes === undefined && names.length < 2) return () => 0
  if (classes === undefined) throw unnumberedNames(names, `${files.name}: the classes of boxes`)
  const find = numberFinder(classes)
  const strange = names.filter((each) => find(each) === undefined)
  if (strange.length > 0) {
    throw new PareError(
      `${files.name}: ${strange.length === 1 ? 'the class' : 'the classes'} ${listed(strange)}: not among the classes ${listed(classes.names)} (${classes.from}).`,
      {
        hint: `say the classes in the order of the model's numbers, called as in the annotations: --classes ${names.slice(0, 3).join(',')}${names.length > 3 ? ',…' : ''}.`,
      },
    )
  }
  return (name) => find(name)!
}

/** All names of classes in annotations, in the order of the alphabet. */
async function namesIn({ folder, images }: Pick<VocFiles, 'folder' | 'images'>, boundary: Boundary): Promise<readonly string[]> {
  const names = new Set<string>()
  for (const { annotation } of images) {
    const { objects } = await parseAnnotation(await annotationText(join(folder, annotation), annotation, boundary), annotation)
    for (const { name } of objects) names.add(name)
  }
  return [...names].sort()
}

/** The text of a file of an annotation. `shown` is for messages. */
async function annotationText(path: string, shown: string, boundary: Boundary): Promise<string> {
  return utf8(await readWhole(await insideOf(boundary, path, shown), MOST_BYTES), shown)
}

/** Whether an XML file is an annotation of Pascal VOC, by its outermost element. */
export async function isAnnotation(path: string, boundary: Boundary): Promise<boolean> {
  const shown = join(basename(dirname(path)), basename(path))
  return (await parseXml(await annotationText(path, shown, boundary), shown)).name === 'annotation'
}

interface ImageAnnotation {
  readonly objects: readonly AnnotatedObject[]
  /** Of the image, where the annotation says it. */
  readonly size?: Size
}

interface AnnotatedObject {
  readonly name: string
  /** Left, top, width and height in pixels of the image. */
  readonly box: readonly [number, number, number, number]
  /** Whether it may be missed. */
  readonly isDifficult: boolean
}

/**
 * The objects of an annotation. Pascal VOC itself counts pixels from 1, up to the last within the box; what LabelImg, Roboflow and CVAT write are corners. Throws PareError for objects without name or
 * box. `where` is for messages.
 */
export async function parseAnnotation(text: string, where: string): Promise<ImageAnnotation> {
  const top = await parseXml(text, where)
  if (top.name !== 'annotation') {
    throw new PareError(`${where}: <${top.name}> is no annotation of Pascal VOC.`, {
      hint: 'expected <annotation> with an <object> for each box: <name>, and <bndbox> with <xmin>, <ymin>, <xmax> and <ymax>.',
    })
  }
  const source = childOf(top, 'source')
  const origin = ['annotation', 'database'].some((each) => /PASCAL VOC|The VOC20\d\d/i.test(textOf(source, each))) ? 1 : 0
  const objects = top.children
    .filter(({ name }) => name === 'object')
    .map((object, i) => objectIn(object, { origin, where: `${where}: object ${i + 1}` }))
  const frame = childOf(top, 'size')
  const [width, height] = [Number(textOf(frame, 'width')), Number(textOf(frame, 'height'))]
  // Some programs write 0.
  return { objects, ...(width > 0 && height > 0 && { size: { width, height } }) }
}

/** Images that were made smaller, and annotations that were not, go together by their names. A pixel is lost where halves are rounded. */
function refuseOther(own: Size, image: Size, where: string): void {
  if (Math.abs(own.width - image.width) <= 1 && Math.abs(own.height - image.height) <= 1) return
  throw new PareError(
    `${where}: an annotation of ${own.width} × ${own.height} pixels, and its image has ${image.width} × ${image.height}.`,
    { hint: 'fetch images and annotations of one size again, or correct <size> where the boxes fit.' },
  )
}

const SIDES = ['xmin', 'ymin', 'xmax', 'ymax'] as const

function objectIn(object: XmlElement, { origin, where }: { readonly origin: 0 | 1; readonly where: string }): AnnotatedObject {
  const name = textOf(object, 'name')
  if (name === '')
    throw new PareError(`${where} has no <name>.`, { hint: 'write the class of what is in the box, or take the object out.' })
  const frame = childOf(object, 'bndbox')
  if (frame === undefined) {
    const others = object.children.map((child) => `<${child.name}>`)
    throw new PareError(`${where}, ${JSON.stringify(name)}, has no <bndbox>; it has ${listed(others)}.`, {
      hint: 'write the box around it: <bndbox> with <xmin>, <ymin>, <xmax> and <ymax>. Turned boxes and points are not read.',
    })
  }
  const sides = SIDES.map((side) => ({ side, text: textOf(frame, side) }))
  const [xmin, ymin, xmax, ymax] = sides.map(({ text }) => (/^[-+.\deE]+$/.test(text) ? Number(text) : Number.NaN)) as [
    number,
    number,
    number,
    number,
  ]
  const odd = sides.filter((_, i) => !Number.isFinite([xmin, ymin, xmax, ymax][i]))
  if (odd.length > 0) {
    throw new PareError(
      `${where}, ${JSON.stringify(name)}: ${odd.map(({ side, text }) => `<${side}> is ${text === '' ? 'not there' : JSON.stringify(text.slice(0, 40))}`).join(', ')}.`,
      { hint: 'expected numbers: pixels of the image.' },
    )
  }
  const [left, top] = [xmin - origin, ymin - origin]
  if (xmax < left || ymax < top) {
    throw new PareError(
      `${where}, ${JSON.stringify(name)}: its box goes from ${xmin}, ${ymin} to ${xmax}, ${ymax}, and so ends before it begins.`,
      { hint: 'correct the annotation: xmin is the left side and xmax the right one.' },
    )
  }
  return { name, box: [left, top, xmax - left, ymax - top], isDifficult: textOf(object, 'difficult') === '1' }
}

/** The first element of a name right within another. */
function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name)
}

/** The text of that, without blanks around it; '' where it is not there. */
function textOf(element: XmlElement | undefined, name: string): string {
  return childOf(element, name)?.text.trim() ?? ''
}
