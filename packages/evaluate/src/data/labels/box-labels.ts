import { PareError } from '@pare/onnx'
import { type DataArray, describe, isStrings, type NdArray, numbersOf, type SampleArrays, sizeOf } from '../ndarray.js'

/** x1, y1, x2, y2, class, whether it is a crowd, area: what stands for an expected box. */
export const BOX_WIDTH = 7

/** What fills up: no class. */
const NO_CLASS = -1

/** Arrays of expected boxes by their names, as COCO and torchvision call them. `boxes` are corners, `bbox` corner, width and height. */
export const BOX_ARRAYS = ['boxes', 'bbox', 'labels', 'category_id', 'iscrowd', 'area'] as const

/**
 * Arrays with the boxes of `boxes` or `bbox` [..., count, 4], their classes [..., count], and where they are there `iscrowd` and `area`, as one array `label` [..., count, 7]. Arrays without
 * boxes stay as they are. Throws PareError where their counts differ, or classes are missing.
 */
export function joinBoxes(arrays: SampleArrays, where: string): Map<string, DataArray> {
  const rest = new Map(arrays)
  const [name] = (['boxes', 'bbox'] as const).filter((one) => rest.has(one))
  if (name === undefined) return rest
  const boxes = numeric(rest.get(name)!, name, where)
  const counts = boxes.shape.slice(0, -1)
  if (boxes.shape.at(-1) !== 4 || counts.length === 0) {
    throw new PareError(`${where}: '${name}' is ${describe(boxes.type, boxes.shape)}, expected [boxes, 4].`, {
      hint: name === 'boxes' ? 'each is x1, y1, x2, y2.' : 'each is x, y, width, height.',
    })
  }
  const total = sizeOf(counts)
  const column = (own: string): Float64Array | undefined => {
    const array = rest.get(own)
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
  const [crowds, areas] = [column('iscrowd'), column('area')]
  const values = numbersOf(boxes)
  const data = new Float64Array(total * BOX_WIDTH)
  for (let i = 0; i < total; i++) {
    const [x, y, third, fourth] = [0, 1, 2, 3].map((at) => values[4 * i + at]!) as [number, number, number, number]
    const [right, low] = name === 'boxes' ? [third, fourth] : [x + third, y + fourth]
    data.set([x, y, right, low, classes[i]!, crowds?.[i] ?? 0, areas?.[i] ?? (right - x) * (low - y)], i * BOX_WIDTH)
  }
  for (const own of BOX_ARRAYS) rest.delete(own)
  return rest.set('label', { type: 'float64', shape: [...counts, BOX_WIDTH], data })
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
