import { PareError } from '@pare/onnx'
import { melBank } from './mel.js'
import { hann, melFrames } from './spectrogram.js'

/** What a sound at the model's rate becomes: f32 of `shape`. */
export interface SoundFeatures {
  readonly shape: readonly number[]
  readonly data: Float32Array
  /** Samples at the end that were cut off, since the model hears no more. Default: 0 */
  readonly lost?: number
}

export interface FeatureConfig {
  readonly path: string
  readonly content: Readonly<Record<string, unknown>>
}

/** Log-mel features as the feature extractors of transformers compute them. Undefined: the model takes the wave itself. Throws PareError for features that are not known here. */
export function featuresOf(config: FeatureConfig, rate: number): ((sound: Float32Array) => SoundFeatures) | undefined {
  const { content } = config
  switch (kindOf(content)) {
    case 'WhisperFeatureExtractor':
      return whisper(config, rate)
    case 'ASTFeatureExtractor':
      return spectrogramTransformer(config, rate)
    case 'Speech2TextFeatureExtractor':
      return speechToText(config, rate)
    case undefined:
    case 'Wav2Vec2FeatureExtractor':
      return undefined
    case 'EncodecFeatureExtractor':
      if ((content.feature_size ?? 1) === 1) return undefined
      throw new PareError(
        `${config.path}: feature_size is ${JSON.stringify(content.feature_size)}: sounds are read as one channel.`,
        {
          hint: 'write the samples of all channels as .npz.',
        },
      )
    default:
      throw new PareError(
        `${config.path}: feature_extractor_type is ${JSON.stringify(content.feature_extractor_type)}, which is not read.`,
        {
          hint: 'write the features as .npz: those of Wav2Vec2 (HuBERT, SEW, UniSpeech, WavLM and MMS have them, too), EnCodec, Whisper, AST and Speech2Text are computed here.',
        },
      )
  }
}

/** Old files do not say whose they are. */
function kindOf({
  feature_extractor_type: kind,
  n_fft: size,
  chunk_length: chunk,
  processor_class: processor,
}: FeatureConfig['content']) {
  if (typeof kind === 'string') return kind
  return size !== undefined && chunk !== undefined && /whisper/i.test(String(processor ?? 'whisper'))
    ? 'WhisperFeatureExtractor'
    : undefined
}

/** Of what a file says, so that none fills the memory. */
const [MOST_BINS, MOST_FRAMES, MOST_SECONDS] = [4096, 2 ** 17, 600]

/** A whole number from 1 on. */
function countIn(config: FeatureConfig, key: string, { otherwise, most }: { readonly otherwise: number; readonly most: number }) {
  const value = numberIn(config, key, otherwise)
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw new PareError(`${config.path}: ${key} is ${value}, expected a whole number from 1 to ${most}.`, {
    hint: 'correct the file.',
  })
}

function numberIn({ path, content }: FeatureConfig, key: string, otherwise: number): number {
  const value = content[key] ?? otherwise
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new PareError(`${path}: ${key} is ${JSON.stringify(value)}, expected a number.`, { hint: 'correct the file.' })
}

/** [mels, frames]: (max(log₁₀ mel, the largest − 8) + 4) ÷ 4 of 30 seconds, filled up with silence or cut (Radford et al. 2022, arXiv 2212.04356). */
function whisper(config: FeatureConfig, rate: number): (sound: Float32Array) => SoundFeatures {
  const size = countIn(config, 'n_fft', { otherwise: 400, most: 2 ** 14 })
  const hop = countIn(config, 'hop_length', { otherwise: 160, most: 2 ** 14 })
  const mels = countIn(config, 'feature_size', { otherwise: 80, most: MOST_BINS })
  const samples = countIn(config, 'chunk_length', { otherwise: 30, most: MOST_SECONDS }) * rate
  const bins = Math.floor(size / 2) + 1
  const filters = melBank({ filters: mels, bins, rate, lowest: 0, highest: 8000, scale: 'slaney' })
  const framing = { window: hann(size, { isPeriodic: true }), hop, size, isCentered: true, isEmphasized: false }
  return (sound) => {
    const filled = new Float32Array(samples)
    filled.set(sound.subarray(0, samples))
    const frames = melFrames(filled, framing, { filters, floor: 1e-10 }).slice(0, -1)
    const logs = frames.map((frame) => frame.map((value) => Math.log10(value)))
    const least = logs.reduce((most, frame) => frame.reduce((own, value) => Math.max(own, value), most), -10) - 8
    const data = new Float32Array(mels * logs.length)
    for (const [t, frame] of logs.entries())
      for (const [mel, value] of frame.entries()) data[mel * logs.length + t] = (Math.max(value, least) + 4) / 4
    return { shape: [mels, logs.length], data, lost: Math.max(0, sound.length - samples) }
  }
}

/** Frames of 25 ms each 10 ms, ln of the mel filters' sums, as Kaldi's `fbank` has them without dither: f64[bins] each. */
function kaldiFrames({ bins, rate, isPovey }: { readonly bins: number; readonly rate: number; readonly isPovey: boolean }) {
  const length = Math.round(rate * 0.025)
  const size = 2 ** Math.ceil(Math.log2(length))
  const filters = melBank({ filters: bins, bins: size / 2 + 1, rate, lowest: 20, highest: Math.floor(rate / 2), scale: 'kaldi' })
  const plain = hann(length, { isPeriodic: false })
  const window = isPovey ? plain.map((value) => value ** 0.85) : plain
  const framing = { window, hop: Math.round(rate * 0.01), size, isCentered: false, isEmphasized: true }
  return (sound: Float32Array) =>
    melFrames(sound, framing, { filters, floor: 1.192092955078125e-7 }).map((frame) => frame.map(Math.log))
}

/** [frames, bins] of a fixed number of frames, 0 behind the end, less a mean and divided by two deviations (Gong et al. 2021, arXiv 2104.01778). */
function spectrogramTransformer(config: FeatureConfig, rate: number): (sound: Float32Array) => SoundFeatures {
  const bins = countIn(config, 'num_mel_bins', { otherwise: 128, most: MOST_BINS })
  const most = countIn(config, 'max_length', { otherwise: 1024, most: MOST_FRAMES })
  const isNormalized = config.content.do_normalize !== false
  const mean = isNormalized ? numberIn(config, 'mean', -4.2677393) : 0
  const scale = isNormalized ? 2 * numberIn(config, 'std', 4.5689974) : 1
  const framesOf = kaldiFrames({ bins, rate, isPovey: false })
  return (sound) => {
    const data = new Float32Array(most * bins).fill((0 - mean) / scale)
    const frames = framesOf(sound)
    for (const [t, frame] of frames.slice(0, most).entries())
      data.set(
        frame.map((value) => (value - mean) / scale),
        t * bins,
      )
    return { shape: [most, bins], data, lost: Math.max(0, frames.length - most) * Math.round(rate * 0.01) }
  }
}

/** [frames, bins] of integers of 16 bits, each bin with mean 0 and deviation 1 over the frames (Wang et al. 2020, arXiv 2010.05171). */
function speechToText(config: FeatureConfig, rate: number): (sound: Float32Array) => SoundFeatures {
  const bins = countIn(config, 'num_mel_bins', { otherwise: 80, most: MOST_BINS })
  const { normalize_means: means = true, normalize_vars: variances = true, do_ceptral_normalize: isOn = true } = config.content
  const framesOf = kaldiFrames({ bins, rate, isPovey: true })
  return (sound) => {
    const frames = framesOf(sound.map((value) => value * 2 ** 15))
    const data = new Float32Array(frames.length * bins)
    for (let bin = 0; bin < bins; bin++) {
      const column = frames.map((frame) => frame[bin]!)
      const average = column.reduce((sum, value) => sum + value, 0) / column.length
      const deviation = Math.sqrt(column.reduce((sum, value) => sum + (value - average) ** 2, 0) / column.length)
      const shift = isOn && means === true ? average : 0
      const scale = isOn && variances === true ? deviation : 1
      for (const [t, value] of column.entries()) data[t * bins + bin] = (value - shift) / scale
    }
    return { shape: [frames.length, bins], data }
  }
}
