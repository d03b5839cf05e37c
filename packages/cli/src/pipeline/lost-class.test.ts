import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

/** Three features, one for each class; the third has the smallest weight, so it goes first, and with it all 9 of 209 samples of class 2. */
async function minorityFolder() {
  const folder = await fixture()
  const model = parseText(
    '<ir_version: 8, opset_import: ["" : 17]> m (float[N, 3] x) => (float[N, 3] y) <float[3, 3] w> { y = MatMul(x, w) }',
    { w: Float32Array.of(5, 0, 0, 0, 5, 0, 0, 0, 0.5) },
  )
  await writeFile(join(folder.path, 'minor.onnx'), await modelBytes(model))
  const sample = (label: number, i: number) => ({ id: `s${label}-${i}`, x: [0, 1, 2].map((at) => Number(at === label)), label })
  const rows = [100, 100, 9].flatMap((count, label) => Array.from({ length: count }, (_, i) => sample(label, i)))
  await writeFile(join(folder.path, 'minor.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'))
  return folder
}

const argv = [
  'run',
  'minor.onnx',
  '--data',
  'minor.jsonl',
  '--metric',
  'accuracy',
  '--max-drop',
  '0.05',
  '--sparsity',
  '0.78',
  '--out',
  'out',
]
const SENTENCE = 'Class 2 is lost: all 9 samples were answered rightly before pruning, none is now.'

describe('a model that passes and loses a class', () => {
  it('has it named in terminal, results, summary and report, with the samples and what to do', async () => {
    await using folder = await minorityFolder()
    const { stdout, exitCode } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(0)
    const read = (file: string) => readFile(join(folder.path, 'out', file), 'utf8')
    for (const text of [stdout, await read('summary.md'), await read('report.html')]) expect(text).toContain(SENTENCE)
    const { models, source } = JSON.parse(await read('results.json'))
    expect(source).toBeUndefined()
    expect(models[0]).toMatchObject({
      verdict: 'pass',
      findings: [SENTENCE],
      changed: { lost: 9, gained: 0 },
      advice: [{ situation: 'lost-class' }],
    })
    expect(models[0].classes[2]).toMatchObject({ name: '2', samples: 9, right: { before: 9, after: 0 } })
    expect(models[0].changed.samples[0]).toEqual({ id: 's2-0', label: '2', before: '2', after: '0' })
    const again = await pare(['report', 'out/results.json'], { cwd: folder.path })
    expect(again.stdout).toContain(SENTENCE)
    expect(again.stdout).toContain('what to do now')
  })
})
