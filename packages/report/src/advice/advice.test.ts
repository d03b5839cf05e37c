import { describe, expect, test } from 'vitest'
import { renderHtml } from '../html.js'
import { commentMarker, renderComment, renderSummary } from '../markdown/markdown.js'
import type { ModelResult } from '../results/results.js'
import { example } from '../sample.test.data.js'
import { adviceFor } from './advice.js'
import { adviceLines } from './advice-list.js'
import { shellWord } from './shell.js'

const [failing] = example('failing').models
const situations = (model: ModelResult) => adviceFor(model).map(({ situation }) => situation)
const find = (model: ModelResult, situation: string) => adviceFor(model).find((one) => one.situation === situation)

describe('what to do about a drop that is too large', () => {
  test('is to retrain, to repair, to prune less, to spread', () => {
    // A drop of 0.003 where 0.002 is allowed, at a sparsity of 0.5: two thirds of that, 0.33, keeps the limit if the drop grows faster than the zeros.
    expect(situations(failing!)).toEqual([
      ...['too-few-samples', 'drop-too-large', 'drop-without-repair', 'prune-less', 'uneven-layers'],
    ])
    expect(find(failing!, 'prune-less')?.options).toBe('--sparsity 0.33')
    expect(find(failing!, 'too-few-samples')?.text).toMatch(/^Measure on more samples: about [\d,]+ can tell; there are 2,000\.$/)
    expect(find(failing!, 'drop-too-large')?.options).toBe('--recover retrain --train train.npz')
  })

  test('is to round on data where codes are the nearest', () => {
    const quantised = { method: 'int4', block: 64, weights: 3, elements: 9, left: [] }
    const options = (more: object) =>
      find({ ...failing!, quantised: { ...quantised, ...more } }, 'rounding-without-data')?.options
    expect(options({})).toBe('--quantise int4:block=64,rounding=gptq --calibrate inputs.npz')
    expect(options({ rounding: 'gptq' })).toBeUndefined()
    expect(options({ method: 'bf16', block: undefined })).toBeUndefined()
    const calibration = { path: 'texts.npz', sha256: '' }
    const measured = { ...failing!, calibration, quantised: { ...quantised, method: 'int8', block: undefined } }
    expect(find(measured, 'rounding-without-data')?.options).toBe('--quantise int8:rounding=gptq')
  })

  test('names the calibration data that were used, where they are one file', () => {
    const command = (path: string | undefined) =>
      find({ ...failing!, ...(path && { calibration: { path, sha256: '' } }) }, 'uneven-layers')?.command
    expect(command('data/texts.npz')).toContain('--data data/texts.npz --json')
    for (const path of [undefined, 'text.npz, code.npz:weight=3']) expect(command(path)).toContain('--data calibrate.npz --json')
  })

  test('is half as much where the drop is far from the limit', () => {
    const far = { ...failing!, drop: { ...failing!.drop!, value: 0.4 } }
    expect(find(far, 'prune-less')?.options).toBe('--sparsity 0.25')
  })

  test('after retraining is to go in steps', () => {
    const training = {
      ...{
        loss: 'cross-entropy',
        why: '',
        distilled: false,
        optimizer: 'adam',
        learningRate: 1,
        batch: 1,
        steps: 1,
        bestStep: 1,
      },
      ...{ msPerStep: 1, ended: 'finished' as const, samples: { trained: 1, heldOut: 1 }, curve: [], notes: [] },
    }
    expect(find({ ...failing!, trainings: [training] }, 'drop-after-retraining')?.options).toBe('--schedule cubic:5')
    expect(find({ ...failing!, trainings: [training] }, 'drop-too-large')).toBeUndefined()
  })
})

test('a reference that is worthless is to be measured alone', () => {
  const reasons = ['accuracy of 0.1 … To judge by it all the same, set allow-worthless-reference (in a config, …).']
  const { resolution: _, ...model } = failing!
  const one = { ...model, verdict: 'incomplete' as const, reasons }
  expect(situations(one)).toEqual(['worthless-reference'])
  expect(adviceFor(one)[0]?.command).toMatch(/^pare evaluate \S+\.onnx --data \S+ --metric accuracy$/)
})

test('limits of time, bytes and multiplications want units cut, not zeros', () => {
  const { drop: _, ...model } = failing!
  const macs = { before: 100, after: 100 }
  const latency = { ...{ relative: 1, referenceMs: 1, prunedMs: 1, threads: 1, batch: 1, executionProvider: 'cpu' } }
  const of = (limits: ModelResult['limits'], more: Partial<ModelResult> = {}) => adviceFor({ ...model, limits, ...more })
  expect(of({ maxSize: 0.5 }).at(-1)?.options).toBe('--structure channel --target bytes=0.5')
  expect(of({ maxMacs: 0.4 }, { macs }).at(-1)?.options).toBe('--structure channel --target macs=0.4')
  const slow = of({ maxLatency: 0.8 }, { latency: { ...latency, interval: [0.97, 1.03] } })
  expect(slow.map(({ situation }) => situation)).toEqual(['too-few-samples', 'too-slow'])
  const near = of({ maxLatency: 1 }, { latency: { ...latency, interval: [0.97, 1.03] } })
  expect(near.map(({ situation }) => situation)).toContain('latency-within-noise')
})

test('a pass has nothing to be done, unless a class is lost', () => {
  expect(example('passing').models.flatMap(adviceFor)).toEqual([])
  expect(situations(example('lost-class').models[0]!)).toEqual(['lost-class'])
})

test('one table: the same sentences and commands in summary, comment, page and terminal', () => {
  const results = example('failing')
  const plain = (text: string) =>
    text
      .replace(/<[^>]*>/g, '')
      .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
      .replaceAll('\u00a0', ' ')
  const texts = [renderSummary(results), renderComment(results, { marker: commentMarker('a') }), renderHtml(results)].map(plain)
  for (const { text, options, command } of adviceFor(failing!))
    for (const shown of [...texts, adviceLines(failing!).join('\n')])
      for (const part of [text, options, command]) if (part !== undefined) expect(shown).toContain(part)
})

describe('a word of a command', () => {
  test('is quoted where a shell would read more than a name in it', () => {
    expect(shellWord('models/a.onnx', 'm')).toBe('models/a.onnx')
    expect(shellWord('my model.onnx', 'm')).toBe("'my model.onnx'")
    expect(shellWord("a'; rm -rf ~ #.onnx", 'm')).toBe("'a'\\''; rm -rf ~ #.onnx'")
    expect(shellWord('$(curl evil).onnx', 'm')).toBe("'$(curl evil).onnx'")
  })

  test('stays out where it looks like an option or holds what nobody sees', () => {
    for (const word of ['--out=/etc', 'a\nrm.onnx', 'a\u202eb.onnx', '']) expect(shellWord(word, 'model.onnx')).toBe('model.onnx')
  })
})
