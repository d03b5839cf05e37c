import type { Size } from './image-steps.js'

/** u8[height, width, 4]: red, green, blue, alpha. */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array | Uint8ClampedArray
}

/** The class of each pixel, u8[height, width]. */
export interface ClassMask extends Size {
  readonly data: Uint8Array
}
