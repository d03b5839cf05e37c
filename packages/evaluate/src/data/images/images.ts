import { PareError } from '@pare/onnx'
import type { ModelValue } from '../model-value.js'
import { type DataArray, describe, type Elements, type ElementType, isInteger, STORAGE } from '../ndarray.js'
import { decodeImage } from './decode.js'
import { filledAround, middleOf, mirrored, shrunk, turnedFor, windowOf } from './frame.js'
import type { ImageOptions } from './image-options.js'
import type { ImageSteps, Size } from './image-steps.js'
import type { Pixels } from './pixels.js'
import { type Placement, placed, scaled, shifted } from './placement.js'
import { roundedToEven } from './processors.js'
import { type Raster, type Resample, resize } from './resize.js'
import { resizedSize } from './steps.js'

/** Makes the input of a model of the bytes of an image. */
export type ReadImage = (bytes: Uint8Array, where: string) => Promise<ImageArrays>

export interface ImageArrays {
  readonly array: DataArray
  /** bool[height, width]: 1 where the image is, and 0 where it was filled up. */
  readonly mask: DataArray
  /** Where points of the image lie in it. */
  readonly placement: Placement
}

/** The input of detectors that says where an image is. */
export const PIXEL_MASK = 'pixel_mask'

/** Where in the shape of an input the sizes of images stand. */
interface ImageLayout {
  readonly isChannelsFirst: boolean
  readonly channels: number
  readonly height: number | undefined
  readonly width: number | undefined
}

/** Whether an input may be one of images. */
export function takesImages({ name, type, shape }: ModelValue): boolean {
  return name !== PIXEL_MASK && type !== 'string' && (shape.length === 4 || shape.length === 3)
}

/**
 * How images become an input. Without steps only bytes as they are will do: an input of integers. Throws PareError where what the input is does not tell
 * how.
 */
export function imageReader(
  input: ModelValue,
  { steps, options }: { steps: ImageSteps | undefined; options: ImageOptions | undefined },
): ReadImage {
  const layout = layoutOf(input, options?.layout)
  const type = input.type as ElementType
  const isFloat = !isInteger(type)
  if (isFloat && steps === undefined) {
    throw new PareError(
      `input '${input.name}' is ${describe(input.type, input.shape)}, and how pixels become its numbers is not known.`,
      {
        hint: 'put the preprocessor_config.json of the model beside it, or say it: evaluate: { image: { size: 256, crop: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } } (image: {} is bytes ÷ 255).',
      },
    )
  }
  return async (bytes, where) => {
    const pixels = await decodeImage(bytes, { where, orientation: options?.orientation })
    const { image: sized, placement } = toSize(rasterOf(pixels, layout.channels), steps)
    const frame = frameOf(sized, { pad: steps?.pad, layout, where })
    checkSize(frame, layout, { where, input })
    const mask = new Uint8Array(frame.width * frame.height)
    for (let y = 0; y < sized.height; y++) mask.fill(1, y * frame.width, y * frame.width + sized.width)
    return {
      array: arrayOf(sized, { frame, layout, type, ...(steps && { steps }) }),
      mask: { type: 'bool', shape: [frame.height, frame.width], data: mask },
      placement,
    }
  }
}

function layoutOf({ name, type, shape }: ModelValue, setting: ImageOptions['layout']): ImageLayout {
  const dims = shape.length === 3 ? [...shape, 1] : shape
  const [, second, third, last] = dims
  const isFew = (dim: unknown) => dim === 1 || dim === 3 || dim === 4
  const guess = layoutBy(second, last, (dim) => dim === 1 || dim === 3) ?? layoutBy(second, last, isFew)
  const layout = setting ?? guess
  const count = layout === 'NCHW' ? second : last
  if (layout === undefined || (typeof count === 'number' && !isFew(count))) {
    throw new PareError(`input '${name}' is ${describe(type, shape)}, and which axis is that of the colours is not known.`, {
      hint: "say it: evaluate: { image: { layout: 'NCHW' } }, with 1, 3 or 4 channels.",
    })
  }
  const sizes = layout === 'NCHW' ? [third, last] : [second, third]
  const [height, width] = sizes.map((dim) => (typeof dim === 'number' ? dim : undefined))
  return { isChannelsFirst: layout === 'NCHW', channels: typeof count === 'number' ? count : 3, height, width }
}

/** The axis that alone may be that of the colours. */
function layoutBy(second: unknown, last: unknown, fits: (dim: unknown) => boolean): ImageOptions['layout'] {
  if (fits(second) === fits(last)) return undefined
  return fits(second) ? 'NCHW' : 'NHWC'
}

/** One channel is luminance as Pillow computes it (ITU-R 601-2), three leave transparency out. */
function rasterOf({ data, width, height }: Pixels, channels: number): Raster {
  const count = width * height
  const result = new Uint8ClampedArray(count * channels)
  for (let i = 0; i < count; i++) {
    const [red, green, blue] = [data[4 * i]!, data[4 * i + 1]!, data[4 * i + 2]!]
    if (channels === 1) result[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    else for (let c = 0; c < channels; c++) result[i * channels + c] = data[4 * i + c]!
  }
  return { width, height, channels, data: result }
}

/** An image on its way, and where its points are. */
interface PlacedImage {
  readonly image: Raster
  readonly placement: Placement
}

function toSize(image: Raster, steps: ImageSteps | undefined): PlacedImage {
  const whole = { image, placement: placed(image) }
  if (steps === undefined) return whole
  const { thumbnail, mirror, crop, resample } = steps
  if (steps.letterbox !== undefined) return letterboxed(whole, steps.letterbox, resample)
  const upright = thumbnail?.turns ? turned(whole, thumbnail.within) : whole
  const resized =
    steps.resize === undefined
      ? upright
      : withSize(upright, resize(upright.image, resizedSize(upright.image, steps.resize), resample))
  const fitted = thumbnail?.shrinks ? withSize(resized, shrunk(resized.image, thumbnail.within, resample)) : resized
  const sized = thumbnail?.fills ? filled(fitted, thumbnail.within) : fitted
  const cut = crop === undefined ? sized : centerCrop(sized, crop, steps.roundsCrop === true ? roundedToEven : Math.floor)
  return mirror === undefined ? cut : { ...cut, image: mirrored(cut.image, mirror) }
}

function withSize({ image: from, placement }: PlacedImage, image: Raster): PlacedImage {
  return { image, placement: scaled(placement, from, image) }
}

function turned({ image, placement }: PlacedImage, frame: Size): PlacedImage {
  const upright = turnedFor(image, frame)
  return { image: upright, placement: { ...placement, isTurned: upright !== image } }
}

/** What Ultralytics fills up with. */
const GREY = 114

/** The largest that fits, in the middle; what is left over of an odd number is to the right and below. */
function letterboxed(whole: PlacedImage, frame: Size, resample: Resample): PlacedImage {
  const { width, height } = whole.image
  const scale = Math.min(frame.height / height, frame.width / width)
  const size = { width: Math.max(1, roundedToEven(width * scale)), height: Math.max(1, roundedToEven(height * scale)) }
  const { image, placement } = withSize(whole, resize(whole.image, size, resample))
  const [left, top] = [Math.floor((frame.width - size.width) / 2), Math.floor((frame.height - size.height) / 2)]
  return { image: windowOf(image, { size: frame, left: -left, top: -top, fill: GREY }), placement: shifted(placement, left, top) }
}

function filled({ image, placement }: PlacedImage, frame: Size): PlacedImage {
  const [left, top] = middleOf(image, frame)
  return { image: filledAround(image, frame), placement: shifted(placement, left, top) }
}

function centerCrop({ image, placement }: PlacedImage, size: Size, half: (side: number) => number): PlacedImage {
  const [left, top] = [half((image.width - size.width) / 2), half((image.height - size.height) / 2)]
  return { image: windowOf(image, { size, top, left }), placement: { ...shifted(placement, -left, -top), cut: size } }
}

const MOST_PIXELS = 2 ** 26

/** The size that an image is filled up to. */
function frameOf(
  { width, height }: Raster,
  { pad, layout, where }: { readonly pad: ImageSteps['pad']; readonly layout: ImageLayout; readonly where: string },
): Size {
  const frame =
    pad === undefined
      ? { height, width }
      : pad === 'model'
        ? { height: layout.height ?? height, width: layout.width ?? width }
        : pad
  if (frame.height * frame.width > MOST_PIXELS)
    throw new PareError(`${where}: filled up to ${frame.width} × ${frame.height} pixels.`, {
      hint: `expected at most ${MOST_PIXELS}.`,
    })
  if (frame.height >= height && frame.width >= width) return frame
  throw new PareError(
    `${where}: the image comes out as ${width} × ${height} pixels, and is to be filled up to ${frame.width} × ${frame.height}.`,
    { hint: 'say how it is resized: evaluate: { image: { size: 800, longest: 1333, pad: [1333, 1333] } } for example.' },
  )
}

function checkSize({ height, width }: Size, layout: ImageLayout, { where, input }: { where: string; input: ModelValue }): void {
  if ((layout.height ?? height) === height && (layout.width ?? width) === width) return
  throw new PareError(
    `${where}: the image comes out as ${width} × ${height} pixels, and input '${input.name}' is ${describe(input.type, input.shape)}.`,
    {
      hint: `say how it is resized: evaluate: { image: { size: [${layout.height ?? height}, ${layout.width ?? width}] } }, or put the preprocessor_config.json of the model beside it.`,
    },
  )
}

function arrayOf(
  { data, width, height, channels }: Raster,
  {
    frame,
    layout,
    type,
    steps,
  }: { readonly frame: Size; readonly layout: ImageLayout; readonly type: ElementType; readonly steps?: ImageSteps },
): DataArray {
  const { isChannelsFirst } = layout
  const isFloat = !isInteger(type)
  const { mean, std, rescale = 1 } = isFloat ? (steps ?? {}) : {}
  const count = frame.width * frame.height
  const result: Elements = isFloat ? new Float32Array(count * channels) : new STORAGE.uint8(count * channels)
  for (let c = 0; c < channels; c++) {
    const source = steps?.isBgr && channels >= 3 && c < 3 ? 2 - c : c
    const [shift, scale] = [ofChannel(mean, c, 0), ofChannel(std, c, 1)]
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const byte = data[(y * width + x) * channels + source]!
        const at = y * frame.width + x
        result[isChannelsFirst ? c * count + at : at * channels + c] = isFloat ? (byte * rescale - shift) / scale : byte
      }
  }
  const shape = isChannelsFirst ? [channels, frame.height, frame.width] : [frame.height, frame.width, channels]
  return { type: isFloat ? 'float32' : 'uint8', shape, data: result }
}

function ofChannel(values: readonly number[] | undefined, channel: number, otherwise: number): number {
  return values === undefined ? otherwise : (values[channel] ?? values[0] ?? otherwise)
}
