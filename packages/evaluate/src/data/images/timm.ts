import { PareError } from '@pare/onnx'
import { RESAMPLES } from './image-options.js'
import type { ImageSteps, PreprocessorConfig } from './image-steps.js'

/** What the file says of pixels in a config.json of timm. Undefined: it is none. */
export function timmConfig({ pretrained_cfg: config }: PreprocessorConfig): PreprocessorConfig | undefined {
  const isTimm = typeof config === 'object' && config !== null && 'input_size' in config
  return isTimm ? (config as PreprocessorConfig) : undefined
}

/** timm's steps of evaluation: to size ÷ crop_pct by the shorter side, or square (squash), and the middle of that. */
export function stepsOfTimm(config: PreprocessorConfig, path: string): ImageSteps {
  const [, height, width] = sizes(config.input_size, { path, key: 'input_size' })
  const share = numberOr(config.crop_pct, 0.875)
  const mode = config.crop_mode ?? 'center'
  const resample = RESAMPLES.find((one) => one === (config.interpolation ?? 'bicubic'))
  if (resample === undefined) throw unknown(path, 'interpolation', config.interpolation)
  if (mode !== 'center' && mode !== 'squash') throw unknown(path, 'crop_mode', mode)
  const [high, wide] = [height, width].map((side) => Math.floor(side! / share)) as [number, number]
  return {
    resize: mode === 'squash' || high !== wide ? { height: high, width: wide } : { shortest: high },
    crop: { height: height!, width: width! },
    roundsCrop: true,
    ...{ resample, rescale: 1 / 255, isBgr: false, from: path },
    mean: sizes(config.mean ?? [0.485, 0.456, 0.406], { path, key: 'mean' }),
    std: sizes(config.std ?? [0.229, 0.224, 0.225], { path, key: 'std' }),
  }
}

const numberOr = (value: unknown, otherwise: number) => (typeof value === 'number' && value > 0 ? value : otherwise)

/** Three numbers. */
function sizes(value: unknown, { path, key }: { readonly path: string; readonly key: string }): readonly number[] {
  const isList = Array.isArray(value) && value.length <= 4 && value.every((each) => typeof each === 'number')
  if (isList && (key !== 'input_size' || value.length === 3)) return value
  throw unknown(path, key, value)
}

function unknown(path: string, key: string, value: unknown): PareError {
  return new PareError(`${path}: ${key} of pretrained_cfg is ${JSON.stringify(value)}, which is not read.`, {
    hint: 'say it instead: evaluate: { image: { size: 256, crop: 224, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } }, or write the tensors as .npz.',
  })
}
