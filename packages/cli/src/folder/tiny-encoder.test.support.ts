import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseText, writeModel } from '@pare/onnx'
import { writeTinyFolder } from '@pare/testing'
import { openJoined } from './pair/pair.js'
import { tinyPair } from './pair/tiny-pair.test.support.js'

/** An encoder for the tiny pair: each token's row of a table, and the mean of all of them, where a mask does not leave tokens out; then a feed-forward network of 12 neurons. */
function tinyEncoder() {
  const table = Float32Array.from({ length: 16 * 8 }, (_, i) => Math.sin(3 + i * 7.1))
  const [up, down] = [2, 5].map((seed) => Float32Array.from({ length: 96 }, (_, i) => Math.sin(seed + i * 4.7) * 0.4))
  const mix = Float32Array.from({ length: 64 }, (_, i) => Math.cos(1 + i * 2.3))
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
    encoder (int64[batch_size, encoder_sequence_length] input_ids, int64[batch_size, encoder_sequence_length] attention_mask)
    => (float[batch_size, encoder_sequence_length, 8] last_hidden_state) <float[16, 8] table, float[8, 8] mix, float[8, 12] up, float[12, 8] down, int64[1] last = {-1}, int64[1] rows = {1}> {
      words = Gather(table, input_ids)
      flags = Cast<to = 1>(attention_mask)
      each = Unsqueeze(flags, last)
      kept = Mul(words, each)
      sum = ReduceSum(kept, rows)
      count = ReduceSum(each, rows)
      mean = Div(sum, count)
      both = Add(kept, mean)
      mixed = MatMul(both, mix)
      wide = MatMul(mixed, up)
      bent = Relu(wide)
      back = MatMul(bent, down)
      last_hidden_state = Add(mixed, back)
    }`,
    { table, mix, up: up!, down: down! },
  )
}

export interface TinyEncoderFolder {
  /** Whether both decoders are one file, or two. */
  readonly isMerged: boolean
  readonly config?: Readonly<Record<string, unknown>>
}

/** Writes a folder of the tiny encoder and the decoder of the tiny pair as transformers.js has a T5. */
export async function writeTinyEncoderFolder(folder: string, { isMerged, config = {} }: TinyEncoderFolder): Promise<void> {
  const settings = {
    ...{ architectures: ['T5ForConditionalGeneration'], model_type: 't5', is_encoder_decoder: true, vocab_size: 16 },
    ...{ d_model: 8, d_ff: 12, d_kv: 4, num_heads: 2, num_layers: 0, num_decoder_layers: 2 },
    ...{ decoder_start_token_id: 0, eos_token_id: 3, pad_token_id: 0, ...config },
  }
  await writeTinyFolder(folder, {
    model: 'spare.onnx',
    files: {
      'config.json': JSON.stringify(settings, null, 2),
      'generation_config.json': JSON.stringify({ ...config, eos_token_id: 3 }),
    },
  })
  await rm(join(folder, 'spare.onnx'))
  const place = (name: string) => join(folder, 'onnx', `${name}.onnx`)
  await mkdir(join(folder, 'onnx'), { recursive: true })
  await writeModel(tinyEncoder(), place('encoder_model'))
  const { first, next } = tinyPair()
  await writeModel(first, place('decoder_model'))
  await writeModel(next, place('decoder_with_past_model'))
  if (!isMerged) return
  await using joined = await openJoined({ first: place('decoder_model'), next: place('decoder_with_past_model') })
  await cp(joined.path, place('decoder_model_merged'))
}

/** Writes rows of JSONL. */
export async function writeRows(path: string, rows: readonly object[]): Promise<void> {
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'))
}
