import { PareError } from '@pare/onnx'
import type { MultipleResize, PreprocessorConfig, Resize, Size } from './image-steps.js'

/** Processors of transformers that do steps in another order, or others, than the fields of their files say. */
const UNREAD =
  /^(Perceiver|ImageGPT|Pix2Struct|Fuyu|Idefics\d?|Flava|Vilt|Nougat|LayoutLMv[23]|LlavaNext|Pixtral|Qwen2VL|OneFormer|MaskFormer|Mask2Former)(ImageProcessor|FeatureExtractor)(Fast)?$/

/** Whose file it is, such as 'Levit'. Older files do not say. */
export function processorOf({ image_processor_type: kind, feature_extractor_type: older }: PreprocessorConfig): string {
  return String(kind ?? older ?? '').replace(/(ImageProcessor|FeatureExtractor)(Fast)?$/, '')
}

/** Throws PareError for processors whose steps are not those of their fields. */
export function refuseUnread(config: PreprocessorConfig, path: string): void {
  const kind = String(config.image_processor_type ?? config.feature_extractor_type ?? '')
  if (!UNREAD.test(kind)) return
  throw new PareError(`${path}: images are prepared by ${kind}, whose steps are not read.`, {
    hint: 'say them: evaluate: { image: { size: 256, crop: 224, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } }, or write the tensors as .npz.',
  })
}

/** The size by a multiple of something: GLPN's, cut down to one of the image; DPT's, the nearest to the size. Undefined: the file has no such thing. */
export function multipleOf(config: PreprocessorConfig, size: () => Size): Resize | undefined {
  const { size_divisor: divisor, ensure_multiple_of: multiple, keep_aspect_ratio: keepsRatio } = config
  if (processorOf(config) === 'GLPN' && isCount(divisor)) return { divisor }
  if (keepsRatio !== true && !(isCount(multiple) && multiple > 1)) return undefined
  return { near: size(), multiple: isCount(multiple) ? multiple : 1, keepsRatio: keepsRatio === true }
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1

export function multipleSize({ height, width }: Size, resize: MultipleResize): Size {
  if ('divisor' in resize) {
    const down = (side: number) => Math.max(1, Math.floor(side / resize.divisor)) * resize.divisor
    return { height: down(height), width: down(width) }
  }
  const { near, multiple, keepsRatio } = resize
  let [high, wide] = [near.height / height, near.width / width]
  // As little is scaled as can be.
  if (keepsRatio && Math.abs(1 - wide) < Math.abs(1 - high)) high = wide
  else if (keepsRatio) wide = high
  const to = (side: number) => Math.max(1, roundedToEven(side / multiple)) * multiple
  return { height: to(high * height), width: to(wide * width) }
}

/** As Python rounds: halves to the even neighbour. */
export function roundedToEven(value: number): number {
  const below = Math.floor(value)
  if (value - below !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}

/**
 * What is subtracted and divided by, with what EfficientNet does besides: `rescale_offset` puts bytes between −1 and 1 first, and `include_top` divides by the deviation once
 * more. Undefined: nothing is. Throws PareError for an offset whose scale is not 1 ÷ 127.5, of which versions of the library make different numbers.
 */
export function normalisationOf(
  config: PreprocessorConfig,
  {
    mean,
    std,
    scale,
    path,
  }: {
    readonly mean: readonly number[] | undefined
    readonly std: readonly number[] | undefined
    readonly scale: number
    readonly path: string
  },
): { readonly mean: readonly number[]; readonly std?: readonly number[] } | undefined {
  const isOffset = config.rescale_offset === true && config.do_rescale !== false
  if (isOffset && Math.abs(scale * 127.5 - 1) > 1e-4) {
    throw new PareError(`${path}: rescale_offset goes with a rescale_factor of ${1 / 127.5}, and it is ${scale}.`, {
      hint: 'say what is done: evaluate: { image: { rescale: 0.00784, mean: [1, 1, 1] } } for bytes between −1 and 1.',
    })
  }
  const offset = isOffset ? 1 : 0
  if (mean === undefined || std === undefined) return isOffset ? { mean: [offset] } : undefined
  const isTwice = config.include_top === true
  return { mean: mean.map((one) => one + offset), std: isTwice ? std.map((one) => one * one) : std }
}
