import type { Size } from './image-steps.js'

/** Where the points of an image lie in what is made of it: at x · across + left, and y · down + top. */
export interface Placement {
  /** Of the image in its file. */
  readonly from: Size
  readonly across: number
  readonly down: number
  readonly left: number
  readonly top: number
  /** What is left of the image after a part was cut out of it. Default: all of it */
  readonly cut?: Size
  /** Whether it was turned by 90°, so that boxes on it mean nothing any more. */
  readonly isTurned: boolean
}

/** Of an image as it is. */
export function placed(from: Size): Placement {
  return { from, across: 1, down: 1, left: 0, top: 0, isTurned: false }
}

/** The same after a change of size. */
export function scaled(place: Placement, from: Size, to: Size): Placement {
  const [across, down] = [to.width / from.width, to.height / from.height]
  return {
    ...place,
    ...{ across: place.across * across, down: place.down * down, left: place.left * across, top: place.top * down },
  }
}

/** The same where the image begins elsewhere. */
export function shifted(place: Placement, left: number, top: number): Placement {
  return { ...place, left: place.left + left, top: place.top + top }
}
