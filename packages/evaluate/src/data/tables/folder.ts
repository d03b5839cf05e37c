import { readdir } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { PareError } from '@pare/onnx'
import { IMAGE_FILE, SOUND_FILE } from '../file-kinds.js'
import { type FindClasses, listed } from '../labels/labels.js'
import type { Boundary } from '../rows/inside.js'
import { refuseSets, tablesAmong } from './chained.js'
import type { Row, Table } from './table.js'
import { openVocFolder } from './voc-folder.js'
import { yoloTable } from './yolo.js'

/** What lists the files of a folder, as `datasets` and Roboflow have it. */
const LISTS = ['metadata.csv', 'metadata.jsonl', 'metadata.parquet', '_annotations.coco.json', 'data.yaml']
/** Folders that are parts of a data set, and no classes. */
const SPLITS = ['train', 'training', 'val', 'valid', 'validation', 'dev', 'test', 'testing']

/** Images and sounds in formats that are not read. */
const OTHER_FORMATS = /\.(heic|heif|avif|jfif|jp2|ppm|pgm|mp3|flac|ogg|opus|m4a|aiff?)$/i
/** Folders that belong together file by file, as those of masks do, and no classes. */
const PARTNERS = /^(masks?|labels?|labels?_?ids|annotations?|segmentation(class|s)?|seg|gt|ground_?truth|targets?)$/i
const IMAGES = /^(images?|imgs?|jpegimages|inputs?|rgb)$/i

/** Files that a folder holds: a list of files with what belongs to them, tables that follow each other, or folders of files, one for each class or one of images and one of masks. */
export type FolderContent =
  | { readonly kind: 'list'; readonly path: string }
  | { readonly kind: 'tables'; readonly paths: readonly string[] }
  | { readonly kind: 'files' }

/** What is known besides the folder. */
export interface FolderOptions {
  readonly findClasses: FindClasses
  readonly boundary: Boundary
  /** Whether labels are boxes; false: they are none. Default: nobody asks for labels */
  readonly boxLabels?: boolean | undefined
}

/** What a folder is read as. Throws PareError for one that holds no data. */
export async function contentOf(folder: string): Promise<FolderContent> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => isShown(name))
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .sort()
  const list = LISTS.find((name) => files.includes(name))
  if (list !== undefined) return { kind: 'list', path: join(folder, list) }
  const isApart = files.length < entries.length || files.some(isData)
  const tables = tablesAmong(files, isApart)
  if (tables.length === 0) return { kind: 'files' }
  refuseSets(folder, tables)
  return { kind: 'tables', paths: tables.map((name) => join(folder, name)) }
}

/**
 * A folder with a folder for each class: the label is the number of the class. Classes are those that are known by name, else the folders in the order of
 * their names, as ImageFolder of torchvision and load_files of scikit-learn have it. Files without a folder have no label.
 */
export async function openClassFolder(folder: string, options: FolderOptions): Promise<Table> {
  const voc = await openVocFolder(folder, options)
  if (voc !== undefined) return voc
  const { findClasses, boundary } = options
  const shown = basename(folder)
  const boxes = (images: readonly string[]) => yoloTable({ name: shown, folder, findClasses, boundary }, images)
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => isShown(name))
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
  const perClass = await Promise.all(
    folders.map(async (name) => {
      const inside = await readdir(join(folder, name), { recursive: true })
      return {
        name,
        files: inside
          .map((file) => join(name, file))
          .filter(isData)
          .sort(),
        others: inside.filter((file) => OTHER_FORMATS.test(file)),
      }
    }),
  )
  const loose = entries
    .map(({ name }) => name)
    .filter((name) => isData(name) && !folders.includes(name))
    .sort()
  const others = [
    ...perClass.flatMap((one) => one.others),
    ...entries.map(({ name }) => name).filter((name) => OTHER_FORMATS.test(name)),
  ]
  if (folders.length > 1 && folders.every((name) => IMAGES.test(name) || PARTNERS.test(name))) {
    const [images, partners] = [folders.filter((name) => IMAGES.test(name)), folders.filter((name) => PARTNERS.test(name))]
    if (images.length === 1 && partners.length === 1) {
      refuseParts(folder, { images: images[0]!, partners: partners[0]! }, perClass.find(({ name }) => name === images[0])!.files)
      const files = perClass.find(({ name }) => name === images[0])!.files.map((file) => file.split('\\').join('/'))
      return (await boxes(files)) ?? (await openPairs(folder, images[0]!, partners[0]!))
    }
    throw unpaired(folder, folders)
  }
  const classes = perClass.filter(({ files }) => files.length > 0)
  if (classes.length === 0 && loose.length === 0) throw emptyFolder(folder, { names: entries.map(({ name }) => name), others })
  if (classes.length > 0 && loose.length > 0)
    throw new PareError(`${folder}: ${loose.length} files beside folders of classes, ${loose[0]} for one.`, {
      hint: 'move them into the folder of their class, or away.',
    })
  const labelled = classes.length === 0 ? await boxes(loose.filter((file) => IMAGE_FILE.test(file))) : undefined
  if (labelled !== undefined) return labelled
  const names = classes.map(({ name }) => name)
  const splits = names.filter((name) => SPLITS.includes(name.toLowerCase()))
  if (names.length > 0 && splits.length === names.length)
    throw new PareError(`${folder}: its folders are parts of a data set, and no classes: ${listed(names)}.`, {
      hint: `name one of them: ${join(folder, splits[0]!)}`,
    })
  const { numberOf, notes } = await numbering(names, { shown, findClasses })
  const unread = others.length === 0 ? [] : [`${others.length} of the files in ${shown} are not read: ${formatsOf(others)}`]
  const rows = [
    ...classes.flatMap(({ name, files }) => files.map((path) => ({ path, class: name, label: numberOf.get(name)! }))),
    ...loose.map((path) => ({ path })),
  ].map((row) => ({ ...row, path: row.path.split('\\').join('/') }))
  return {
    ...{ name: shown, folder, bytes: Number.POSITIVE_INFINITY, rows: rows.length, notes: [...notes, ...unread] },
    async *read(): AsyncGenerator<Row> {
      for (const values of rows) yield { where: `${shown}/${values.path}`, values }
    },
  }
}

/** What stands behind the name of an image in that of its mask, besides nothing. */
const MASK_SUFFIX = /[-_.](masks?|labels?|labelids|segmentation|seg|gt|annotation)$/i
const stemOf = (path: string) => path.slice(0, path.length - extname(path).length)

/** Images and their masks, by the names of the files. Throws PareError where one lacks the other. */
async function openPairs(folder: string, images: string, partners: string): Promise<Table> {
  const shown = basename(folder)
  const filesIn = async (name: string) =>
    (await readdir(join(folder, name), { recursive: true })).map((file) => file.split('\\').join('/'))
  const [own, theirs] = await Promise.all([filesIn(images), filesIn(partners)])
  const masks = new Map(theirs.filter(isMask).map((file) => [stemOf(file), file]))
  for (const [stem, file] of [...masks]) {
    const plain = stem.replace(MASK_SUFFIX, '')
    if (!masks.has(plain)) masks.set(plain, file)
  }
  const files = own.filter((file) => IMAGE_FILE.test(file) && isData(file)).sort()
  const lone = files.filter((file) => !masks.has(stemOf(file)))
  if (files.length === 0)
    throw emptyFolder(join(folder, images), { names: own, others: own.filter((file) => OTHER_FORMATS.test(file)) })
  if (lone.length > 0) {
    const unread = theirs.filter((file) => !isMask(file))
    throw new PareError(
      `${folder}: ${lone.length} of ${files.length} images have no mask of their name in ${partners}, ${images}/${lone[0]} for one${masks.size === 0 && unread.length > 0 ? `; it holds ${unread[0]}` : ''}.`,
      {
        hint: `expected ${partners}/${stemOf(lone[0]!)}.png, or ${stemOf(lone[0]!)}_mask.png, for ${images}/${lone[0]}${unread.some((file) => file.endsWith('.txt')) ? `; or of boxes ${partners}/${stemOf(lone[0]!)}.txt, a label file of YOLO` : ''}.`,
      },
    )
  }
  const rows = files.map((file) => ({ path: `${images}/${file}`, label: `${partners}/${masks.get(stemOf(file))}` }))
  const stray = new Set(masks.values()).size - new Set(rows.map(({ label }) => label)).size
  const notes = [
    `${files.length} images of ${shown}/${images} are paired with the masks of ${shown}/${partners} by their names`,
    ...(stray > 0 ? [`${stray} of the masks in ${shown}/${partners} belong to no image`] : []),
  ]
  return {
    ...{ name: shown, folder, bytes: Number.POSITIVE_INFINITY, rows: rows.length, notes },
    async *read(): AsyncGenerator<Row> {
      for (const values of rows) yield { where: `${shown}/${values.path}`, values }
    },
  }
}

/** Images of several parts of a data set, such as images/train and images/val: measured together, what the model learned from would count. */
function refuseParts(folder: string, { images, partners }: { images: string; partners: string }, files: readonly string[]): void {
  const inside = [...new Set(files.map((file) => file.split(/[\\/]/)[1]!))]
  const parts = inside.filter((name) => SPLITS.includes(name.toLowerCase()))
  if (parts.length < 2 || parts.length < inside.length) return
  const one = parts.find((name) => /val|dev/i.test(name)) ?? parts[0]!
  throw new PareError(`${folder}: ${images} holds parts of a data set, not one: ${listed(parts)}.`, {
    hint: `name the images of one, where label files of YOLO belong to them: ${join(folder, images, one)}; or move one part into a folder of its own: ${one}/${images} and ${one}/${partners}.`,
  })
}

/** Of a mask in another format its reader says what to do. */
function isMask(path: string): boolean {
  return IMAGE_FILE.test(path) && isData(path)
}

async function numbering(
  names: readonly string[],
  { shown, findClasses }: { readonly shown: string; readonly findClasses: FindClasses },
): Promise<{ readonly numberOf: ReadonlyMap<string, number>; readonly notes: readonly string[] }> {
  const classes = names.length > 0 ? await findClasses() : undefined
  const unknown = classes === undefined ? names : names.filter((name) => !classes.names.includes(name))
  if (classes !== undefined && unknown.length > 0 && (unknown.length < names.length || classes.from === 'as they are said'))
    throw new PareError(
      `${shown}: ${unknown.length === 1 ? 'the folder' : 'folders'} ${listed(unknown)}: not among the classes ${listed(classes.names)} (${classes.from}).`,
      { hint: 'name folders after the classes, or say the classes in the order of their numbers with --classes.' },
    )
  const isNamed = classes !== undefined && unknown.length === 0
  const order = isNamed ? classes.names : names
  const how = isNamed ? `(${classes.from})` : 'in the order of their names'
  const shownOrder = listed(order.map((name, i) => `${i} ${name}`))
  return {
    numberOf: new Map(order.map((name, i) => [name, i])),
    notes: names.length === 0 ? [] : [`folders of ${shown} are classes ${how}: ${shownOrder}`],
  }
}

/** '.bmp, .gif' */
function formatsOf(files: readonly string[]): string {
  return listed([...new Set(files.map((file) => extname(file).toLowerCase()))].sort())
}

function unpaired(folder: string, names: readonly string[]): PareError {
  return new PareError(`${folder}: its folders belong together file by file, and are no classes: ${listed(names)}.`, {
    hint: 'expected one folder images and one folder masks, with PNG files of the same names; of boxes, annotations of COCO or Pascal VOC, label files of YOLO or a .jsonl with a line for each image: its path as image, boxes and labels.',
  })
}

function emptyFolder(
  folder: string,
  { names, others }: { readonly names: readonly string[]; readonly others: readonly string[] },
): PareError {
  const content = names.length === 0 ? 'nothing' : listed(names)
  if (others.length > 0) {
    return new PareError(`${folder}: ${others.length} files in formats that are not read: ${formatsOf(others)}.`, {
      hint: 'write images as PNG, JPEG or WebP (mogrify -format png FILES), and sounds as WAV (ffmpeg -i FILE sound.wav).',
    })
  }
  const isAnnotations = names.some((name) => /\.xml$/i.test(name))
  return new PareError(`${folder}: no data in the folder; it holds ${content}.`, {
    hint: isAnnotations
      ? `of annotations of Pascal VOC name the folder that holds their images, too: ${dirname(folder)}`
      : `expected a folder for each class with images (.png, .jpg, .webp, .tif, .bmp, .gif) or sounds (.wav) in it, or ${LISTS[0]} with a column file_name, or .parquet files.`,
  })
}

function isShown(name: string): boolean {
  return !name.startsWith('.')
}

function isData(path: string): boolean {
  return (IMAGE_FILE.test(path) || SOUND_FILE.test(path)) && !path.split(/[\\/]/).some((part) => part.startsWith('.'))
}
