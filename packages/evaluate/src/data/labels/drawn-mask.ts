import { PareError } from '@pare/onnx'
import type { Size } from '../images/image-steps.js'
import type { ClassMask } from '../images/pixels.js'
import { boundarySteps, polygonRuns } from './polygons.js'
import { type PixelRun, runsOf } from './run-lengths.js'

/** An object on an image, as COCO outlines it. */
export interface OutlinedObject {
  /** Polygons, or runs of pixels with their size. */
  readonly segmentation: unknown
  /** What its pixels become. */
  readonly number: number
  /** For messages. */
  readonly where: string
}

/** What an image in a data set of people has some thousandth of. */
const [MOST_STEPS, MOST_DRAWN] = [2 ** 25, 2 ** 32]

/** The objects drawn one over the other, the later above the earlier: u8[height, width], `background` where there is none. Throws PareError for outlines that are none, or would take too long to draw. */
export function drawMask(objects: readonly OutlinedObject[], { width, height }: Size, background: number): ClassMask {
  const down = new Uint8Array(width * height).fill(background)
  let [steps, drawn] = [0, 0]
  for (const { segmentation, number, where } of objects) {
    const outlines = outlinesOf(segmentation, where)
    const allRuns = outlines.flatMap((outline): readonly PixelRun[] => {
      if ('counts' in outline) return runsOf(outline.counts, sameSize(outline.size, { width, height }, where), where)
      refuseFar(outline.corners, { width, height }, where)
      steps += boundarySteps(outline.corners)
      if (steps > MOST_STEPS) throw tooLong(where)
      return polygonRuns(outline.corners, { width, height })
    })
    for (const [from, to] of allRuns) {
      drawn += to - from
      if (drawn > MOST_DRAWN) throw tooLong(where)
      down.fill(number, from, to)
    }
  }
  const data = new Uint8Array(width * height)
  for (let x = 0; x < width; x++) for (let y = 0; y < height; y++) data[y * width + x] = down[x * height + y]!
  return { width, height, data }
}

type Outline = { readonly corners: readonly number[] } | { readonly counts: string | readonly unknown[]; readonly size: unknown }

function outlinesOf(segmentation: unknown, where: string): readonly Outline[] {
  if (Array.isArray(segmentation)) {
    // pycocotools takes the corners of one polygon without a list around them, too.
    const polygons: readonly unknown[] = segmentation.length > 0 && segmentation.every(isNumber) ? [segmentation] : segmentation
    return polygons.map((corners) => ({ corners: cornersOf(corners, where) }))
  }
  const { counts, size } = (segmentation ?? {}) as { readonly counts?: unknown; readonly size?: unknown }
  if (typeof counts === 'string' || Array.isArray(counts)) return [{ counts, size }]
  throw new PareError(`${where}: 'segmentation' is ${JSON.stringify(segmentation)?.slice(0, 60)}.`, {
    hint: 'expected polygons, [[x1, y1, x2, y2, x3, y3, …], …], or runs of pixels, {"counts": […], "size": [height, width]}.',
  })
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

function cornersOf(corners: unknown, where: string): readonly number[] {
  if (Array.isArray(corners) && corners.length >= 6 && corners.length % 2 === 0 && corners.every(isNumber)) return corners
  throw new PareError(
    `${where}: a polygon of ${Array.isArray(corners) ? `${corners.length} values${corners.every(isNumber) ? '' : ', some of which are no numbers'}` : JSON.stringify(corners)?.slice(0, 40)}.`,
    { hint: 'expected x and y in turn of three corners or more, in pixels of the image.' },
  )
}

/** How many pixels runs have, whose size must be that of the image. */
function sameSize(size: unknown, { width, height }: Size, where: string): number {
  if (Array.isArray(size) && size.length === 2 && size[0] === height && size[1] === width) return width * height
  throw new PareError(`${where}: a mask of size ${JSON.stringify(size)} for an image of ${width} × ${height} pixels.`, {
    hint: `expected [height, width]: [${height}, ${width}].`,
  })
}

/** Corners a little beyond the image are usual. */
function refuseFar(corners: readonly number[], { width, height }: Size, where: string): void {
  const most = 4 * Math.max(width, height) + 16
  const far = corners.find((each) => Math.abs(each) > most)
  if (far === undefined) return
  throw new PareError(`${where}: a corner of a polygon at ${far}, far beyond the image of ${width} × ${height} pixels.`, {
    hint: 'correct the annotation: corners are in pixels of the image.',
  })
}

function tooLong(where: string): PareError {
  return new PareError(
    `${where}: the outlines on this image take more than ${MOST_STEPS} steps or ${MOST_DRAWN} pixels to draw.`,
    {
      hint: 'check the annotations of this image, or leave it out.',
    },
  )
}
