import { readdir } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { PareError } from '@pare/onnx'
import { missing, readWhole } from '../file.js'
import { IMAGE_FILE } from '../file-kinds.js'
import { MOST_SHARE } from '../labels/box-labels.js'
import { type Category, named, numbersByName, strangeCategories } from '../labels/categories.js'
import { type FindClasses, listed } from '../labels/labels.js'
import { type Boundary, insideOf, UntrustedError } from '../rows/inside.js'
import { utf8 } from '../utf8.js'
import { LABEL_FILE, type Table, type TableFile } from './table.js'

/** Files with the names of classes, in the folder of the images or above it. */
const NAMES = ['data.yaml', 'data.yml', 'dataset.yaml', 'dataset.yml', 'classes.txt', 'obj.names']
const MOST_BYTES = 2 ** 24

/** Names of classes by the numbers of label files, and where they are from. */
interface Named {
  readonly categories: readonly Category[]
  /** For people. */
  readonly from: string
}

/**
 * Images with label files of YOLO as a table: a row for each image, with its path and that of its label file, by the convention of Ultralytics: /images/ is /labels/ in it, or it lies beside the
 * image. Undefined where no image has one. `images` are paths from the folder.
 */
export async function yoloTable(
  { name, folder, boundary, findClasses }: YoloFile,
  images: readonly string[],
  stated?: { readonly names: unknown; readonly path: string },
): Promise<Table | undefined> {
  const labels = await labelFiles(images.map((image) => resolve(folder, image)))
  const rows = images.map((path) => {
    const label = labels.get(resolve(folder, path))
    return { path, [LABEL_FILE]: label === undefined ? null : slashed(relative(folder, label)) }
  })
  const [first] = labels.values()
  if (first === undefined) return undefined
  const isApart = dirname(first) !== dirname(resolve(folder, images[0]!))
  // Captions lie beside their images, too.
  if (!isApart && !(await isLabelFile(first, boundary))) return undefined
  const place = stated?.path ?? (await fileOfNames(namesFolders(folder, first)))
  let numbering: Promise<NumberOf> | undefined
  const empty = images.length - labels.size
  return {
    ...{ name, folder, bytes: Number.POSITIVE_INFINITY, rows: rows.length, holds: 'boxes' },
    ...(place !== undefined && { beside: [slashed(relative(folder, place))] }),
    notes: [
      `${labels.size} images of ${name} have a label file of YOLO${empty > 0 ? `, and ${empty} none: nothing is on these` : ''}${place === undefined ? '; classes are numbered as there' : `; names of classes are from ${basename(place)}`}`,
    ],
    async *read() {
      for (const values of rows) yield { where: `${name}/${values.path}`, values }
    },
    async boxesOf({ values, where }, { readFile }) {
      numbering ??= (async () => {
        const names = stated?.names ?? (place && (await namesIn(place, boundary)))
        return await numberer(categoriesIn(names, place), { name, findClasses })
      })()
      const [numberOf, path] = [await numbering, values[LABEL_FILE]]
      const boxes = typeof path === 'string' ? parseLabels(utf8(await readFile(path), path), `${where}: ${basename(path)}`) : []
      return { bbox: boxes.map(({ box }) => box), category_id: boxes.map(({ id }) => numberOf(id, `${where}: ${path}`)) }
    },
  }
}

export type YoloFile = Pick<TableFile, 'name' | 'folder' | 'findClasses'> & { readonly boundary: Boundary }

/**
 * The `data.yaml` of a data set for YOLO: the images of `val`, else of `test`, which is a folder, a list of images (.txt), or several of these. Throws PareError where neither is there, or no image
 * has a label file.
 */
export async function openDataYaml({ path, name, folder, findClasses, boundary }: TableFile): Promise<Table> {
  const own = boundary ?? { trusted: false, root: folder }
  const value = await yamlIn((await readWhole(path, MOST_BYTES)).toString('utf8'), name)
  const config = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>
  const part = ['val', 'validation', 'test'].find((key) => typeof config[key] === 'string' || Array.isArray(config[key]))
  if (part === undefined) {
    throw new PareError(`${name}: neither 'val' nor 'test', so this is no data set for YOLO.`, {
      hint: 'expected val: images/val and names: [cat, dog]; other data are no YAML. For its training part name the folder of the images.',
    })
  }
  const entries = [config[part]].flat().map(String)
  const images: string[] = []
  for (const entry of entries) images.push(...(await imagesOf(entry, { name, folder, boundary: own, base: config.path })))
  const file = { name, folder, boundary: own, ...(findClasses && { findClasses }) }
  const table = await yoloTable(file, images, { names: config.names, path })
  if (table === undefined) {
    throw new PareError(`${name}: none of the ${images.length} images of '${part}' has a label file, ${images[0]} for one.`, {
      hint: 'expected labels/….txt beside images/…, with a line for each box: class, centre, width and height as shares of the image.',
    })
  }
  return { ...table, notes: [`of ${name} the part '${part}' is read: ${images.length} images`, ...(table.notes ?? [])] }
}

/** The images that an entry of `data.yaml` means, from the folder of that. */
async function imagesOf(
  entry: string,
  { name, folder, boundary, base }: YoloFile & { readonly base: unknown },
): Promise<readonly string[]> {
  const bases = typeof base === 'string' && base !== '' ? [base, join('datasets', base), join('../datasets', base), '.'] : ['.']
  // Roboflow writes ../valid/images, and means valid/images.
  const ways = entry.startsWith('../') ? [entry, entry.slice(3)] : [entry]
  const places = [...new Set(bases.flatMap((each) => ways.map((way) => resolve(folder, each, way))))]
  const outside: UntrustedError[] = []
  for (const place of places) {
    const target = await insideOf(boundary, place, `${name}: ${entry}`).catch((error: unknown) => {
      if (!(error instanceof UntrustedError)) throw error
      outside.push(error)
    })
    const images = target === undefined ? [] : await imagesAt(place, target)
    if (images.length > 0) return images.map((path) => slashed(relative(folder, path)))
  }
  const [first] = outside
  if (first !== undefined) throw first
  throw new PareError(
    `${name}: no images at ${entry}; looked for it in ${listed(places.map((each) => slashed(relative(folder, each)) || '.'))}.`,
    { hint: `correct 'path' or the entry in ${name}, or name the folder of the images instead.` },
  )
}

/** Images in a folder, or those that a text lists, whose paths start at its own folder. `target` is where the place really is. None where it is not there. */
async function imagesAt(place: string, target: string): Promise<readonly string[]> {
  if (extname(place) === '.txt') {
    const text = await readWhole(target, MOST_BYTES).catch(missing)
    const lines = text === undefined ? [] : utf8(text, basename(place)).split(/\r?\n/)
    return lines.filter((line) => IMAGE_FILE.test(line)).map((line) => resolve(dirname(place), line))
  }
  const files = (await readdir(target, { recursive: true }).catch(missing)) ?? []
  const images = files.filter((file) => IMAGE_FILE.test(file) && !/(^|[/\\])\./.test(file))
  return images.sort().map((file) => join(place, file))
}

/** Of each image that has one, by the path of the image. */
async function labelFiles(images: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const labels = new Map<string, string>()
  const folders = new Map<string, ReadonlySet<string>>()
  for (const image of images) {
    const place = labelFolder(dirname(image))
    if (!folders.has(place)) folders.set(place, new Set(await readdir(place).catch(missing)))
    const file = `${basename(image, extname(image))}.txt`
    if (folders.get(place)!.has(file)) labels.set(image, join(place, file))
  }
  return labels
}

/** The last /images/ of a path is /labels/ in that of the labels. */
function labelFolder(folder: string): string {
  const parts = folder.split(sep)
  const at = parts.lastIndexOf('images')
  return at < 0 ? folder : parts.with(at, 'labels').join(sep)
}

/** Where names of classes may stand: with the images and labels, and in the two folders above that of all labels. */
function namesFolders(folder: string, label: string): readonly string[] {
  const parts = dirname(label).split(sep)
  const at = parts.lastIndexOf('labels')
  const root = at < 0 ? dirname(label) : parts.slice(0, at).join(sep)
  return [...new Set([folder, dirname(label), root, dirname(root)])]
}

async function fileOfNames(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const files = (await readdir(folder).catch(missing)) ?? []
    const name = NAMES.find((each) => files.includes(each))
    if (name !== undefined) return join(folder, name)
  }
  return undefined
}

/** `names` of YAML, or the lines of a text. */
async function namesIn(path: string, boundary: Boundary): Promise<unknown> {
  const name = basename(path)
  const text = utf8(await readWhole(await insideOf(boundary, path, name), MOST_BYTES), name)
  if (/\.ya?ml$/.test(name)) return ((await yamlIn(text, name)) as { names?: unknown } | null)?.names
  return text.split(/\r?\n/).flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
}

async function yamlIn(text: string, name: string): Promise<unknown> {
  const { parseYaml } = await import('../yaml-text.js')
  return await parseYaml(text).catch((cause: unknown) => {
    throw new PareError(`${name}: not YAML (${(cause as Error).message.replace(/\.$/, '')}).`, { hint: 'correct it.', cause })
  })
}

/** Names in a list, or by their numbers. */
function categoriesIn(names: unknown, path: string | undefined): Named | undefined {
  if (path === undefined || typeof names !== 'object' || names === null) return undefined
  const categories = Object.entries(names).map(([id, each]) => ({ id: Number(id), name: String(each) }))
  return categories.length > 0 && categories.every(({ id }) => Number.isInteger(id))
    ? { categories, from: basename(path) }
    : undefined
}

type NumberOf = (id: number, where: string) => number

/** The number that the model has for a class of a label file: by its name, where those of both are known. */
async function numberer(
  stated: Named | undefined,
  { name, findClasses }: { readonly name: string; readonly findClasses?: FindClasses | undefined },
): Promise<NumberOf> {
  if (stated === undefined) return (id) => id
  const { categories, from } = stated
  const ids = categories.map(({ id }) => id)
  const classes = named(await findClasses?.())
  const numberOf = classes && numbersByName(categories, classes).numberOf
  return (id, where) => {
    const own = categories.find((each) => each.id === id)
    if (own === undefined) {
      const all = listed(categories.map((each) => `${each.id} ${each.name}`))
      throw new PareError(`${where}: a box is of class ${id}, and ${from} names ${all}.`, {
        hint: 'correct the file, or the names.',
      })
    }
    const number = numberOf === undefined ? id : numberOf.get(id)
    if (number === undefined) throw strangeCategories([own.name], { name, classes: classes!, order: ids })
    return number
  }
}

interface LabelledBox {
  readonly id: number
  /** Left, top, width and height as shares of the image. */
  readonly box: readonly [number, number, number, number]
}

/**
 * Lines of a label file: class, then centre, width and height of a box, or the corners of a polygon, of which the box around it is taken, all as shares of the image. The same line twice counts once.
 * Throws PareError for anything else.
 */
export function parseLabels(text: string, where: string): readonly LabelledBox[] {
  const firsts = new Map<string, number>()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const own = line.trim()
    if (own !== '' && !firsts.has(own)) firsts.set(own, i + 1)
  }
  return [...firsts].map(([line, number]) => boxIn(line, `${where}:${number}`))
}

function boxIn(line: string, where: string): LabelledBox {
  const numbers = line.split(/\s+/).map((word) => (/^[-+.\deE]+$/.test(word) ? Number(word) : Number.NaN))
  const [id = Number.NaN, ...values] = numbers
  const isBox = values.length === 4
  const isPolygon = values.length >= 6 && values.length % 2 === 0
  if (!Number.isInteger(id) || id < 0 || !(isBox || isPolygon) || !values.every(Number.isFinite)) {
    throw new PareError(`${where} is no box of YOLO.`, {
      hint: `expected class, centre x, centre y, width and height, or class and the corners of a polygon${values.length === 5 ? '; a score behind them is one of predictions, not of labels' : ''}.`,
    })
  }
  const odd = values.find((value) => value < -(MOST_SHARE - 1) || value > MOST_SHARE)
  if (odd !== undefined) {
    throw new PareError(`${where}: ${odd} is no share of the image.`, {
      hint: 'expected numbers between 0 and 1: divide pixels by width and height of the image.',
    })
  }
  if (isBox) {
    const [x, y, width, height] = values as [number, number, number, number]
    return { id, box: [x - width / 2, y - height / 2, width, height] }
  }
  // Too many corners to be arguments are a polygon, too.
  let [left, top, right, low] = [values[0]!, values[1]!, values[0]!, values[1]!]
  for (let at = 2; at < values.length; at += 2) {
    const [x, y] = [values[at]!, values[at + 1]!]
    ;[left, top, right, low] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(low, y)]
  }
  return { id, box: [left, top, right - left, low - top] }
}

/** Whether the first file beside an image is one of boxes. */
async function isLabelFile(path: string, boundary: Boundary): Promise<boolean> {
  const text = (await readWhole(await insideOf(boundary, path, basename(path)), MOST_BYTES)).toString('utf8')
  try {
    parseLabels(text, path)
    return true
  } catch (error) {
    if (error instanceof PareError) return false
    throw error
  }
}

const slashed = (path: string) => path.split('\\').join('/')
