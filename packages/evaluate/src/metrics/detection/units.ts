import { numbersOf } from '../../data/ndarray.js'
import type { NeededOutcome } from '../outcome.js'

/** Corners of boxes that are shares of an image lie below that: some reach a little beyond it. */
const MOST_SHARE = 1.5

/**
 * By what the coordinates of a model must be multiplied to be in the unit of the labels: pixels of the input, or shares of it. Labels tell by how
 * large they are. A sentence where the size of the input does not show.
 */
export function unitsOf(outcome: NeededOutcome, own: 'pixels' | 'shares'): readonly [across: number, down: number] | string {
  const { batch } = outcome
  const labels = numbersOf(batch.label!)
  const width = batch.label!.shape[2]!
  let most = Number.NEGATIVE_INFINITY
  for (let at = 0; at < labels.length; at += width)
    if (labels[at + 4]! >= 0) most = Math.max(most, labels[at + 2]!, labels[at + 3]!)
  const expected = most > MOST_SHARE ? 'pixels' : 'shares'
  if (expected === own || most === Number.NEGATIVE_INFINITY) return [1, 1]
  const image = imageSize(outcome)
  if (image === undefined)
    return `boxes of the model are in ${own} of the image and those of the labels in ${expected}, and no input is one image [samples, channels, height, width] by which they could be scaled.`
  return expected === 'pixels' ? image : [1 / image[0], 1 / image[1]]
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
