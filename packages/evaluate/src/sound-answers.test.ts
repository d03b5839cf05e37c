import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { TINY_WHISPER, toneWav, writeTinyWhisper } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { featuresOf } from './data/sounds/features.js'
import { put, temporaryFolder } from './fixture.test.files.js'
import { evaluate } from './jobs.test.files.js'

const folder = temporaryFolder()
const { words: WORDS, suppressed: SUPPRESSED, table, mix, preprocessor } = TINY_WHISPER
const width = WORDS.length
const id = (word: string) => WORDS.indexOf(word)

const TONES = [300, 700, 1500, 3000, 5000, 7000]
const LANGUAGES = [id('english'), id('french')]

/** What the two models say of a tone, worked out from their weights. */
function spoken(
  frequency: number,
  { most, prefix, first }: { most: number; prefix: readonly (number | readonly number[])[]; first: readonly number[] },
) {
  const { samples } = toneWav(frequency)
  const { data, shape } = featuresOf({ path: 'preprocessor_config.json', content: preprocessor }, preprocessor.sampling_rate)!(
    samples,
  )
  const [bins, frames] = shape as [number, number]
  const means = Array.from(
    { length: bins },
    (_, bin) => data.subarray(bin * frames, (bin + 1) * frames).reduce((sum, each) => sum + each, 0) / frames,
  )
  const scores = (token: number) =>
    WORDS.map((_, at) => table[token * width + at]! + means.reduce((sum, mean, bin) => sum + mean * mix[bin * width + at]!, 0))
  const best = (token: number, among: readonly number[]) =>
    among.reduce((own, each) => (scores(token)[each]! > scores(token)[own]! ? each : own))
  const all = WORDS.map((_, at) => at)
  let last = 0
  const begun = prefix.map((own) => (last = typeof own === 'number' ? own : best(last, own)))
  const answer: string[] = []
  while (answer.length < most) {
    const barred = answer.length === 0 ? [...SUPPRESSED, ...first] : SUPPRESSED
    last = best(
      last,
      all.filter((token) => !barred.includes(token)),
    )
    if (last === id('end')) break
    answer.push(WORDS[last]!)
  }
  return { answer: answer.join(' '), begun }
}

const sounds = (name: string, rows: readonly Readonly<Record<string, unknown>>[]) => {
  const place = join(folder, name)
  mkdirSync(place, { recursive: true })
  put(place, 'long.wav', toneWav(300, 2).bytes)
  for (const tone of TONES) put(place, `${tone}.wav`, toneWav(tone).bytes)
  put(place, 'metadata.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'))
  return place
}
const request = {
  ...{
    model: join(folder, 'decoder_model.onnx'),
    encoder: join(folder, 'encoder_model.onnx'),
    text: { tokenizer: join(folder, 'tokenizer.json') },
    metrics: ['exact-match', 'wer'],
  },
  ...{ writing: { maxTokens: 6 }, threads: 1 },
}
const rowsOf = (answers: readonly string[], column: string) =>
  TONES.map((tone, i) => ({ file_name: `${tone}.wav`, [column]: answers[i] }))

describe('an encoder of sounds with its decoder', () => {
  const MULTILINGUAL = { lang_to_id: { '<|en|>': 1, '<|fr|>': 2 }, task_to_id: { transcribe: 3 }, no_timestamps_token_id: 4 }
  test.each([
    [
      'the likeliest language of each sound',
      { ...MULTILINGUAL, begin_suppress_tokens: [id('d'), id('end')] },
      [LANGUAGES, 3, 4],
      [id('d'), id('end')],
    ],
    ['one language', { ...MULTILINGUAL, is_multilingual: false }, [4], []],
    [
      'what an older file forces',
      {
        forced_decoder_ids: [
          [2, 4],
          [1, 2],
        ],
      },
      [2, 4],
      [],
    ],
    ['nothing besides', {}, [], []],
  ])('writes what is said, behind %s', async (name, own, prefix, first) => {
    await writeTinyWhisper(folder, own)
    const spokenTones = TONES.map((tone) => spoken(tone, { most: 6, prefix, first }))
    expect(new Set(spokenTones.map(({ answer }) => answer)).size).toBeGreaterThan(1)
    if (name.startsWith('the likeliest')) expect(new Set(spokenTones.map(({ begun }) => begun[0])).size).toBe(2)
    const answers = spokenTones.map(({ answer }) => answer)
    const data = sounds(name.slice(0, 4).trim(), rowsOf(answers, 'transcription'))
    const { metrics, samples } = await evaluate({ ...request, data })
    expect([samples, metrics]).toEqual([6, { 'exact-match': 1, wer: 0 }])
    const wrong = sounds('wrong', rowsOf(answers.with(2, 'j j j'), 'sentence'))
    expect((await evaluate({ ...request, data: wrong, batch: 4 })).metrics['exact-match']).toBeCloseTo(5 / 6)
  })

  test('writes in the language, and does what is said', async () => {
    await writeTinyWhisper(folder, { ...MULTILINGUAL, task_to_id: { transcribe: 3, translate: 5 } })
    for (const [writing, prefix] of [
      [{ language: 'fr' }, [2, 3, 4]],
      [{ language: '<|en|>', task: 'translate' }, [1, 5, 4]],
      [{ task: 'translate' }, [LANGUAGES, 5, 4]],
    ] as const) {
      const answers = TONES.map((tone) => spoken(tone, { most: 6, prefix, first: [] }).answer)
      const data = sounds('told', rowsOf(answers, 'transcription'))
      const { metrics } = await evaluate({ ...request, data, writing: { maxTokens: 6, ...writing } })
      expect([writing, metrics['exact-match']]).toEqual([writing, 1])
    }
  })

  test('begins with the token of a language, where languages are tokens alone', async () => {
    await writeTinyWhisper(folder)
    // It is the first that is written, and no text.
    const answers = TONES.map((tone) => spoken(tone, { most: 5, prefix: [2], first: [] }).answer)
    const data = sounds('token', rowsOf(answers, 'transcription'))
    const { metrics } = await evaluate({ ...request, data, writing: { maxTokens: 6, language: 'french' } })
    expect(metrics['exact-match']).toBe(1)
  })

  test.each([
    [{ language: 'fn' }, MULTILINGUAL, /knows no language 'fn'/, 'there are en, fr.'],
    [{ language: 'fr', task: 'translate' as const }, MULTILINGUAL, /knows no task 'translate'/, 'there are transcribe.'],
    [{ language: 'de' }, { is_multilingual: false }, /knows no language 'de'/, 'with one language leave it out'],
    [{ task: 'translate' as const }, {}, /no task 'translate'/, 'leave the task out'],
  ])('refuses to write otherwise than it can: %j', async (writing, own, message, hint) => {
    await writeTinyWhisper(folder, own)
    const data = sounds('refused', rowsOf(['a', 'a', 'a', 'a', 'a', 'a'], 'transcription'))
    const failing = evaluate({ ...request, data, writing })
    await expect(failing).rejects.toThrow(message)
    await expect(failing).rejects.toMatchObject({ hint: expect.stringContaining(hint) })
  })

  test.each([
    [
      'no sound',
      [{ prompt: 'a', answer: 'b' }],
      /input_features of the encoder takes sounds, and the rows have none; found prompt, answer/,
    ],
    ['nothing said', [{ file_name: '300.wav' }], /nothing says what the sounds say; found file_name/],
    ['a number', [{ file_name: '300.wav', text: 3 }], /'text' is no text/],
    ['a sound too long', [{ file_name: 'long.wav', text: 'a' }], /the sound is 1.0 seconds longer than the model hears at once/],
  ])('refuses rows with %s', async (_, rows, message) => {
    await writeTinyWhisper(folder)
    await expect(evaluate({ ...request, data: sounds('odd', rows) })).rejects.toThrow(message)
  })
})
