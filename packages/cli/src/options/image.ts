import { RESAMPLES } from '@pare/evaluate/choices'
import { z } from 'zod'
import { field } from './row.js'
import { oneOf } from './schemas.js'

const side = z.number().int().positive()
const size = z.union([side, z.tuple([side, side])])
const channelValues = z.array(z.number()).min(1).max(4)
/** How images become numbers: the same wherever data are named. */
export const image = field(
  z.strictObject({
    size: size.describe('pixels of the shorter side, or [height, width]').exactOptional(),
    longest: side.describe('pixels that the longer side may have at most, such as 1333').exactOptional(),
    pad: z
      .tuple([side, side])
      .describe('filled up with 0 to the right and below, to [height, width], such as [1333, 1333]')
      .exactOptional(),
    letterbox: size
      .describe(
        'pixels of the square, or [height, width], into whose middle the image is fitted, in grey, as Ultralytics does: 640',
      )
      .exactOptional(),
    crop: size.describe('pixels of the square that is cut out of the middle, or [height, width]').exactOptional(),
    resample: oneOf(RESAMPLES).exactOptional(),
    rescale: z.number().describe('what each byte is multiplied by, such as 0.00392156862745098').exactOptional(),
    mean: channelValues.describe('what is subtracted from each channel, such as [0.485, 0.456, 0.406]').exactOptional(),
    std: channelValues.describe('what each channel is divided by, such as [0.229, 0.224, 0.225]').exactOptional(),
    layout: oneOf(['NCHW', 'NHWC']).exactOptional(),
    channels: oneOf(['rgb', 'bgr']).exactOptional(),
    orientation: oneOf(['stored', 'upright']).exactOptional(),
  }),
  {
    expected: 'how images become numbers, such as { size: 256, crop: 224, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }',
    help: 'how images become numbers: size, longest, crop, pad, letterbox, resample, rescale, mean, std, layout, channels, orientation',
    default: 'preprocessor_config.json beside model or data; bytes as they are where the model takes bytes',
  },
)
