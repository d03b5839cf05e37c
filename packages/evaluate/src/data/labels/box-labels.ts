import { PareError } from '@pare/onnx'
import type { Placement } from '../images/placement.js'
import { type DataArray, describe, isStrings, type NdArray, numbersOf, type SampleArrays } from '../ndarray.js'

/**
 * x1, y1, x2, y2, class, whether it is a crowd, area in pixels of the image, and how many pixels of the image one of the input is, 0 where the boxes were not on an image in a file: what stands for an
 * expected box.
 */
export const BOX_WIDTH = 8

/** What fills up: no class. */
const NO_CLASS = -1

/** Arrays of expected boxes by their names, as COCO and torchvision call them. `boxes` are corners, `bbox` corner, width and height. */
export const BOX_ARRAYS = ['boxes', 'bbox', 'labels', 'category_id', 'iscrowd', 'area'] as const

/**
 * Arrays with the boxes of `boxes` or `bbox` [..., count, 4], their classes [..., count], and where they are there `iscrowd` and `area`, as one array `label` [..., count, 8]. Arrays without
 * boxes stay as they are. Boxes on an image, also those of a `label` [count, 5], are put where the image was put: those that lie beyond what was cut out go. Throws PareError where their counts differ, or classes are missing.
 */
export function joinBoxes(arrays: SampleArrays, where: string, placement?: Placement): Map<string, DataArray> {
  const rest = new Map(arrays)
  const own = boxColumns(rest, where) ?? (placement && labelColumns(rest))
  if (own === undefined) return rest
  const { corners, counts, classes, crowds, areas } = own
  const place = placement && placedBy(placement, corners, where)
  const total = classes.length
  const data = new Float64Array(total * BOX_WIDTH)
  for (let i = 0; i < total; i++) {
    const box = corners.subarray(4 * i, 4 * i + 4)
    const [x, y, right, low] = (place?.inPixels(box) ?? box) as unknown as [number, number, number, number]
    const area = areas?.[i] ?? (right - x) * (low - y)
    const put = place === undefined ? [x, y, right, low] : place.put([x, y, right, low])
    data.set(
      [...(put ?? [0, 0, 0, 0]), put === undefined ? NO_CLASS : classes[i]!, crowds?.[i] ?? 0, area, place?.pixels ?? 0],
      i * BOX_WIDTH,
    )
  }
  for (const name of BOX_ARRAYS) rest.delete(name)
  if (place === undefined || total > 0) return rest.set('label', { type: 'float64', shape: [...counts, BOX_WIDTH], data })
  // How large what is detected is in the image counts also where nothing is to be detected.
  const nothing = Float64Array.of(0, 0, 0, 0, NO_CLASS, 0, 0, place.pixels)
  return rest.set('label', { type: 'float64', shape: [1, BOX_WIDTH], data: nothing })
}

interface BoxColumns {
  /** f64[total · 4]: x1, y1, x2, y2. */
  readonly corners: Float64Array
  readonly counts: readonly number[]
  readonly classes: Float64Array
  readonly crowds?: Float64Array | undefined
  readonly areas?: Float64Array | undefined
}

/** Undefined where there are no boxes. */
function boxColumns(arrays: SampleArrays, where: string): BoxColumns | undefined {
  const [name] = (['boxes', 'bbox'] as const).filter((one) => arrays.has(one))
  if (name === undefined) return undefined
  const boxes = numeric(arrays.get(name)!, name, where)
  const counts = boxes.shape.slice(0, -1)
  if (boxes.shape.at(-1) !== 4 || counts.length === 0) {
    throw new PareError(`${where}: '${name}' is ${describe(boxes.type, boxes.shape)}, expected [boxes, 4].`, {
      hint: name === 'boxes' ? 'each is x1, y1, x2, y2.' : 'each is x, y, width, height.',
    })
  }
  const column = (own: string): Float64Array | undefined => {
    const array = arrays.get(own)
    if (array === undefined) return undefined
    const numbers = numeric(array, own, where)
    if (String(numbers.shape) !== String(counts)) {
      throw new PareError(
        `${where}: '${own}' is ${describe(array.type, array.shape)}, expected one for each box: [${counts.join(', ')}].`,
        {
          hint: `give one of '${own}' for each of '${name}'.`,
        },
      )
    }
    return Float64Array.from(numbersOf(numbers))
  }
  const classes = column('labels') ?? column('category_id')
  if (classes === undefined)
    throw new PareError(`${where}: '${name}' without 'labels', the class of each box.`, { hint: 'add them.' })
  const corners = Float64Array.from(numbersOf(boxes))
  if (name === 'bbox')
    for (let at = 0; at < corners.length; at += 4) {
      corners[at + 2]! += corners[at]!
      corners[at + 3]! += corners[at + 1]!
    }
  return { corners, counts, classes, crowds: column('iscrowd'), areas: column('area') }
}

/** Boxes of one sample that stand in `label` [count, 5]: x1, y1, x2, y2, class. */
function labelColumns(arrays: SampleArrays): BoxColumns | undefined {
  const label = arrays.get('label')
  if (label === undefined || isStrings(label) || label.shape.length !== 2 || label.shape[1] !== 5) return undefined
  const numbers = numbersOf(label)
  const rows = Array.from({ length: label.shape[0]! }, (_, i) => numbers.subarray(5 * i, 5 * i + 5))
  const classes = Float64Array.from(rows, (row) => row[4]!)
  return { corners: Float64Array.from(rows.flatMap((row) => [...row.subarray(0, 4)])), counts: [rows.length], classes }
}

/** Corners of boxes that are shares of an image lie below that: some reach a little beyond it. */
export const MOST_SHARE = 1.5

/** How the boxes of one image go where the image went. */
interface BoxPlaces {
  /** Pixels of the image that one of the input is. */
  readonly pixels: number
  /** Of the image, where they are shares of it. */
  inPixels(box: Float64Array): Float64Array
  /** Undefined: it lies beyond what was cut out. */
  put(box: readonly [number, number, number, number]): readonly number[] | undefined
}

function placedBy({ from, across, down, left, top, cut, isTurned }: Placement, corners: Float64Array, where: string): BoxPlaces {
  if (isTurned) {
    throw new PareError(`${where}: boxes on an image that its preprocessor_config.json turns by 90° (do_align_long_axis).`, {
      hint: 'write images and boxes as the model takes them as .npz.',
    })
  }
  const isShare = corners.length > 0 && corners.every((value) => value <= MOST_SHARE)
  return {
    pixels: 1 / (across * down),
    inPixels: (box) => (isShare ? box.map((value, i) => value * (i % 2 === 0 ? from.width : from.height)) : box),
    put([x, y, right, low]) {
      const put = [x * across + left, y * down + top, right * across + left, low * down + top] as const
      if (cut === undefined) return put
      const [wide, high] = [cut.width, cut.height]
      const inside = put.map((value, i) => Math.min(Math.max(value, 0), i % 2 === 0 ? wide : high)) as [
        number,
        number,
        number,
        number,
      ]
      return inside[2] > inside[0] && inside[3] > inside[1] ? inside : undefined
    },
  }
}

/** The samples with as many boxes each, filled up with some of no class. */
export function padBoxes(samples: readonly SampleArrays[]): readonly SampleArrays[] {
  const labels = samples.map((sample) => sample.get('label'))
  const most = labels.reduce((own, label) => Math.max(own, label?.shape.length === 2 ? label.shape[0]! : 0), 0)
  return samples.map((sample, i) => {
    const label = labels[i]
    if (label === undefined || isStrings(label) || label.shape.length !== 2 || label.shape[1] !== BOX_WIDTH) return sample
    const data = new Float64Array(most * BOX_WIDTH)
    data.set(numbersOf(label))
    for (let at = label.shape[0]!; at < most; at++) data[at * BOX_WIDTH + 4] = NO_CLASS
    return new Map<string, DataArray>(sample).set('label', { type: 'float64', shape: [most, BOX_WIDTH], data })
  })
}

/** A list of boxes in a row, which may be empty. */
export function emptyBoxes(name: string): NdArray {
  return { type: 'float64', shape: name === 'boxes' || name === 'bbox' ? [0, 4] : [0], data: new Float64Array() }
}

function numeric(array: DataArray, name: string, where: string): NdArray {
  if (!isStrings(array)) return array
  throw new PareError(`${where}: '${name}' is text.`, {
    hint: 'expected numbers: classes are numbered as the model numbers them.',
  })
}
