import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openData } from '@pare/evaluate'
import { parseText, writeModel } from '@pare/onnx'
import type { RunResults } from '@pare/report'
import { TINY_WHISPER, TINY_WORDS, toneWav, writeTinyWhisper } from '@pare/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pareInProcess as pare } from '../testing/terminal.js'
import { writeRows, writeTinyEncoderFolder } from './tiny-encoder.test.support.js'

const TONES = Array.from({ length: 16 }, (_, i) => 200 + 430 * i)

let cwd: string
beforeAll(async () => {
  cwd = await realpath(await mkdtemp(join(tmpdir(), 'pare-sound-set-')))
  await writeTinyWhisper(join(cwd, 'whisper'), { lang_to_id: { '<|en|>': 1, '<|fr|>': 2 }, task_to_id: { transcribe: 3 } })
  await mkdir(join(cwd, 'val'))
  for (const tone of TONES) await writeFile(join(cwd, 'val', `${tone}.wav`), toneWav(tone).bytes)
  await writeRows(
    join(cwd, 'val', 'metadata.jsonl'),
    TONES.map((tone) => ({ file_name: `${tone}.wav`, transcription: 'g h' })),
  )
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

test('what an encoder of sounds and its decoder write is measured, and judges both', async () => {
  const asked = ['--data', 'val', '--metric', 'wer', '--max-tokens', '5']
  const { stdout, stderr, json } = await pare(['evaluate', 'whisper', ...asked, '--json'], { cwd })
  expect(stdout, stderr).toContain('metrics')
  const { metrics, samples } = json() as unknown as { metrics: Record<string, number>; samples: number }
  expect(samples).toBe(TONES.length)
  expect(metrics.wer).toBeGreaterThan(0)
  const words = [
    'run',
    'whisper',
    ...asked,
    '--sparsity',
    '0.5',
    '--no-baselines',
    '--allow-worthless-reference',
    '--out',
    'out',
    '--json',
  ]
  const session = await pare(words, { cwd })
  expect(session.stdout, session.stderr).toContain('"models"')
  const { models } = session.json() as unknown as RunResults
  const [encoder, decoder] = models as [RunResults['models'][number], RunResults['models'][number]]
  for (const model of [encoder, decoder]) {
    expect(model.verdict, JSON.stringify(model.reasons)).not.toBe('incomplete')
    expect(model.reference.metrics.wer).toBeCloseTo(metrics.wer!)
  }
  expect(decoder.pruned!.metrics.wer).not.toBeCloseTo(metrics.wer!)
})

test('both are judged by several evaluations, in the language that is said', async () => {
  const config = {
    models: [
      {
        path: 'whisper',
        ...{ prune: [{ target: { sparsity: 0.5 } }], baselines: false },
        evaluate: { data: 'val', metric: 'wer', maxTokens: 5 },
        gate: { max: 99 },
        evaluations: [
          {
            name: 'French',
            data: 'val',
            metric: 'cer',
            maxTokens: 5,
            language: 'fr',
            gate: { max: 99, allowWorthlessReference: true },
          },
        ],
      },
    ],
  }
  await writeFile(join(cwd, 'several.json'), JSON.stringify(config))
  const session = await pare(['run', '--config', 'several.json', '--out', 'several', '--json'], { cwd })
  expect(session.stdout, session.stderr).toContain('"models"')
  const { models } = session.json() as unknown as RunResults
  expect(models.map(({ path, metric, set, of }) => [path, metric, set, of])).toEqual([
    ['whisper/encoder_model.onnx', 'wer', 'whisper', undefined],
    ['whisper/encoder_model.onnx (French)', 'cer', 'whisper', 'whisper/encoder_model.onnx'],
    ['whisper/decoder_model.onnx', 'wer', 'whisper', undefined],
    ['whisper/decoder_model.onnx (French)', 'cer', 'whisper', 'whisper/decoder_model.onnx'],
  ])
  // The decoder is judged beside its encoder as that was pruned.
  const [, encoder, , decoder] = models
  expect(decoder!.reference.metrics.cer).toBe(encoder!.reference.metrics.cer)
  expect(decoder!.pruned!.metrics.cer).not.toBe(encoder!.pruned!.metrics.cer)
  const asked = ['--data', 'val', '--metric', 'cer', '--max-tokens', '5', '--language', 'fr']
  const alone = await pare(['evaluate', 'several/whisper', ...asked, '--json'], { cwd })
  expect((alone.json().metrics as Record<string, number>).cer).toBe(decoder!.pruned!.metrics.cer)
})

/** The decoder of the tiny pair behind an encoder of sounds: each frame's features times a matrix. */
async function writeCached(name: string, isMerged: boolean, own?: object): Promise<void> {
  const prefix = {
    forced_decoder_ids: [
      [1, null],
      [2, 5],
    ],
    lang_to_id: { a: 1, b: 2, c: 4 },
    is_multilingual: false,
  }
  await writeTinyEncoderFolder(join(cwd, name), { isMerged, config: { ...(own ?? prefix), suppress_tokens: [0, 1, 2, 4, 5, 6] } })
  const mix = Float32Array.from({ length: 32 }, (_, i) => 5 * Math.sin(2 + i * 3.3))
  const encoder = parseText(
    `<ir_version: 8, opset_import: ["" : 17]> encoder (float[batch_size, 4, 100] input_features) => (float[batch_size, 100, 8] last_hidden_state) <float[4, 8] mix>
    { rows = Transpose<perm = [0, 2, 1]>(input_features) last_hidden_state = MatMul(rows, mix) }`,
    { mix },
  )
  await writeModel(encoder, join(cwd, name, 'onnx/encoder_model.onnx'))
  await writeFile(join(cwd, name, 'preprocessor_config.json'), JSON.stringify(TINY_WHISPER.preprocessor))
}

test('with a cache the same is written as without, language and all', async () => {
  await writeCached('merged', true)
  await writeCached('two', false)
  const data = ['--data', 'val', '--max-tokens', '6']
  const metrics = async (folder: string) => {
    const all = ['wer', 'cer', 'word-f1'].flatMap((metric) => ['--metric', metric])
    const { stdout, stderr, json } = await pare(['evaluate', folder, ...data, ...all, '--json'], { cwd })
    expect(stdout, stderr).toContain('metrics')
    return (json() as unknown as { metrics: Record<string, number> }).metrics
  }
  await writeRows(
    join(cwd, 'val', 'metadata.jsonl'),
    TONES.map((tone, i) => ({ file_name: `${tone}.wav`, transcription: TINY_WORDS[7 + (i % 9)] })),
  )
  const cached = await metrics('merged')
  expect(cached['word-f1']).toBeGreaterThan(0)
  expect(cached).toEqual(await metrics('two'))
})

test('one language writes what transformers.js writes', async () => {
  const whisper = { model_type: 'whisper', architectures: ['WhisperForConditionalGeneration'], is_multilingual: false }
  const sizes = { encoder_layers: 0, encoder_attention_heads: 2, decoder_layers: 2, decoder_attention_heads: 2 }
  await writeCached('single', true, { ...whisper, ...sizes, no_timestamps_token_id: 5, begin_suppress_tokens: [3, 9] })
  const { WhisperForConditionalGeneration, Tensor, AutoTokenizer, env } = await import('@huggingface/transformers')
  Object.assign(env, { allowRemoteModels: false, localModelPath: '' })
  const folder = join(cwd, 'single')
  const tokenizer = await AutoTokenizer.from_pretrained(folder, { local_files_only: true })
  const model = await WhisperForConditionalGeneration.from_pretrained(folder, { local_files_only: true, dtype: 'fp32' })
  const answers: string[] = []
  const inputs = [{ name: 'input_features', type: 'float32', shape: ['batch', 4, 100] }] as const
  const data = await openData(join(cwd, 'val'), { inputs, trusted: true, models: [join(folder, 'encoder_model.onnx')] })
  for await (const batch of data.batches(1)) {
    const features = new Tensor('float32', batch.inputs.input_features!.data as Float32Array, [1, 4, 100])
    const output = await model.generate({ inputs: features, max_new_tokens: 6, do_sample: false } as never)
    const ids = Array.from((output as unknown as { data: BigInt64Array }).data, Number)
    // The prefix of two tokens comes out, too.
    answers.push(tokenizer.decode(ids.slice(2), { skip_special_tokens: true }))
  }
  await model.dispose()
  expect(new Set(answers).size).toBeGreaterThan(1)
  await writeRows(
    join(cwd, 'val', 'metadata.jsonl'),
    TONES.map((tone, i) => ({ file_name: `${tone}.wav`, transcription: answers[i] })),
  )
  const { json } = await pare(['evaluate', 'single', '--data', 'val', '--max-tokens', '6', '--metric', 'exact-match', '--json'], {
    cwd,
  })
  expect(json()).toMatchObject({ metrics: { 'exact-match': 1 } })
})
