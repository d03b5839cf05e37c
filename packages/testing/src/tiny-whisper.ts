import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseText, writeModel, writeWhole } from '@pare/onnx'

/** Samples a second of the tiny Whisper's sounds. */
const RATE = 16_000
const MELS = 4
/** Of its tokens those that are no words, by id. */
const SPECIAL = ['start', 'english', 'french', 'transcribe', 'untimed', 'end']
const WORDS = [...SPECIAL, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']
const WIDTH = WORDS.length
/** Those that it never writes: all that are special but the end, and c. */
const SUPPRESSED = [0, 1, 2, 3, 4, WORDS.indexOf('c')]

/** What the tiny Whisper is made of: its scores are `table[last token] + mean over frames · mix`. */
export const TINY_WHISPER = {
  words: WORDS,
  suppressed: SUPPRESSED,
  /** f32[words, words]. */
  table: Float32Array.from({ length: WIDTH ** 2 }, (_, i) => 2 * Math.sin(1 + i * 5.3)),
  /** f32[mels, words]. */
  mix: Float32Array.from({ length: MELS * WIDTH }, (_, i) => 9 * Math.cos(2 + i * 3.7)),
  preprocessor: {
    ...{ feature_extractor_type: 'WhisperFeatureExtractor', feature_size: MELS, sampling_rate: RATE, chunk_length: 1 },
    ...{ hop_length: 160, n_fft: 400 },
  },
} as const

/** Writes a folder with an encoder of sounds and a decoder as optimum exports Whisper; `generation` goes into generation_config.json. */
export async function writeTinyWhisper(folder: string, generation: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const { table, mix, preprocessor } = TINY_WHISPER
  const end = WORDS.indexOf('end')
  const config = {
    ...{ architectures: ['WhisperForConditionalGeneration'], model_type: 'whisper', is_encoder_decoder: true },
    ...{ vocab_size: WIDTH, decoder_start_token_id: 0, eos_token_id: end },
  }
  await mkdir(folder, { recursive: true })
  const json: Readonly<Record<string, object>> = {
    'config.json': config,
    'tokenizer.json': tokenizer,
    'preprocessor_config.json': preprocessor,
    'generation_config.json': { decoder_start_token_id: 0, eos_token_id: end, suppress_tokens: SUPPRESSED, ...generation },
  }
  for (const [name, value] of Object.entries(json)) await writeWhole(join(folder, name), JSON.stringify(value))
  const head = '<ir_version: 8, opset_import: ["" : 17]>'
  const encoder = parseText(
    `${head} encoder (float[batch, ${MELS}, 100] input_features) => (float[batch, 2, ${MELS}] last_hidden_state) <float[${MELS}, ${MELS}] eye> {
      mean = ReduceMean<axes = [2], keepdims = 0>(input_features)
      same = MatMul(mean, eye)
      axis = Constant<value_ints = [1]>()
      row = Unsqueeze(same, axis)
      last_hidden_state = Concat<axis = 1>(row, row)
    }`,
    { eye: Float32Array.from({ length: MELS ** 2 }, (_, i) => Number(i % (MELS + 1) === 0)) },
  )
  const decoder = parseText(
    `${head} decoder (int64[batch, seq] input_ids, float[batch, frames, ${MELS}] encoder_hidden_states) => (float[batch, seq, ${WIDTH}] logits) <float[${WIDTH}, ${WIDTH}] table, float[${MELS}, ${WIDTH}] mix> {
      mean = ReduceMean<axes = [1], keepdims = 1>(encoder_hidden_states)
      sound = MatMul(mean, mix)
      rows = Gather(table, input_ids)
      logits = Add(rows, sound)
    }`,
    { table, mix },
  )
  await writeModel(encoder, join(folder, 'encoder_model.onnx'))
  await writeModel(decoder, join(folder, 'decoder_model.onnx'))
}

/** Seconds of a tone in Hz: a WAV file of 16 bits, and its samples between −1 and 1. */
export function toneWav(frequency: number, seconds = 1): { readonly bytes: Uint8Array; readonly samples: Float32Array } {
  const whole = Int16Array.from({ length: RATE * seconds }, (_, i) =>
    Math.round(12_000 * Math.sin((2 * Math.PI * frequency * i) / RATE)),
  )
  const bytes = Buffer.alloc(44 + whole.length * 2)
  bytes.write('RIFF', 0)
  bytes.writeUInt32LE(36 + whole.length * 2, 4)
  bytes.write('WAVEfmt ', 8)
  bytes.writeUInt32LE(16, 16)
  const fields = [
    [20, 1],
    [22, 1],
    [32, 2],
    [34, 16],
  ] as const
  for (const [at, value] of fields) bytes.writeUInt16LE(value, at)
  bytes.writeUInt32LE(RATE, 24)
  bytes.writeUInt32LE(RATE * 2, 28)
  bytes.write('data', 36)
  bytes.writeUInt32LE(whole.length * 2, 40)
  Buffer.from(whole.buffer).copy(bytes, 44)
  return { bytes, samples: Float32Array.from(whole, (value) => value / 32_768) }
}

const tokenizer = {
  version: '1.0',
  added_tokens: SPECIAL.map((content, id) => ({
    ...{ id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
  })),
  ...{ normalizer: null, pre_tokenizer: { type: 'WhitespaceSplit' }, post_processor: null, decoder: null },
  model: {
    type: 'WordPiece',
    vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])),
    ...{ unk_token: 'a', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
  },
}
