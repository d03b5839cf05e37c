import type { Resample } from './resize.js'

/** How images become the input of a model, as the user says it. What is not said is what a preprocessor_config.json says, if there is one. */
export interface ImageOptions {
  /** Of the shorter side, or [height, width]. Default: as it is, where that is what the model takes */
  readonly size?: number | readonly [height: number, width: number]
  /** What the longer side may have at most, where `size` is that of the shorter. Default: any */
  readonly longest?: number
  /** Resized to fit into a square of this side, or [height, width], and put into the middle of grey (114), as Ultralytics prepares images for YOLO. Default: it is not */
  readonly letterbox?: number | readonly [height: number, width: number]
  /** Filled up with 0 to the right and below, after mean and deviation: [height, width]. Default: nothing is filled up */
  readonly pad?: readonly [height: number, width: number]
  /** Cut out of the middle: a square, or [height, width]. Default: nothing is cut */
  readonly crop?: number | readonly [height: number, width: number]
  /** Default: 'bilinear' */
  readonly resample?: Resample
  /** What each byte is multiplied by before mean and deviation. Default: 1/255 for floats, and 1 for integers */
  readonly rescale?: number
  /** Subtracted from each channel after that. Default: nothing */
  readonly mean?: readonly number[]
  /** Divides each channel then. Default: nothing */
  readonly std?: readonly number[]
  /** Default: by the shape of the input, where that tells */
  readonly layout?: 'NCHW' | 'NHWC'
  /** Default: 'rgb' */
  readonly channels?: 'rgb' | 'bgr'
  /** Whether images that say so are turned upright. Default: such images are refused */
  readonly orientation?: 'stored' | 'upright'
}

export const RESAMPLES = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'] as const satisfies readonly Resample[]
