import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { lookAtData } from '../jobs.test.files.js'
import { sharedSamples } from './look.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pare-look-'))
  const model = parseText('g (float[N, 2] x) => (float[N, 3] y) <float[2, 3] w = {1, 0, 1, 0, 1, 1}> { y = MatMul(x, w) }')
  await writeFile(join(folder, 'm.onnx'), await modelBytes(model))
})
afterAll(() => rm(folder, { recursive: true }))

async function seen(labels: readonly number[], metrics: readonly string[] = ['accuracy']) {
  const data = join(folder, 'd.csv')
  const lines = ['x[0],x[1],label', ...labels.map((label, i) => `${i},${-i},${label}`)]
  await writeFile(data, lines.join('\n'))
  return lookAtData({ model: join(folder, 'm.onnx'), data, metrics, batch: 2 })
}

it('counts samples and labels, and times the model', async () => {
  const look = await seen([0, 1, 2, 1, 1])
  expect(look).toMatchObject({
    ...{ samples: 5, read: 5, batch: 2, output: 'y' },
    labels: [
      [1, 3],
      [0, 1],
      [2, 1],
    ],
  })
  expect(look.problem).toBeUndefined()
  expect(look.msPerSample).toBeGreaterThan(0)
})

it('finds a label that is no class wherever it stands', async () => {
  const look = await seen([0, 1, 2, 7, 1, 0, 1])
  expect(look.problem?.message).toContain('label 7 of sample 3 is not one of')
})

it('says what to do about labels that count from 1', async () => {
  expect((await seen([1, 2, 3, 1])).problem?.message).toContain(
    'They seem to count from 1: if the first output of the model is class 1, say --classes 1,2,3.',
  )
  expect((await seen([1, 2, 3, 0])).problem?.message).not.toContain('count from 1')
  expect((await seen([0.5, 1, 2, 1])).problem?.message).toContain('Labels that are fractions are targets: measure r2')
  const data = join(folder, 'd.csv')
  const look = { model: join(folder, 'm.onnx'), data, metrics: ['accuracy'], batch: 2 }
  await seen([1, 2, 3, 1])
  expect(await lookAtData({ ...look, classes: ['1', '2', '3'] })).toMatchObject({
    labels: [
      [0, 2],
      [1, 1],
      [2, 1],
    ],
  })
  expect((await lookAtData({ ...look, classes: ['1', '2', '4'] })).problem?.message).toContain(
    "labels 'label': 3 is not among the classes 1, 2, 4 (as they are said).",
  )
})

it('finds NaN in the output, and says where the output is the same whatever the input', async () => {
  await seen(Array.from({ length: 20 }, () => 0))
  const write = async (text: string) => {
    const model = join(folder, 'odd.onnx')
    await writeFile(
      model,
      await modelBytes(parseText(`g (float[N, 2] x) => (float[N, 3] y) <float[2, 3] w = {1, 0, 1, 0, 1, 1}> { ${text} }`)),
    )
    return await lookAtData({ model, data: join(folder, 'd.csv'), metrics: ['accuracy'], batch: 16 })
  }
  // Sample i is (i, −i), which gives (i, −i, 0): no root of −1 is a number.
  const look = await write('h = MatMul(x, w) y = Sqrt(h)')
  expect(look.problem?.message).toBe("output 'y' holds NaN for sample 1.")
  const same = await write('h = MatMul(x, w) z = Sub(h, h) y = Cos(z)')
  expect(same.problem).toBeUndefined()
  expect(same.doubts).toEqual([expect.stringContaining("output 'y' is the same for 16 samples, whatever the input")])
})

it('says where the model is no better than one who does not look, by the samples that it ran on', async () => {
  const data = join(folder, 'signs.csv')
  const at = async (labelOf: (sign: number, i: number) => number, count = 240, metrics = ['accuracy']) => {
    const lines = Array.from({ length: count }, (_, i) => {
      const sign = i % 2 === 0 ? 1 : -1
      return `${sign},${-sign},${labelOf(sign, i)}`
    })
    await writeFile(data, ['x[0],x[1],label', ...lines].join('\n'))
    return lookAtData({ model: join(folder, 'm.onnx'), data, metrics, batch: 16 })
  }
  // (1, −1) gives (1, −1, 0), and (−1, 1) gives (−1, 1, 0).
  expect((await at((sign) => (sign > 0 ? 0 : 1))).doubts).toEqual([])
  const shuffled = (_: number, i: number) => Math.floor(i / 2) % 2
  expect((await at(shuffled)).doubts).toEqual([
    expect.stringContaining('accuracy of 0.5 on 240 samples is no better than always answering class'),
  ])
  expect((await at(shuffled, 240, ['agreement'])).doubts).toEqual([])
  // Of metrics that are made of all samples at once.
  expect((await at(shuffled, 240, ['auc'])).doubts).toEqual([expect.stringMatching(/^auc of 0\.5 on 240 samples is n/)])
  expect((await at((sign) => (sign > 0 ? 0 : 1), 240, ['auc', 'iou'])).doubts).toEqual([])
  // What comes later may be better.
  const model = { model: join(folder, 'm.onnx'), data, metrics: ['accuracy'], batch: 16, readingMs: -1 }
  await at(shuffled)
  expect(await lookAtData(model)).toMatchObject({ read: 16, doubts: [] })
})

it('takes samples that belong together for what they tell', async () => {
  const data = join(folder, 'groups.csv')
  // 12 groups of 20 samples: all of 8 groups are right, and all of the other 4 are wrong.
  const lines = Array.from({ length: 240 }, (_, i) => {
    const [g, sign] = [Math.floor(i / 20), i % 2 === 0 ? 1 : -1]
    return `${sign},${-sign},${Number(sign > 0 === g >= 8)},${g}`
  })
  await writeFile(data, ['x[0],x[1],label,g', ...lines].join('\n'))
  const asked = { model: join(folder, 'm.onnx'), data, metrics: ['accuracy'], batch: 16 }
  expect((await lookAtData(asked)).doubts).toEqual([])
  expect((await lookAtData({ ...asked, group: 'g' })).doubts).toEqual([
    expect.stringMatching(/accuracy of 0\.6667 on 240 samples is not better beyond chance \(one-sided p = 0\.1/),
  ])
})

it('finds metrics that do not fit, and data that are not there', async () => {
  expect((await seen([0, 1], ['perplexity'])).problem?.message).toContain("metric 'perplexity'")
  const look = await lookAtData({ model: join(folder, 'm.onnx'), data: join(folder, 'none.csv'), metrics: ['accuracy'] })
  expect(look.problem?.message).toContain('none.csv')
})

it('needs no labels where nothing is measured', async () => {
  const data = join(folder, 'inputs.csv')
  await writeFile(data, 'x[0],x[1]\n1,2\n3,4\n5,6\n')
  expect(await lookAtData({ model: join(folder, 'm.onnx'), data, metrics: [] })).toMatchObject({ samples: 3, read: 3 })
})

it('tells samples again that another file holds, whatever it is written in and whatever their labels', async () => {
  const lines = (rows: readonly (readonly number[])[]) => rows.map((x) => JSON.stringify({ x, label: 0 })).join('\n')
  await writeFile(join(folder, 'a.csv'), 'x[0],x[1],label\n0,1,2\n2,3,1\n4,5,0\n6,7,0\n8,9,1\n')
  await writeFile(
    join(folder, 'b.jsonl'),
    lines([
      [1, 1],
      [6.0, 7],
      [0, 1],
      [0, 1],
    ]),
  )
  await writeFile(
    join(folder, 'c.jsonl'),
    lines([
      [1, 1],
      [3, 2],
    ]),
  )
  const look = (name: string) =>
    lookAtData({ model: join(folder, 'm.onnx'), data: join(folder, name), metrics: [], fingerprints: true })
  const [a, b, c] = [await look('a.csv'), await look('b.jsonl'), await look('c.jsonl')]
  expect([sharedSamples(a, b), sharedSamples(b, a), sharedSamples(a, c), sharedSamples(a, a)]).toEqual([2, 3, 0, 5])
})

it('tells texts again in windows of other lengths of rows', async () => {
  const model = parseText(
    'g (int64[N, T] input_ids, int64[N, T] attention_mask) => (float[N, T, 3] y) <float[9, 3] w> { y = Gather(w, input_ids) }',
    { w: new Float32Array(27) },
  )
  await writeFile(join(folder, 't.onnx'), await modelBytes(model))
  const rows = (list: readonly (readonly number[])[]) => list.map((input_ids) => JSON.stringify({ input_ids })).join('\n')
  await writeFile(
    join(folder, 'long.jsonl'),
    rows([
      [1, 2],
      [3, 4, 5, 6, 7],
    ]),
  )
  await writeFile(join(folder, 'short.jsonl'), rows([[1, 2], [1, 2, 0], [8]]))
  const look = (name: string) =>
    lookAtData({ model: join(folder, 't.onnx'), data: join(folder, name), metrics: [], fingerprints: true })
  expect(sharedSamples(await look('short.jsonl'), await look('long.jsonl'))).toBe(1)
})
