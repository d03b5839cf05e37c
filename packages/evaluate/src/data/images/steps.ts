import { PareError, present } from '@pare/onnx'
import type { ImageOptions } from './image-options.js'
import type { Resample } from './resize.js'

/** A preprocessor_config.json of Hugging Face transformers. */
export type PreprocessorConfig = Readonly<Record<string, unknown>>

export interface Size {
  readonly height: number
  readonly width: number
}

/** The size of an image after resizing: the same for all; by the shorter side, or the longer; the largest that fits into a frame. */
export type Resize =
  | Size
  | { readonly shortest: number; readonly longest?: number }
  | { readonly longest: number }
  | { readonly within: Size }

/** What is done with each image, all of it decided. */
export interface ImageSteps {
  readonly resize?: Resize
  readonly resample: Resample
  readonly crop?: Size
  /** Filled up with 0 to the right and below, after the rest: to a size, or to that of the model where it has one. */
  readonly pad?: Size | 'model'
  readonly rescale: number
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  readonly isBgr: boolean
  /** Where they are from, for people. */
  readonly from: string
}

/** As Pillow numbers them. */
const RESAMPLES: readonly Resample[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming']

/** What the user says, and for the rest what the config says. Undefined where neither is there. */
export function stepsOf(
  options: ImageOptions | undefined,
  config: { readonly path: string; readonly content: PreprocessorConfig } | undefined,
): ImageSteps | undefined {
  const stated = config && stepsOfConfig(config.content, config.path)
  if (options === undefined) return stated
  const { size, longest, crop, pad, resample, rescale, mean, std, channels } = options
  if (longest !== undefined && typeof size !== 'number') {
    throw new PareError(`image: longest is ${longest}, and size does not say how long the shorter side is.`, {
      hint: 'write { size: 800, longest: 1333 }, or leave longest out.',
    })
  }
  return {
    ...(stated ?? { resample: 'bilinear', rescale: 1 / 255, isBgr: false }),
    ...present({ resample, rescale, mean, std }),
    ...(size !== undefined && {
      resize: typeof size === 'number' ? { shortest: size, ...present({ longest }) } : sizeFrom(size),
    }),
    ...(pad !== undefined && { pad: sizeFrom(pad) }),
    ...(crop !== undefined && { crop: sizeFrom(crop) }),
    ...(channels !== undefined && { isBgr: channels === 'bgr' }),
    from: stated === undefined ? 'as they are said' : `${stated.from}, and what is said besides`,
  }
}

function stepsOfConfig(config: PreprocessorConfig, path: string): ImageSteps {
  const isOn = (step: string, otherwise: boolean) => (typeof config[step] === 'boolean' ? config[step] : otherwise)
  for (const step of ['do_thumbnail', 'do_align_long_axis']) if (isOn(step, false)) throw unread(path, step, true)
  const isCropped = isOn('do_center_crop', false)
  const crop = isCropped ? exactSize(config.crop_size, { path, key: 'crop_size' }) : undefined
  const isResized = isOn('do_resize', config.size !== undefined)
  const mean = isOn('do_normalize', config.image_mean !== undefined)
    ? numbers(config.image_mean, { path, key: 'image_mean' })
    : undefined
  const std = mean && numbers(config.image_std, { path, key: 'image_std' })
  const factor = typeof config.rescale_factor === 'number' ? config.rescale_factor : 1 / 255
  return {
    resample: resampleOf(config.resample, path),
    // Configs from before do_rescale was written always scale with the normalisation.
    rescale: isOn('do_rescale', true) ? factor : 1,
    isBgr: isOn('do_flip_channel_order', false),
    from: path,
    // Older files of detectors do not say that they fill up, and always do.
    ...(isOn('do_pad', isFilling(config)) && { pad: padOf(config, path) }),
    ...present({ crop, mean, std, resize: isResized ? resizeOf(config, { isCropped, path }) : undefined }),
    ...(typeof config.crop_pct === 'number' && croppedSize(config, path)),
  }
}

const isFilling = (config: PreprocessorConfig) => ['pad_size', 'max_size'].some((key) => (config[key] ?? undefined) !== undefined)

function padOf({ pad_size: size }: PreprocessorConfig, path: string): Size | 'model' {
  return size === undefined || size === null ? 'model' : exactSize(size, { path, key: 'pad_size' })
}

/** ConvNeXT's: below 384, resized to size ÷ crop_pct and cut to the size; else to the size, square. */
function croppedSize(config: PreprocessorConfig, path: string): Pick<ImageSteps, 'resize' | 'crop'> {
  const shortest = (config.size as { shortest_edge?: unknown } | undefined)?.shortest_edge ?? config.size
  if (typeof shortest !== 'number') throw unread(path, 'size', config.size)
  if (shortest >= 384) return { resize: sizeFrom(shortest) }
  return { resize: { shortest: Math.trunc(shortest / (config.crop_pct as number)) }, crop: sizeFrom(shortest) }
}

function resizeOf(config: PreprocessorConfig, { isCropped, path }: { isCropped: boolean; path: string }): ImageSteps['resize'] {
  const { size, max_size: most } = config
  for (const key of ['size_divisor', 'ensure_multiple_of'])
    if (typeof config[key] === 'number' && config[key] !== 1) throw unread(path, key, config[key])
  if (config.keep_aspect_ratio === true) throw unread(path, 'keep_aspect_ratio', true)
  // DETR's of before: the shorter side, and the most that the longer may have.
  if (typeof size === 'number' && typeof most === 'number') return { shortest: size, longest: most }
  // A plain number is the shorter side where the image is cut afterwards, else both sides.
  if (typeof size === 'number') return isCropped ? { shortest: size } : sizeFrom(size)
  const {
    shortest_edge: shortest,
    longest_edge: longest,
    max_height: high,
    max_width: wide,
  } = (size ?? {}) as Record<string, unknown>
  if (typeof shortest === 'number') return { shortest, ...(typeof longest === 'number' && { longest }) }
  if (typeof longest === 'number') return { longest }
  if (typeof high === 'number' && typeof wide === 'number') return { within: { height: high, width: wide } }
  return exactSize(size, { path, key: 'size' })
}

function exactSize(size: unknown, { path, key }: { path: string; key: string }): Size {
  if (typeof size === 'number') return sizeFrom(size)
  const { height, width } = (size ?? {}) as Record<string, unknown>
  if (typeof height === 'number' && typeof width === 'number') return { height, width }
  throw unread(path, key, size)
}

function sizeFrom(size: number | readonly [number, number]): Size {
  return typeof size === 'number' ? { height: size, width: size } : { height: size[0], width: size[1] }
}

function numbers(value: unknown, { path, key }: { path: string; key: string }): readonly number[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'number')) return value
  throw unread(path, key, value)
}

function resampleOf(value: unknown, path: string): Resample {
  if (value === undefined || value === null) return 'bilinear'
  const how = RESAMPLES[Number(value)]
  if (how === undefined) throw unread(path, 'resample', value)
  return how
}

function unread(path: string, key: string, value: unknown): PareError {
  return new PareError(`${path}: ${key} is ${JSON.stringify(value) ?? 'missing'}, which is not read.`, {
    hint: 'say it instead: evaluate: { image: { size: 256, crop: 224, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } }, or write the tensors as .npz.',
  })
}

/** The size of an image after resizing, as transformers round it: those of detectors where there is a longest side. */
export function resizedSize({ height, width }: Size, resize: Resize): Size {
  if ('height' in resize) return resize
  if ('within' in resize) {
    const scale = Math.min(resize.within.height / height, resize.within.width / width)
    return { height: Math.trunc(height * scale), width: Math.trunc(width * scale) }
  }
  if (!('shortest' in resize)) {
    const scale = resize.longest / Math.max(height, width)
    return { height: Math.trunc(height * scale + 0.5), width: Math.trunc(width * scale + 0.5) }
  }
  const [short, long] = height < width ? [height, width] : [width, height]
  const isTooLong = resize.longest !== undefined && (long / short) * resize.shortest > resize.longest
  const exact = isTooLong ? (resize.longest! * short) / long : resize.shortest
  const shortest = roundedToEven(exact)
  const isSame = short === shortest
  const other = isSame ? long : Math.trunc((exact * long) / short)
  return height < width ? { height: shortest, width: other } : { height: other, width: shortest }
}

/** As Python rounds: halves to the even neighbour. */
function roundedToEven(value: number): number {
  const below = Math.floor(value)
  if (value - below !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}
