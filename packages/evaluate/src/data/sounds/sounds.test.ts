import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { missingPython, python, randomNumbers } from '@pare/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { input, put, temporaryFolder } from '../../fixture.test.files.js'
import { openData } from '../data.js'
import { featuresOf } from './features.js'
import { powerSpectrum } from './fourier.js'
import { resample } from './resample.js'

const random = randomNumbers(3)
/** Two tones and noise. */
const sound = (length: number, rate: number) =>
  Float32Array.from(
    { length },
    (_, i) =>
      0.4 * Math.sin((2 * Math.PI * 440 * i) / rate) + 0.2 * Math.sin((2 * Math.PI * 3100 * i) / rate) + 0.05 * (random() - 0.5),
  )
const config = (content: object) => ({ path: 'preprocessor_config.json', content: { sampling_rate: 16000, ...content } })
const closeTo = (values: ArrayLike<number>, expected: readonly number[], within: number) => {
  expect(values.length).toBe(expected.length)
  const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - values[i]!)), 0)
  expect(worst).toBeLessThan(within)
}

// The formulas of transformers' audio_utils, in numpy.
const AUDIO = `
def mel_bank(bins, mels, low, high, rate, kind):
    if kind == 'kaldi':
        to_mel, to_hz = (lambda f: 1127 * np.log(1 + f / 700)), (lambda m: 700 * (np.exp(m / 1127) - 1))
    else:
        step = np.log(6.4) / 27
        to_mel = np.vectorize(lambda f: 3 * f / 200 if f < 1000 else 15 + np.log(f / 1000) / step)
        to_hz = np.vectorize(lambda m: 200 * m / 3 if m < 15 else 1000 * np.exp(step * (m - 15)))
    mel = np.linspace(to_mel(np.float64(low)), to_mel(np.float64(high)), mels + 2)
    corner = mel if kind == 'kaldi' else to_hz(mel)
    freqs = to_mel(rate / ((bins - 1) * 2) * np.arange(bins)) if kind == 'kaldi' else np.linspace(0, rate // 2, bins)
    diff = np.diff(corner)
    slopes = corner[None] - freqs[:, None]
    bank = np.maximum(0, np.minimum(-slopes[:, :-2] / diff[:-1], slopes[:, 2:] / diff[1:]))
    return bank if kind == 'kaldi' else bank * (2 / (corner[2:] - corner[:-2]))[None]
def frames(x, window, hop, size, bank, floor, center, emphasis):
    n = len(window)
    if center: x = np.pad(x, n // 2, mode='reflect')
    out = []
    for t in range(0, len(x) - n + 1, hop):
        f = x[t:t + n].astype(np.float64)
        if emphasis:
            f = f - f.mean()
            f[1:] -= 0.97 * f[:-1]
            f[0] *= 1 - 0.97
        out.append(np.maximum(floor, bank.T @ (np.abs(np.fft.rfft(f * window, size)) ** 2)))
    return np.array(out)
x = np.array(given['x'])
`

describe.skipIf(missingPython() !== undefined)('the same as SciPy, and as the formulas of transformers in numpy', () => {
  test('resampling', () => {
    for (const [from, to] of [
      [8000, 16000],
      [44100, 16000],
      [48000, 16000],
      [22050, 16000],
    ] as const) {
      const x = sound(1000, from)
      const own = resample(x, from, to)
      const theirs = python(
        'from scipy.signal import resample_poly\nresult = resample_poly(given["x"], given["to"], given["from"]).tolist()',
        {
          ...{ x, from, to },
        },
      ) as number[]
      closeTo(own, theirs, 1e-6)
    }
  })

  test("Whisper's features", () => {
    const x = sound(24000, 16000)
    const own = featuresOf(
      config({
        feature_extractor_type: 'WhisperFeatureExtractor',
        feature_size: 80,
        n_fft: 400,
        hop_length: 160,
        chunk_length: 2,
      }),
      16000,
    )!(x)
    const theirs = python(
      `${AUDIO}
x = np.pad(x, (0, 32000 - len(x)))
log = np.log10(frames(x, 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400), 160, 400, mel_bank(201, 80, 0, 8000, 16000, 'slaney'), 1e-10, True, False))[:-1].T
result = ((np.maximum(log, log.max() - 8) + 4) / 4).ravel().tolist()`,
      { x },
    ) as number[]
    expect(own.shape).toEqual([80, 200])
    closeTo(own.data, theirs, 1e-5)
  })

  test("AST's and Speech2Text's features", () => {
    const x = sound(9000, 16000)
    const ast = featuresOf(config({ feature_extractor_type: 'ASTFeatureExtractor', num_mel_bins: 128, max_length: 60 }), 16000)!(
      x,
    )
    const speech = featuresOf(config({ feature_extractor_type: 'Speech2TextFeatureExtractor', num_mel_bins: 80 }), 16000)!(x)
    const [one, other] = python(
      `${AUDIO}
log = np.log(frames(x, np.hanning(400), 160, 512, mel_bank(257, 128, 20, 8000, 16000, 'kaldi'), 1.192092955078125e-07, False, True))
log = np.vstack([log, np.zeros((60 - len(log), 128))])
povey = np.log(frames(x * 2 ** 15, np.hanning(400) ** 0.85, 160, 512, mel_bank(257, 80, 20, 8000, 16000, 'kaldi'), 1.192092955078125e-07, False, True))
result = [((log + 4.2677393) / (4.5689974 * 2)).ravel().tolist(), ((povey - povey.mean(0)) / povey.std(0)).ravel().tolist()]`,
      { x },
    ) as [number[], number[]]
    expect([ast.shape, speech.shape]).toEqual([
      [60, 128],
      [54, 80],
    ])
    closeTo(ast.data, one, 1e-5)
    closeTo(speech.data, other, 1e-4)
  })
})

test('the power spectrum is that of the sums written out, whatever the size is made of', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 60 }), (values) => {
      const n = values.length
      const written = Array.from({ length: Math.floor(n / 2) + 1 }, (_, k) => {
        const sum = (of: (angle: number) => number) =>
          values.reduce((total, value, t) => total + value * of((2 * Math.PI * k * t) / n), 0)
        return sum(Math.cos) ** 2 + sum(Math.sin) ** 2
      })
      closeTo(powerSpectrum(n)(Float64Array.from(values)), written, 1e-9)
    }),
  )
})

test('a folder of WAV files becomes what the model takes, at its rate', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'yes'))
  const wave = sound(2000, 8000)
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(3, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(8000, 24)
  header.writeUInt16LE(32, 34)
  header.write('data', 36)
  header.writeUInt32LE(wave.byteLength, 40)
  put(folder, 'yes/a.wav', Buffer.concat([header, Buffer.from(wave.buffer)]))
  const say = (content: object) => put(folder, 'preprocessor_config.json', JSON.stringify(content))
  const open = (shape: readonly (number | string)[]) =>
    openData(folder, { inputs: [input('input_features', 'float32', shape)], trusted: true })
  const read = async (shape: readonly (number | string)[]) => {
    const data = await open(shape)
    for await (const batch of data.batches(4)) return batch.inputs.input_features!
    throw new Error('no batch')
  }
  const whisper = { feature_extractor_type: 'WhisperFeatureExtractor', feature_size: 80, chunk_length: 1, sampling_rate: 16000 }
  say(whisper)
  const found = await read(['n', 80, 100])
  expect(found.shape).toEqual([1, 80, 100])
  closeTo(found.data as Float32Array, [...featuresOf(config(whisper), 16000)!(resample(wave, 8000, 16000)).data], 1e-9)
  await expect(read(['n', 't'])).rejects.toThrow('makes log-mel features [bins, frames] or [frames, bins] of a sound')
  const notesOf = async (shape: readonly (number | string)[]) =>
    (await open(shape)).notes.filter((note) => !note.startsWith('folders'))
  expect(await notesOf(['n', 80, 100])).toEqual([])
  // A quarter of a second, of which a tenth is heard.
  say({ sampling_rate: 16000, feature_extractor_type: 'ASTFeatureExtractor', num_mel_bins: 128, max_length: 10 })
  expect(await notesOf(['n', 10, 128])).toEqual([
    expect.stringMatching(/sounds are longer than the model hears at once, .*a\.wav by 0\.1 seconds: their end is cut off/),
  ])
  say({ sampling_rate: 16000 })
  await expect(read(['n', 80, 100])).rejects.toThrow('makes a wave [samples] of a sound')
  expect((await read(['n', 't'])).shape).toEqual([1, 4000])
  say({ sampling_rate: 16000, feature_extractor_type: 'ClapFeatureExtractor' })
  await expect(read(['n', 't'])).rejects.toThrow('feature_extractor_type is "ClapFeatureExtractor", which is not read')
  // A wave with an axis of channels, as EnCodec takes it.
  say({ sampling_rate: 16000, feature_size: 1, feature_extractor_type: 'EncodecFeatureExtractor' })
  expect((await read(['n', 'channels', 't'])).shape).toEqual([1, 1, 4000])
  expect((await read(['n', 1, 't'])).data).toEqual((await read(['n', 't'])).data)
  say({ sampling_rate: 16000, feature_size: 2, feature_extractor_type: 'EncodecFeatureExtractor' })
  await expect(read(['n', 2, 't'])).rejects.toThrow('feature_size is 2: sounds are read as one channel')
  say({ sampling_rate: 2 ** 40 })
  await expect(read(['n', 't'])).rejects.toThrow('sampling_rate is 1099511627776, expected 1000 to 768000')
  say({ ...whisper, chunk_length: 1e9 })
  await expect(read(['n', 80, 100])).rejects.toThrow('chunk_length is 1000000000, expected a whole number from 1 to 600')
})
