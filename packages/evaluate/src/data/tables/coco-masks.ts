import { PareError } from '@pare/onnx'
import type { Size } from '../images/image-steps.js'
import type { NumberedMask } from '../images/masks.js'
import { type Category, named, numbersByName, strangeCategories } from '../labels/categories.js'
import { drawMask } from '../labels/drawn-mask.js'
import { type FindClasses, listed } from '../labels/labels.js'

type JsonObject = Readonly<Record<string, unknown>>

/** No pixel counts that is drawn so. */
const IGNORED = 255
const BACKGROUND = /^(_*background_*|bg|void|unlabell?ed|nothing)$/i
const MOST_PIXELS = 2 ** 26

/** What is drawn of COCO's annotations. */
export interface CocoMasks {
  readonly notes: readonly string[]
  /** The class of each pixel of an image with these annotations. `size` is that of its file, which counts where the annotations do not say it. */
  draw(image: JsonObject, annotations: readonly JsonObject[], size: Size): NumberedMask
}

/** Whether an annotation has an outline. */
export function hasOutline({ segmentation }: JsonObject): boolean {
  return Array.isArray(segmentation) ? segmentation.length > 0 : typeof segmentation === 'object' && segmentation !== null
}

/**
 * How outlines are drawn as masks: the later above the earlier, as COCO's own tools do it; a crowd, whose outline is rough, does not count where nothing else is. What nothing is drawn on is the class
 * of the model that is called background, else 0 where categories are classes by their ids, else it does not count.
 */
export async function cocoMasks(
  categories: readonly Category[],
  {
    name,
    used,
    findClasses,
  }: { readonly name: string; readonly used: ReadonlySet<unknown>; readonly findClasses: FindClasses | undefined },
): Promise<CocoMasks> {
  const { numberOf, background, isNumbered, notes } = await numbering(categories, { name, used, findClasses })
  return {
    notes,
    draw(image, annotations, fileSize) {
      const where = `${name}: image ${String(image.file_name)}`
      const size = sizeOf(image, fileSize, where)
      const outlined = annotations.map((one) => ({
        segmentation: one.segmentation,
        isCrowd: Number(one.iscrowd ?? 0) === 1,
        number: numberOf.get(one.category_id)!,
        where: `${where}: annotation ${JSON.stringify(one.id) ?? '?'}`,
      }))
      const crowds = outlined.filter(({ isCrowd }) => isCrowd).map((one) => ({ ...one, number: IGNORED }))
      const objects = [...crowds, ...outlined.filter(({ isCrowd }) => !isCrowd)]
      return { ...drawMask(objects, size, background), isNumbered }
    },
  }
}

function sizeOf({ width, height }: JsonObject, file: Size, where: string): Size {
  const size = width === undefined || height === undefined ? file : { width, height }
  const isSide = (side: unknown): side is number => Number.isInteger(side) && (side as number) > 0
  if (isSide(size.width) && isSide(size.height) && size.width * size.height <= MOST_PIXELS) return size as Size
  throw new PareError(`${where}: 'width' and 'height' are ${JSON.stringify(width)} and ${JSON.stringify(height)}.`, {
    hint: `expected its pixels: ${file.width} and ${file.height}.`,
  })
}

interface MaskNumbering {
  readonly numberOf: ReadonlyMap<unknown, number>
  readonly background: number
  /** Whether these are the model's own numbers. */
  readonly isNumbered: boolean
  readonly notes: readonly string[]
}

async function numbering(
  categories: readonly Category[],
  {
    name,
    used,
    findClasses,
  }: { readonly name: string; readonly used: ReadonlySet<unknown>; readonly findClasses: FindClasses | undefined },
): Promise<MaskNumbering> {
  const classes = named(await findClasses?.())
  // Labels of numbers are brought to those of the model later, as all are.
  const isById = classes === undefined || (findClasses?.setting?.every((each) => /^-?\d+$/.test(each)) ?? false)
  if (isById) return numberedById(categories, { name, used })
  const { numberOf, unknown } = numbersByName(categories, classes)
  const strange = unknown.filter(({ id }) => used.has(id)).map((each) => each.name)
  if (strange.length > 0) throw strangeCategories(strange, { name, classes, order: categories.map(({ id }) => id) })
  refuseMany(name, Math.max(...numberOf.values()))
  const at = classes.names.findIndex((each) => BACKGROUND.test(each.trim()))
  const background = at < 0 ? IGNORED : at
  const rest = at < 0 ? 'does not count, as no class is called background' : `is ${at} ${classes.names[at]}`
  return {
    ...{ numberOf, background, isNumbered: true },
    notes: [`categories of ${name} are classes by their names (${classes.from}); what nothing is drawn on ${rest}`],
  }
}

function numberedById(
  categories: readonly Category[],
  { name, used }: { readonly name: string; readonly used: ReadonlySet<unknown> },
): MaskNumbering {
  const own = categories.filter(({ id }) => used.has(id))
  const names = own.map((each) => each.name)
  if (used.has(0)) {
    throw new PareError(
      `${name}: category 0 is ${names[0]}, and what number the model has for pixels without an object is not known.`,
      {
        hint: `say the classes in the order of the model's numbers: --classes background,${names.slice(0, 3).join(',')}${names.length > 3 ? ',…' : ''}, or without background where it has no class for it.`,
      },
    )
  }
  refuseMany(name, Math.max(...own.map(({ id }) => id)))
  const shown = listed(own.map(({ id, name: each }) => `${id} is ${each}`))
  return {
    ...{ numberOf: new Map(own.map(({ id }) => [id, id])), background: 0, isNumbered: false },
    notes: [
      `categories of ${name} are classes by their ids: 0 is what nothing is drawn on, ${shown}; where the model numbers them otherwise, name its classes with --classes`,
    ],
  }
}

function refuseMany(name: string, most: number): void {
  if (most < IGNORED) return
  throw new PareError(`${name}: masks of class ${most}, and pixels have classes 0 to 254.`, {
    hint: 'write the masks as arrays into an .npz.',
  })
}
