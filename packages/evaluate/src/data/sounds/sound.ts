import { PareError } from '@pare/onnx'
import type { ModelValue } from '../model-value.js'
import { type DataArray, describe } from '../ndarray.js'
import { type FeatureConfig, featuresOf } from './features.js'
import { resample } from './resample.js'
import { decodeWav } from './wav.js'

/** What a header may say: of other rates a filter, or the sound itself, would fill the memory. */
const [LEAST_RATE, MOST_RATE] = [1000, 768_000]
const MOST_SAMPLES = 2 ** 26

/** Whether an input may be one of sounds: the samples of a wave, or features of it. */
export function takesSound({ type, shape }: ModelValue): boolean {
  return /^float/.test(type) && (shape.length === 2 || shape.length === 3)
}

/** A sound as the model takes it. */
export interface SoundArray {
  readonly array: DataArray
  /** Of its end, which the model does not hear. */
  readonly lostSeconds: number
}

/** How WAV files become an input: at the model's rate, as a wave or as log-mel features. Throws PareError where the rate is not known, or the input takes something else. */
export function soundReader(
  input: ModelValue,
  config: FeatureConfig | undefined,
): (bytes: Uint8Array, where: string) => Promise<SoundArray> {
  const rate = config?.content.sampling_rate
  if (config === undefined || typeof rate !== 'number' || !Number.isInteger(rate) || rate < 1) {
    throw new PareError(`input '${input.name}': sounds, and the rate that the model takes is not known.`, {
      hint: 'put the preprocessor_config.json of the model beside it, with sampling_rate: 16000 for example.',
    })
  }
  if (!(rate >= LEAST_RATE && rate <= MOST_RATE)) {
    throw new PareError(`${config.path}: sampling_rate is ${rate}, expected ${LEAST_RATE} to ${MOST_RATE}.`, {
      hint: 'correct the file.',
    })
  }
  const features = featuresOf(config, rate)
  // [samples, 1, time], as EnCodec has it.
  const isChannel = features === undefined && input.shape.length === 3 && (input.shape[1] === 1 || isCodec(config))
  if (!isChannel) checkRank(input, features !== undefined, config)
  const isNormalized = config.content.do_normalize === true
  return async (bytes, where) => {
    const sound = decodeWav(bytes, where)
    if (!(sound.rate >= LEAST_RATE && sound.rate <= MOST_RATE) || (sound.data.length / sound.rate) * rate > MOST_SAMPLES) {
      throw new PareError(`${where}: a sound of ${sound.data.length} samples at ${sound.rate} Hz.`, {
        hint: `expected ${LEAST_RATE} to ${MOST_RATE} Hz, and at most ${MOST_SAMPLES} samples at ${rate} Hz: cut it.`,
      })
    }
    const data = resample(sound.data, sound.rate, rate)
    const shape = isChannel ? [1, data.length] : [data.length]
    if (features === undefined)
      return { array: { type: 'float32', shape, data: isNormalized ? normalized(data) : data }, lostSeconds: 0 }
    const { lost = 0, ...own } = features(data)
    if (own.shape.includes(0)) throw new PareError(`${where}: the sound is shorter than a frame.`, { hint: 'leave it out.' })
    return { array: { type: 'float32', ...own }, lostSeconds: lost / rate }
  }
}

function isCodec({ content }: FeatureConfig): boolean {
  return content.feature_extractor_type === 'EncodecFeatureExtractor'
}

function checkRank({ name, type, shape }: ModelValue, isFeatures: boolean, { path }: FeatureConfig): void {
  if (shape.length === (isFeatures ? 3 : 2)) return
  throw new PareError(
    `input '${name}' is ${describe(type, shape)}, and ${path} makes ${isFeatures ? 'log-mel features [bins, frames] or [frames, bins]' : 'a wave [samples]'} of a sound.`,
    {
      hint: isFeatures
        ? 'take the preprocessor_config.json of this model, or write what it takes as .npz.'
        : 'features are computed where preprocessor_config.json names a feature_extractor_type: WhisperFeatureExtractor, ASTFeatureExtractor or Speech2TextFeatureExtractor. Else write them as .npz.',
    },
  )
}

/** Mean 0 and variance 1, as Wav2Vec2's feature extractor has it: (x − mean) ÷ √(variance + 10⁻⁷). */
function normalized(data: Float32Array): Float32Array {
  const mean = data.reduce((sum, each) => sum + each, 0) / data.length
  const variance = data.reduce((sum, each) => sum + (each - mean) ** 2, 0) / data.length
  const scale = 1 / Math.sqrt(variance + 1e-7)
  return data.map((each) => (each - mean) * scale)
}
