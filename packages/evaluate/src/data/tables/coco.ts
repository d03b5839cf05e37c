import { stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { PareError } from '@pare/onnx'
import { named, numbersByName, strangeCategories } from '../labels/categories.js'
import { type FindClasses, listed } from '../labels/labels.js'
import type { Row, Table, TableFile } from './table.js'

type JsonObject = Readonly<Record<string, unknown>>

/** Annotations of objects as COCO has them (instances_val2017.json). */
export interface CocoFile {
  readonly images: readonly JsonObject[]
  readonly annotations: readonly JsonObject[]
  readonly categories?: unknown
}

export function isCoco(value: unknown): value is CocoFile {
  const { images, annotations } = (value ?? {}) as Partial<Record<keyof CocoFile, unknown>>
  return [images, annotations].every(
    (list) => Array.isArray(list) && list.every((each) => typeof each === 'object' && each !== null),
  )
}

/**
 * COCO's annotations as a table: a row for each image, also where nothing is on it, with the path of its file, and `bbox`, `category_id`, `iscrowd` and `area` of what is on it. Boxes are
 * in pixels of the image, classes numbered as the model numbers them. Throws PareError where there are masks, captions or points without boxes, and where images are not there.
 */
export async function cocoTable(coco: CocoFile, { path, name, folder, findClasses }: TableFile): Promise<Table> {
  refuseUnboxed(coco, name)
  const place = await imageFolder(coco, { path, name, folder })
  const { numberOf, notes } = await numbering(coco, { name, findClasses })
  const boxes = new Map<unknown, JsonObject[]>()
  for (const one of coco.annotations) {
    const own = boxes.get(one.image_id)
    if (own === undefined) boxes.set(one.image_id, [one])
    else own.push(one)
  }
  const ids = new Set(coco.images.map(({ id }) => id))
  const stray = [...boxes.keys()].find((id) => !ids.has(id))
  if (stray !== undefined)
    throw new PareError(`${name}: boxes of image ${JSON.stringify(stray)}, and no image has that id.`, {
      hint: 'correct the file.',
    })
  const rows = coco.images.map((image): Row => {
    const own = boxes.get(image.id) ?? []
    const file = join(place, String(image.file_name)).split('\\').join('/')
    return {
      where: `${name}: image ${String(image.file_name)}`,
      values: {
        file_name: file,
        bbox: own.map((one) => one.bbox),
        category_id: own.map((one) => numberOf.get(one.category_id)!),
        iscrowd: own.map((one) => Number(one.iscrowd ?? 0)),
        ...(own.every((one) => typeof one.area === 'number') && { area: own.map((one) => one.area) }),
      },
    }
  })
  return {
    ...{ name, folder, bytes: Number.POSITIVE_INFINITY, rows: rows.length, notes, holds: 'boxes' },
    async *read() {
      yield* rows
    },
  }
}

function refuseUnboxed({ annotations, images }: CocoFile, name: string): void {
  if (images.length === 0) throw new PareError(`${name}: no images in it.`, { hint: 'give more data.' })
  const odd = annotations.find(
    ({ bbox }) => !(Array.isArray(bbox) && bbox.length === 4 && bbox.every((side) => typeof side === 'number')),
  )
  if (odd === undefined) return
  const content = ['segments_info', 'caption', 'segmentation', 'keypoints'].find((key) => key in odd)
  throw new PareError(
    `${name}: of COCO's annotations boxes are read, and one has ${content === undefined ? 'none' : `'${content}' and none`}.`,
    {
      hint: 'name the file with the boxes (instances_val2017.json). Masks are read from PNG files: a folder images and a folder masks with files of the same names.',
    },
  )
}

/** Folders in which images usually lie, from that of the annotations. */
function usualFolders(path: string): readonly string[] {
  const part = basename(path)
    .replace(/\.json.*$/i, '')
    .replace(/^_?annotations\.coco$/i, '')
    .replace(/^(instances|annotations|labels|person_keypoints)_?/i, '')
  const inside = [part, `images/${part}`, 'images', 'data', `data/${part}`, '']
  return [...new Set(['', ...inside, ...inside.map((each) => `../${each}`)])]
}

/** The folder that `file_name` starts at, from that of the annotations. */
async function imageFolder({ images }: CocoFile, { path, name, folder }: TableFile): Promise<string> {
  const odd = images.find(({ file_name: file }) => typeof file !== 'string' || file === '')
  if (odd !== undefined)
    throw new PareError(`${name}: an image has no file_name: ${JSON.stringify(odd).slice(0, 80)}.`, { hint: 'correct the file.' })
  const first = String(images[0]!.file_name)
  const folders = usualFolders(path)
  for (const each of folders) {
    const there = await stat(join(folder, each, first)).catch(() => undefined)
    if (there?.isFile()) return each
  }
  const places = [...new Set(folders.map((each) => relative(dirname(folder), join(folder, each)) || '.'))]
  throw new PareError(`${name}: image ${first} is in none of the folders where images of COCO lie: ${listed(places)}.`, {
    hint: `put the images into a folder images beside ${name}, or write the path from ${name} as file_name.`,
  })
}

interface Numbering {
  /** The number that the model has for a category, by its id. */
  readonly numberOf: ReadonlyMap<unknown, number>
  readonly notes: readonly string[]
}

/**
 * Categories as the model numbers them: by their names, where those of the model are known; else as they are, where they count from 0; else in the order of their ids, as YOLO and all that learn
 * from contiguous classes number COCO's 1 to 90. What nothing is annotated with needs no number.
 */
async function numbering(
  { annotations, categories }: CocoFile,
  { name, findClasses }: { readonly name: string; readonly findClasses: FindClasses | undefined },
): Promise<Numbering> {
  const all = (Array.isArray(categories) ? (categories as readonly JsonObject[]) : [])
    .filter((each) => typeof each?.id === 'number')
    .map((each) => ({ id: each.id as number, name: String(each.name ?? each.id) }))
    .sort((a, b) => a.id - b.id)
  const used = new Set(annotations.map((each) => each.category_id))
  const ids = new Set<unknown>(all.map(({ id }) => id))
  const stray = [...used].find((id) => !ids.has(id))
  if (stray !== undefined)
    throw new PareError(`${name}: a box is of category ${JSON.stringify(stray)}, which 'categories' does not list.`, {
      hint: 'correct the file.',
    })
  const classes = await findClasses?.()
  const order = all.map(({ id }) => id)
  const byOrder = new Map(order.map((id, i) => [id, i]))
  const own = named(classes)
  if (own === undefined) return withoutNames({ name, order, byOrder, count: classes?.names.length })
  const { numberOf, unknown } = numbersByName(all, own)
  const strange = unknown.filter(({ id }) => used.has(id)).map((each) => each.name)
  if (strange.length > 0) throw strangeCategories(strange, { name, classes: own, order })
  return { numberOf, notes: [`categories of ${name} are classes by their names (${own.from})`] }
}

function withoutNames({
  name,
  order,
  byOrder,
  count,
}: {
  readonly name: string
  readonly order: readonly number[]
  readonly byOrder: ReadonlyMap<number, number>
  readonly count: number | undefined
}): Numbering {
  const isPlain = order.every((id, i) => id === i)
  // A model with room for the largest id, and more classes than there are categories, has ids as classes: DETR's.
  const isById = count !== undefined && count > order.length && order.every((id) => id < count)
  if (isPlain || isById) return { numberOf: new Map(order.map((id) => [id, id])), notes: [] }
  const shown = listed(order.map((id, i) => `${i} is ${id}`))
  return {
    numberOf: byOrder,
    notes: [
      `categories of ${name} are classes in the order of their ids: ${shown}; where the model numbers them otherwise, put its config.json with id2label beside it, or name its classes with --classes`,
    ],
  }
}
