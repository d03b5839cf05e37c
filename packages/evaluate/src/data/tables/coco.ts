import { stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { PareError } from '@pare/onnx'
import { type Category, named, numbersByName, strangeCategories } from '../labels/categories.js'
import { type FindClasses, listed } from '../labels/labels.js'
import { cocoMasks, hasOutline } from './coco-masks.js'
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
 * in pixels of the image, classes numbered as the model numbers them. Where labels are asked for that are no boxes, or there are none, outlines are drawn as masks. Throws PareError where there are
 * captions or points without either, and where images are not there.
 */
export async function cocoTable(coco: CocoFile, { path, name, folder, findClasses, boxLabels }: TableFile): Promise<Table> {
  const { hasBoxes, hasMasks } = contentOf(coco, { name, boxLabels })
  const place = await imageFolder(coco, { path, name, folder })
  const own = annotationsByImage(coco, name)
  const categories = categoriesOf(coco, name)
  const fileOf = (image: JsonObject) => join(place, String(image.file_name)).split('\\').join('/')
  const common = { name, folder, bytes: Number.POSITIVE_INFINITY, rows: coco.images.length }
  const used = new Set(coco.annotations.map((each) => each.category_id))
  if (hasMasks && (boxLabels === false || !hasBoxes)) {
    const masks = await cocoMasks(categories, { name, used, findClasses })
    const rows = coco.images.map(
      (image): Row => ({ where: `${name}: image ${String(image.file_name)}`, values: { file_name: fileOf(image) } }),
    )
    const images = new Map(rows.map((row, i) => [row, coco.images[i]!]))
    return {
      ...{ ...common, notes: masks.notes, holds: 'masks' },
      async *read() {
        yield* rows
      },
      maskOf(row, size) {
        const image = images.get(row)!
        return masks.draw(image, own.get(image.id) ?? [], size)
      },
    }
  }
  const { numberOf, notes } = await numbering(categories, { name, used, findClasses })
  const rows = coco.images.map((image): Row => {
    const boxes = own.get(image.id) ?? []
    return {
      where: `${name}: image ${String(image.file_name)}`,
      values: {
        file_name: fileOf(image),
        bbox: boxes.map((one) => one.bbox),
        category_id: boxes.map((one) => numberOf.get(one.category_id)!),
        iscrowd: boxes.map((one) => Number(one.iscrowd ?? 0)),
        ...(boxes.every((one) => typeof one.area === 'number') && { area: boxes.map((one) => one.area) }),
      },
    }
  })
  return {
    ...{ ...common, notes, holds: hasMasks ? 'boxes and masks' : 'boxes' },
    async *read() {
      yield* rows
    },
  }
}

function annotationsByImage({ images, annotations }: CocoFile, name: string): ReadonlyMap<unknown, readonly JsonObject[]> {
  const own = new Map<unknown, JsonObject[]>()
  for (const one of annotations) {
    const others = own.get(one.image_id)
    if (others === undefined) own.set(one.image_id, [one])
    else others.push(one)
  }
  const ids = new Set(images.map(({ id }) => id))
  const stray = [...own.keys()].find((id) => !ids.has(id))
  if (stray !== undefined)
    throw new PareError(`${name}: boxes of image ${JSON.stringify(stray)}, and no image has that id.`, {
      hint: 'correct the file.',
    })
  return own
}

/** Whether all annotations have a box, and whether all have an outline. Throws PareError where they have neither, and where boxes are asked for that some lack. */
function contentOf(
  { annotations, images }: CocoFile,
  { name, boxLabels }: Pick<TableFile, 'name' | 'boxLabels'>,
): { readonly hasBoxes: boolean; readonly hasMasks: boolean } {
  if (images.length === 0) throw new PareError(`${name}: no images in it.`, { hint: 'give more data.' })
  const odd = annotations.find(
    ({ bbox }) => !(Array.isArray(bbox) && bbox.length === 4 && bbox.every((side) => typeof side === 'number')),
  )
  const hasMasks = annotations.length > 0 && annotations.every(hasOutline)
  if (odd === undefined || (hasMasks && boxLabels !== true)) return { hasBoxes: odd === undefined, hasMasks }
  const content = ['segments_info', 'caption', 'segmentation', 'keypoints'].find((key) => key in odd)
  throw new PareError(
    `${name}: of COCO's annotations ${boxLabels === true ? 'boxes' : 'boxes and outlines'} are read, and one has ${content === undefined ? 'none' : `'${content}' and none`}.`,
    {
      hint: `name the file with the boxes (instances_val2017.json)${boxLabels === true ? '' : ', or one in which each annotation has a segmentation'}.`,
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
  all: readonly Category[],
  {
    name,
    used,
    findClasses,
  }: { readonly name: string; readonly used: ReadonlySet<unknown>; readonly findClasses: FindClasses | undefined },
): Promise<Numbering> {
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

/** In the order of their ids. Throws PareError where an annotation has another. */
function categoriesOf({ annotations, categories }: CocoFile, name: string): readonly Category[] {
  const all = (Array.isArray(categories) ? (categories as readonly JsonObject[]) : [])
    .filter((each) => typeof each?.id === 'number')
    .map((each) => ({ id: each.id as number, name: String(each.name ?? each.id) }))
    .sort((a, b) => a.id - b.id)
  const ids = new Set<unknown>(all.map(({ id }) => id))
  const stray = annotations.map((each) => each.category_id).find((id) => !ids.has(id))
  if (stray !== undefined || annotations.some((each) => each.category_id === undefined))
    throw new PareError(`${name}: a box is of category ${JSON.stringify(stray)}, which 'categories' does not list.`, {
      hint: 'correct the file.',
    })
  return all
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
