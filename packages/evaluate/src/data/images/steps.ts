import { PareError, present } from '@pare/onnx'
import type { ImageOptions } from './image-options.js'
import type { ImageSteps, PreprocessorConfig, Resize, Size, Thumbnail } from './image-steps.js'
import { multipleOf, multipleSize, normalisationOf, processorOf, refuseUnread, roundedToEven } from './processors.js'
import type { Resample } from './resize.js'
import { stepsOfTimm } from './timm.js'
import { stepsOfUltralytics } from './ultralytics.js'

/** As Pillow numbers them. */
const RESAMPLES: readonly Resample[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming']

/** What the user says, and for the rest what the config says. Undefined where neither is there. */
export function stepsOf(
  options: ImageOptions | undefined,
  config: { readonly path: string; readonly content: PreprocessorConfig } | undefined,
): ImageSteps | undefined {
  const stated = config && stepsOfConfig(config.content, config.path)
  if (options === undefined) return stated
  const { size, longest, crop, pad, letterbox, resample, rescale, mean, std, channels } = options
  if (longest !== undefined && typeof size !== 'number') {
    throw new PareError(`image: longest is ${longest}, and size does not say how long the shorter side is.`, {
      hint: 'write { size: 800, longest: 1333 }, or leave longest out.',
    })
  }
  if (letterbox !== undefined && (size ?? pad ?? crop) !== undefined) {
    throw new PareError('image: letterbox says both the size and how it is filled up, beside size, pad or crop.', {
      hint: 'write { letterbox: 640 }, or leave letterbox out.',
    })
  }
  const { letterbox: noted, ...rest } = stated ?? { resample: 'bilinear', rescale: 1 / 255, isBgr: false, from: undefined }
  // Another size takes the place of the letterbox that a model notes.
  const isSized = (size ?? pad ?? crop) !== undefined
  return {
    ...rest,
    ...(!isSized && present({ letterbox: noted })),
    ...present({ resample, rescale, mean, std }),
    ...(size !== undefined && {
      resize: typeof size === 'number' ? { shortest: size, ...present({ longest }) } : sizeFrom(size),
    }),
    ...(pad !== undefined && { pad: sizeFrom(pad) }),
    ...(letterbox !== undefined && { letterbox: sizeFrom(letterbox) }),
    ...(crop !== undefined && { crop: sizeFrom(crop) }),
    ...(channels !== undefined && { isBgr: channels === 'bgr' }),
    from: stated === undefined ? 'as they are said' : `${stated.from}, and what is said besides`,
  }
}

function stepsOfConfig(config: PreprocessorConfig, path: string): ImageSteps {
  if (Array.isArray(config.input_size)) return stepsOfTimm(config, path)
  if (config.ultralytics !== undefined) return stepsOfUltralytics(config, path)
  const isOn = (step: string, otherwise: boolean) => (typeof config[step] === 'boolean' ? config[step] : otherwise)
  refuseUnread(config, path)
  const isCropped = isOn('do_center_crop', false)
  const crop = isCropped ? exactSize(config.crop_size, { path, key: 'crop_size' }) : undefined
  const isResized = isOn('do_resize', config.size !== undefined || processorOf(config) === 'GLPN')
  const mean = isOn('do_normalize', config.image_mean !== undefined)
    ? numbers(config.image_mean, { path, key: 'image_mean' })
    : undefined
  const std = mean && numbers(config.image_std, { path, key: 'image_std' })
  const thumbnail = thumbnailOf(config, path)
  const mirror = processorOf(config) === 'Swin2SR' && isOn('do_pad', true) ? mirrorOf(config, path) : undefined
  const factor = typeof config.rescale_factor === 'number' ? config.rescale_factor : 1 / 255
  return {
    resample: resampleOf(config.resample, path),
    // Configs from before do_rescale was written always scale with the normalisation.
    rescale: isOn('do_rescale', true) ? factor : 1,
    isBgr: isOn('do_flip_channel_order', false),
    from: path,
    // Older files of detectors do not say that they fill up, and always do.
    ...(thumbnail === undefined && mirror === undefined && isOn('do_pad', isFilling(config)) && { pad: padOf(config, path) }),
    ...present({
      crop,
      thumbnail,
      mirror,
      ...normalisationOf(config, { mean, std, scale: factor, path }),
      resize: isResized ? resizeOf(config, { isCropped, path }) : undefined,
    }),
    ...(typeof config.crop_pct === 'number' && croppedSize(config, path)),
  }
}

const isFilling = (config: PreprocessorConfig) => ['pad_size', 'max_size'].some((key) => (config[key] ?? undefined) !== undefined)

function padOf({ pad_size: size }: PreprocessorConfig, path: string): Size | 'model' {
  return size === undefined || size === null ? 'model' : exactSize(size, { path, key: 'pad_size' })
}

/** Donut's: sizes of older files are [width, height]. Undefined: the file has no such thing. */
function thumbnailOf(config: PreprocessorConfig, path: string): Thumbnail | undefined {
  const [shrinks, turns] = [config.do_thumbnail === true, config.do_align_long_axis === true]
  if (!shrinks && !turns) return undefined
  return { within: frameSize(config, path), turns, shrinks, fills: config.do_pad !== false }
}

function frameSize({ size }: PreprocessorConfig, path: string): Size {
  if (Array.isArray(size) && size.length === 2 && size.every((side) => typeof side === 'number'))
    return { height: size[1]!, width: size[0]! }
  return exactSize(size, { path, key: 'size' })
}

function mirrorOf({ size_divisor: divisor, pad_size: older }: PreprocessorConfig, path: string): number {
  const value = divisor ?? older ?? 8
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 1024) return value
  throw unread(path, 'size_divisor', value)
}

/** ConvNeXT's: below 384, resized to size ÷ crop_pct and cut to the size; else to the size, square. */
function croppedSize(config: PreprocessorConfig, path: string): Pick<ImageSteps, 'resize' | 'crop'> {
  const shortest = (config.size as { shortest_edge?: unknown } | undefined)?.shortest_edge ?? config.size
  if (typeof shortest !== 'number') throw unread(path, 'size', config.size)
  const larger = { shortest: Math.trunc(shortest / (config.crop_pct as number)) }
  // PoolFormer's says itself whether and to what it is cut.
  if (processorOf(config) === 'PoolFormer') return { resize: larger }
  if (shortest >= 384) return { resize: sizeFrom(shortest) }
  return { resize: larger, crop: sizeFrom(shortest) }
}

function resizeOf(config: PreprocessorConfig, { isCropped, path }: { isCropped: boolean; path: string }): ImageSteps['resize'] {
  const { size, max_size: most } = config
  const multiple = multipleOf(config, () => exactSize(size, { path, key: 'size' }))
  if (multiple !== undefined) return multiple
  if (typeof config.size_divisor === 'number' && config.size_divisor !== 1 && config.do_pad !== false)
    throw unread(path, 'size_divisor', config.size_divisor)
  // What Donut's shrinks afterwards is resized by the shorter side of the frame.
  if (config.do_thumbnail === true || config.do_align_long_axis === true) {
    const { height, width } = frameSize(config, path)
    return { shortest: Math.min(height, width) }
  }
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
  // LeViT's is what is cut out, of which the image is 8 ÷ 7 times as large.
  if (typeof shortest === 'number' && processorOf(config) === 'Levit') return { shortest: Math.trunc((256 / 224) * shortest) }
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
  if ('divisor' in resize || 'near' in resize) return multipleSize({ height, width }, resize)
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
