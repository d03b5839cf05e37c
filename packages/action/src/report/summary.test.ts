import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ModelResult, RunResults } from '@pare/report'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { ActionFailure } from '../failure.js'
import { appendSummary, failureMarkdown } from './summary.js'

const MEBIBYTE = 1024 * 1024
const folder = mkdtempSync(join(tmpdir(), 'pare-summary-'))
const path = join(folder, 'summary.md')
beforeEach(() => writeFileSync(path, ''))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const model: ModelResult = {
  path: 'model.onnx',
  verdict: 'fail',
  reasons: ['accuracy drops by 0.5, allowed 0.01'],
  reference: { path: 'model.onnx', bytes: 1, metrics: {} },
}
const run = (models: ModelResult[]) => ({
  kind: 'results' as const,
  results: { schemaVersion: 1, command: 'run', verdict: 'fail', models } satisfies RunResults,
  exitCode: 1,
  folder,
})

describe('the job summary', () => {
  it('is appended to what the step wrote before', () => {
    writeFileSync(path, 'before\n')
    const bytes = appendSummary(run([model]), path)
    expect(readFileSync(path, 'utf8')).toMatch(/^before\n## .*Pare/)
    expect(statSync(path).size).toBe(7 + bytes)
  })

  it('of ten thousand models fits the limit, with the verdict first', () => {
    appendSummary(
      run(Array.from({ length: 10_000 }, (_, index) => ({ ...model, path: `models/${'long/'.repeat(20)}${index}.onnx` }))),
      path,
    )
    expect(statSync(path).size).toBeLessThanOrEqual(MEBIBYTE)
    expect(readFileSync(path, 'utf8')).toMatch(/^## .*Pare/)
  })

  it('takes what is left, and nothing where nothing is left', () => {
    writeFileSync(path, 'x'.repeat(MEBIBYTE - 2000))
    appendSummary(run(Array.from({ length: 100 }, () => model)), path)
    expect(statSync(path).size).toBeLessThanOrEqual(MEBIBYTE)
    writeFileSync(path, 'x'.repeat(MEBIBYTE - 5))
    expect(appendSummary(run([model]), path)).toBe(0)
    expect(statSync(path).size).toBe(MEBIBYTE - 5)
  })
})

describe('a failure in the summary', () => {
  it('shows message and hint, whatever they contain', () => {
    const text = failureMarkdown(new ActionFailure('usage', 'bad ``` <img src=x>', { hint: 'do so' }))
    expect(text).toBe('## Pare: no verdict\n\n````text\nbad ``` <img src=x>\n````\n\n**What to do**\n\n```text\ndo so\n```')
  })
})
