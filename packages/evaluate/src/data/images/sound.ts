import { PareError } from '@pare/onnx'
import type { ModelValue } from '../model-value.js'
import type { DataArray } from '../ndarray.js'
import { decodeWav } from './wav.js'

/** Whether an input may be one of sounds: the samples of a wave. */
export function takesSound({ type, shape }: ModelValue): boolean {
  return /^float/.test(type) && shape.length === 2
}

/** How WAV files become an input. Throws PareError where features would have to be computed, or the rate is not known. */
export function soundReader(
  input: ModelValue,
  config: { readonly path: string; readonly content: Readonly<Record<string, unknown>> } | undefined,
): (bytes: Uint8Array, where: string) => Promise<DataArray> {
  const rate = config?.content.sampling_rate
  if (config === undefined || typeof rate !== 'number') {
    throw new PareError(`input '${input.name}': sounds, and the rate that the model takes is not known.`, {
      hint: 'put the preprocessor_config.json of the model beside it, with sampling_rate: 16000 for example.',
    })
  }
  const isNormalized = config.content.do_normalize === true
  return async (bytes, where) => {
    const sound = decodeWav(bytes, where)
    if (sound.rate !== rate) {
      throw new PareError(`${where}: sound of ${sound.rate} Hz, and the model takes ${rate} Hz (${config.path}).`, {
        hint: `resample it first, for example: ffmpeg -i in.wav -ar ${rate} out.wav`,
      })
    }
    return { type: 'float32', shape: [sound.data.length], data: isNormalized ? normalized(sound.data) : sound.data }
  }
}

/** Mean 0 and variance 1, as Wav2Vec2's feature extractor has it: (x − mean) ÷ √(variance + 10⁻⁷). */
function normalized(data: Float32Array): Float32Array {
  const mean = data.reduce((sum, each) => sum + each, 0) / data.length
  const variance = data.reduce((sum, each) => sum + (each - mean) ** 2, 0) / data.length
  const scale = 1 / Math.sqrt(variance + 1e-7)
  return data.map((each) => (each - mean) * scale)
}
