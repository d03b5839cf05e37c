import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { lookAtData } from './evaluate.js'

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
