import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, relative } from 'node:path'
import { PareError, present } from '@pare/onnx'
import { missing, readWhole } from '../file.js'
import { IMAGE_FILE } from '../file-kinds.js'
import { insideOf } from '../rows/inside.js'
import { utf8 } from '../utf8.js'
import type { Row, Table, TableFile } from './table.js'
import { isAnnotation, type VocOptions, vocTable } from './voc.js'

/** Folders of a data set of Pascal VOC, or of one that is laid out as it is. */
const IMAGES = /^(jpegimages|images?|imgs?)$/i
const ANNOTATIONS = /^annotations?$/i
const MASKS = 'SegmentationClass'
const MOST_BYTES = 2 ** 24

export interface VocFolderOptions extends VocOptions {
  /** Whether labels are boxes; false: they are none. Default: nobody asks for labels */
  readonly boxLabels?: boolean | undefined
}

/**
 * A data set of Pascal VOC: a folder of images beside a folder of annotations, of which `ImageSets` may list a part; or images with an .xml beside each, as LabelImg and Roboflow write them. Where
 * labels are asked for that are no boxes, its masks. Undefined where the folder is no such data set.
 */
export async function openVocFolder(folder: string, options: VocFolderOptions): Promise<Table | undefined> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'))
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const [images, annotations] = [IMAGES, ANNOTATIONS].map((pattern) => folders.filter((name) => pattern.test(name)))
  if (images!.length === 1 && (annotations!.length === 1 || folders.includes(MASKS))) {
    const place = { root: folder, images: images![0]!, folders, annotations: annotations![0] }
    return await openPlace(place, options)
  }
  await refuseSets(folder, folders)
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
  if (folders.length > 0 || !files.some((name) => IMAGE_FILE.test(name))) return undefined
  return await openBeside(folder, files, options)
}

/** The list of a part of a data set of Pascal VOC, `ImageSets/Main/train.txt`: its images with boxes, or of `ImageSets/Segmentation` with masks. */
export async function openVocList({ path, name, folder, findClasses, ...file }: TableFile): Promise<Table> {
  const root = dirname(dirname(folder))
  const options = { boundary: file.boundary ?? { trusted: false, root }, findClasses }
  const folders = await readdir(root)
  const [images, annotations] = [IMAGES, ANNOTATIONS].map((pattern) => folders.find((each) => pattern.test(each)))
  const isMasks = basename(folder) === 'Segmentation'
  const other = isMasks ? MASKS : 'Annotations'
  if (images === undefined || (isMasks ? !folders.includes(MASKS) : annotations === undefined)) {
    throw new PareError(
      `${name}: a list of images of Pascal VOC, and ${images === undefined ? 'JPEGImages' : other} is not beside ImageSets.`,
      {
        hint: `expected ${join(basename(root), 'JPEGImages')} and ${join(basename(root), other)}.`,
      },
    )
  }
  const part = { path, ids: await idsIn(path, options.boundary) }
  const place = { root, images, annotations, folders }
  return isMasks
    ? await maskTable(place, { part, name, folder, options })
    : await boxTable(place, { part, name, folder, options })
}

interface VocPlace {
  readonly root: string
  readonly images: string
  readonly annotations: string | undefined
  readonly folders: readonly string[]
}

interface VocPart {
  /** Of the list. */
  readonly path: string
  readonly ids: readonly string[]
}

interface VocReading {
  /** Undefined: all images. */
  readonly part: VocPart | undefined
  readonly name: string
  /** Where paths of rows begin. */
  readonly folder: string
  readonly options: VocFolderOptions
}

async function openPlace(place: VocPlace, options: VocFolderOptions): Promise<Table | undefined> {
  const { root, folders, annotations } = place
  const files = annotations === undefined ? [] : await readdir(join(root, annotations))
  const first = files.filter((file) => isXml(file)).sort()[0]
  const hasBoxes = first !== undefined && (await isAnnotation(join(root, annotations!, first), options.boundary))
  const hasMasks = folders.includes(MASKS) && (hasBoxes || folders.includes('ImageSets'))
  if (!hasBoxes && !hasMasks) return undefined
  const isMasks = hasMasks && (options.boxLabels === false || !hasBoxes)
  const part = await usualPart(root, { kind: isMasks ? 'Segmentation' : 'Main', folders, options })
  const reading = { part, name: basename(root), folder: root, options }
  if (isMasks) return await maskTable(place, reading)
  return { ...(await boxTable(place, reading)), holds: hasMasks ? 'boxes and masks' : 'boxes' }
}

/** What is measured: `val`, else `test`. Undefined where there is neither. */
async function usualPart(
  root: string,
  {
    kind,
    folders,
    options,
  }: { readonly kind: 'Main' | 'Segmentation'; readonly folders: readonly string[]; readonly options: VocFolderOptions },
): Promise<VocPart | undefined> {
  if (!folders.includes('ImageSets')) return undefined
  const place = join(root, 'ImageSets', kind)
  const files = (await readdir(place).catch(missing)) ?? []
  const name = ['val.txt', 'test.txt'].find((each) => files.includes(each))
  if (name === undefined) return undefined
  const path = join(place, name)
  return { path, ids: await idsIn(path, options.boundary) }
}

/** The first word of each line: lists of one class have 1, 0 or −1 behind it. */
async function idsIn(path: string, boundary: VocOptions['boundary']): Promise<readonly string[]> {
  const name = basename(path)
  const text = utf8(await readWhole(await insideOf(boundary, path, name), MOST_BYTES), name)
  const ids = text.split(/\r?\n/).map((line) => line.trim().replace(/\s+-?[01]$/, ''))
  const own = [...new Set(ids.filter((id) => id !== ''))]
  if (own.length === 0)
    throw new PareError(`${name}: no image in the list.`, {
      hint: 'expected the name of an image on each line, without extension.',
    })
  return own
}

async function boxTable(place: VocPlace, { part, name, folder, options }: VocReading): Promise<Table> {
  const { root, images, annotations } = place
  const pairs = await pairsOf(place, { partners: annotations!, isPartner: isXml, part, name })
  const at = (...parts: string[]) => slashed(relative(folder, join(root, ...parts)))
  return vocTable(
    {
      ...{
        name,
        folder,
        notes: notesOf(place, { part, name, count: pairs.files.length, what: 'annotations', lone: pairs.lone }),
      },
      images: pairs.files.map(({ image, partner }) => ({ path: at(images, image), annotation: at(annotations!, partner) })),
      ...present({ beside: part && [slashed(relative(folder, part.path))] }),
    },
    options,
  )
}

async function maskTable(place: VocPlace, { part, name, folder }: VocReading): Promise<Table> {
  const { root, images } = place
  const pairs = await pairsOf(place, { partners: MASKS, isPartner: (file) => IMAGE_FILE.test(file), part, name })
  const at = (...parts: string[]) => slashed(relative(folder, join(root, ...parts)))
  const rows = pairs.files.map(({ image, partner }) => ({ path: at(images, image), label: at(MASKS, partner) }))
  return {
    ...{ name, folder, bytes: Number.POSITIVE_INFINITY, rows: rows.length, holds: 'masks' },
    notes: notesOf(place, { part, name, count: rows.length, what: 'masks', lone: pairs.lone }),
    ...present({ beside: part && [slashed(relative(folder, part.path))] }),
    async *read(): AsyncGenerator<Row> {
      for (const values of rows) yield { where: `${name}/${values.path}`, values }
    },
  }
}

interface VocPairs {
  readonly files: readonly { readonly image: string; readonly partner: string }[]
  /** How many images have none. */
  readonly lone: number
}

/** Images and what belongs to them, by their names without extension. Throws PareError where what a list names is not there, and where there is nothing. */
async function pairsOf(
  { root, images }: VocPlace,
  {
    partners,
    isPartner,
    part,
    name,
  }: { readonly partners: string; isPartner(file: string): boolean; readonly part: VocPart | undefined; readonly name: string },
): Promise<VocPairs> {
  const own = (await readdir(join(root, images))).filter((file) => IMAGE_FILE.test(file) && !file.startsWith('.')).sort()
  const theirs = new Map((await readdir(join(root, partners))).filter(isPartner).map((file) => [stemOf(file), file]))
  const stems = new Set(own.map(stemOf))
  // Some lists have the extension, too.
  const ids = part && new Set(part.ids.map((id) => (stems.has(id) ? id : id.replace(IMAGE_FILE, ''))))
  const files = own.flatMap((image) => {
    const partner = theirs.get(stemOf(image))
    return partner === undefined || ids?.has(stemOf(image)) === false ? [] : [{ image, partner }]
  })
  if (part !== undefined) {
    const absent = [...ids!].filter((id) => !stems.has(id) || !theirs.has(id))
    if (absent.length > 0) {
      const [first] = absent as [string]
      throw new PareError(
        `${name}: ${absent.length} of the ${ids!.size} images of ${basename(part.path)} are not there, ${JSON.stringify(first.slice(0, 80))} for one, which is not in ${stems.has(first) ? partners : images}.`,
        { hint: `fetch all of ${images} and ${partners}, or take what is not there out of the list.` },
      )
    }
  }
  if (files.length === 0) {
    throw new PareError(`${root}: none of the ${own.length} images of ${images} has a file of its name in ${partners}.`, {
      hint: `expected ${partners}/1.${partners === MASKS ? 'png' : 'xml'} for ${images}/1.jpg.`,
    })
  }
  return { files, lone: part === undefined ? own.length - files.length : 0 }
}

function notesOf(
  { root, folders, images }: VocPlace,
  {
    part,
    name,
    count,
    what,
    lone,
  }: {
    readonly part: VocPart | undefined
    readonly name: string
    readonly count: number
    readonly what: string
    readonly lone: number
  },
): readonly string[] {
  if (part !== undefined) {
    const list = slashed(relative(root, part.path))
    const other = list.replace(/[^/]+$/, 'train.txt')
    return [
      `of ${basename(root)} the ${count} images of ${list} are read, with their ${what}${list === other ? '' : `; of another part name its list, such as ${other}`}`,
    ]
  }
  const why = folders.includes('ImageSets') ? ', as ImageSets has neither val.txt nor test.txt' : ''
  return [`all ${count} images of ${name}/${images} that have ${what} are read${why}${loneNote(lone, what)}`]
}

function loneNote(lone: number, what: string): string {
  return lone === 0 ? '' : `; ${lone} images without ${what} are left out`
}

/** Images with an .xml beside each. Undefined where the first is no annotation, or there is none. */
async function openBeside(folder: string, files: readonly string[], options: VocFolderOptions): Promise<Table | undefined> {
  const name = basename(folder)
  const xml = new Map(files.filter(isXml).map((file) => [stemOf(file), file]))
  const all = files.filter((file) => IMAGE_FILE.test(file)).sort()
  const images = all.flatMap((path) => {
    const annotation = xml.get(stemOf(path))
    return annotation === undefined ? [] : [{ path, annotation }]
  })
  const [first] = images
  if (first === undefined || !(await isAnnotation(join(folder, first.annotation), options.boundary))) return undefined
  const lone = all.length - images.length
  const notes = [`${images.length} images of ${name} have an annotation of Pascal VOC beside them${loneNote(lone, 'one')}`]
  return vocTable({ name, folder, images, notes }, options)
}

/** Of the folder above data sets of Pascal VOC, which would be taken for classes. */
async function refuseSets(folder: string, folders: readonly string[]): Promise<void> {
  const sets: string[] = []
  for (const name of folders) {
    const images = await stat(join(folder, name, 'JPEGImages')).catch(missing)
    if (images?.isDirectory()) sets.push(name)
  }
  if (sets.length === 0) return
  throw new PareError(`${folder}: ${sets.length === 1 ? 'a data set' : 'data sets'} of Pascal VOC in it: ${sets.join(', ')}.`, {
    hint: `name ${sets.length === 1 ? 'it' : 'one'}: ${join(folder, sets[0]!)}`,
  })
}

const isXml = (file: string) => /\.xml$/i.test(file) && !file.startsWith('.')
const stemOf = (file: string) => file.slice(0, file.length - extname(file).length)
const slashed = (path: string) => path.split('\\').join('/')
