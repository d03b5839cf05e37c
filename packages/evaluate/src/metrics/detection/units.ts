import type { Numbers } from '@pare/metric'
import { PIXEL_MASK } from '../../data/images/images.js'
import { BOX_WIDTH, MOST_SHARE } from '../../data/labels/box-labels.js'
import { numbersOf } from '../../data/ndarray.js'
import type { NeededOutcome } from '../outcome.js'

/** By what the coordinates of a sample's boxes are multiplied. */
export type BoxUnits = (sample: number) => readonly [across: number, down: number]

const SAME: BoxUnits = () => [1, 1]

/**
 * By what the coordinates of a model must be multiplied to be in the unit of the labels: pixels of the input, or shares of it. Labels tell by how
 * large they are; those of boxes on images in files are in pixels. A sentence where the size of the input does not show.
 */
export function unitsOf(outcome: NeededOutcome, own: 'pixels' | 'shares'): BoxUnits | string {
  const expected = unitOfLabels(outcome)
  if (expected === undefined || expected === own) return SAME
  const image = imageSize(outcome)
  if (image === undefined)
    return `boxes of the model are in ${own} of the image and those of the labels in ${expected}, and no input is one image [samples, channels, height, width] by which they could be scaled.`
  return expected === 'pixels' ? (sample) => contentSize(outcome, sample) ?? image : () => [1 / image[0], 1 / image[1]]
}

/** The same of a model that puts out chosen boxes, whose unit only their size tells: those on images in files are brought to pixels. */
export function unitsOfChosen(outcome: NeededOutcome, boxes: Numbers): BoxUnits {
  if (!arePlaced(outcome) || boxes.length === 0 || boxes.some((value) => value > MOST_SHARE)) return SAME
  const image = imageSize(outcome)
  return image === undefined ? SAME : () => image
}

/** Whether boxes of the labels were put where their image was. */
function arePlaced({ batch }: NeededOutcome): boolean {
  const { shape } = batch.label!
  return shape[2] === BOX_WIDTH && numbersOf(batch.label!)[BOX_WIDTH - 1]! > 0
}

/** Undefined: there are no boxes that could tell. */
function unitOfLabels(outcome: NeededOutcome): 'pixels' | 'shares' | undefined {
  if (arePlaced(outcome)) return 'pixels'
  const label = outcome.batch.label!
  const labels = numbersOf(label)
  const width = label.shape[2]!
  let most = Number.NEGATIVE_INFINITY
  for (let at = 0; at < labels.length; at += width)
    if (labels[at + 4]! >= 0) most = Math.max(most, labels[at + 2]!, labels[at + 3]!)
  if (most === Number.NEGATIVE_INFINITY) return undefined
  return most > MOST_SHARE ? 'pixels' : 'shares'
}

/** Width and height of an image within what it was filled up to, of which DETR's boxes are shares. Undefined: no mask tells. */
function contentSize({ batch }: NeededOutcome, sample: number): readonly [number, number] | undefined {
  const mask = batch.inputs[PIXEL_MASK]
  if (mask?.shape.length !== 3) return undefined
  const [, height, width] = mask.shape as [number, number, number]
  const isOn = (y: number, x: number) => Number(mask.data[(sample * height + y) * width + x]) !== 0
  const count = (side: number, at: (i: number) => boolean) => Array.from({ length: side }, (_, i) => at(i)).filter(Boolean).length
  return [count(width, (x) => isOn(0, x)), count(height, (y) => isOn(y, 0))]
}

/** Width and height of the input that is an image, in either order of channels. */
function imageSize({ batch }: NeededOutcome): readonly [number, number] | undefined {
  const images = Object.values(batch.inputs).flatMap(({ shape }): [number, number][] => {
    if (shape.length !== 4) return []
    const [, second, third, last] = shape as [number, number, number, number]
    if (second <= 4) return [[last, third]]
    return last <= 4 ? [[third, second]] : []
  })
  return images.length === 1 ? images[0] : undefined
}
