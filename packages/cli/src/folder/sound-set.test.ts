import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunResults } from '@pare/report'
import { toneWav, writeTinyWhisper } from '@pare/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pare } from '../testing/terminal.js'
import { writeRows } from './tiny-encoder.test.support.js'

const TONES = Array.from({ length: 40 }, (_, i) => 200 + 170 * i)

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
  expect(samples).toBe(40)
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
