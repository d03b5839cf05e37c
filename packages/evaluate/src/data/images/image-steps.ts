import type { Resample } from './resize.js'

/** A preprocessor_config.json of Hugging Face transformers. */
export type PreprocessorConfig = Readonly<Record<string, unknown>>

export interface Size {
  readonly height: number
  readonly width: number
}

/** The size of an image after resizing: the same for all; by the shorter side, or the longer; the largest that fits into a frame; a multiple of something. */
export type Resize =
  | Size
  | { readonly shortest: number; readonly longest?: number }
  | { readonly longest: number }
  | { readonly within: Size }
  | MultipleResize

export interface Thumbnail {
  readonly within: Size
  /** Whether an image is turned by 90° where it lies and the frame stands, or the other way round. */
  readonly turns: boolean
  /** Whether it fits into the frame first, and is filled up to it then. */
  readonly shrinks: boolean
  readonly fills: boolean
}

/** What is done with each image, all of it decided. */
export interface ImageSteps {
  readonly resize?: Resize
  /** The largest that fits into this, in the middle of grey, in the place of a size: YOLO's. */
  readonly letterbox?: Size
  readonly resample: Resample
  readonly crop?: Size
  /** Whether the middle is where torchvision has it: half of what is cut off rounded to an even number of pixels. Default: rounded down, as transformers have it */
  readonly roundsCrop?: boolean
  /** The largest that fits into this, where the image is larger, and its middle filled up with 0 before mean and deviation: Donut's. */
  readonly thumbnail?: Thumbnail
  /** Filled up to the right and below with its mirror image to a multiple of this, and one more where it is one: Swin2SR's. */
  readonly mirror?: number
  /** Filled up with 0 to the right and below, after the rest: to a size, or to that of the model where it has one. */
  readonly pad?: Size | 'model'
  readonly rescale: number
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  readonly isBgr: boolean
  /** Where they are from, for people. */
  readonly from: string
}

/** Whether the size of an image follows from a multiple. */
export type MultipleResize =
  | { readonly divisor: number }
  | { readonly near: Size; readonly multiple: number; readonly keepsRatio: boolean }
