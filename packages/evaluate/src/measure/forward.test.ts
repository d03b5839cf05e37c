import { modelBytes, parseText } from '@pare/onnx'
import { beforeAll, describe, expect, test } from 'vitest'
import { array, npzBytes, put, temporaryFolder } from '../fixture.test.files.js'
import { forwardModel } from '../index.js'
import type { ForwardPart, ForwardRequest, ForwardResult } from './forward.js'

const folder = temporaryFolder()
/** Sample i is (i, 1). */
const data = put(
  folder,
  'data.npz',
  npzBytes({
    x: array(
      'float32',
      [10, 2],
      Array.from({ length: 20 }, (_, e) => (e % 2 === 0 ? e / 2 : 1)),
    ),
  }),
)
const text = (batch: string) =>
  `g (float[${batch}, 2] x) => (float[2] sum, float[${batch}, 2] twice) <float two = {2}> { sum = ReduceSum<keepdims = 0>(x, axes) twice = Mul(x, two) }`.replace(
    '<float two',
    '<int64[1] axes = {0}, float two',
  )
const models: Record<string, string> = {}
beforeAll(async () => {
  for (const batch of ['N', '4', '3']) models[batch] = put(folder, `${batch}.onnx`, await modelBytes(parseText(text(batch))))
})

async function run(request: Partial<ForwardRequest> & { batchOf?: string } = {}) {
  const { batchOf = 'N', ...rest } = request
  const parts: ForwardPart[] = []
  let result: Partial<ForwardResult> = {}
  const onEnd = (outcome: ForwardResult) => {
    result = outcome
  }
  for await (const part of forwardModel({ model: models[batchOf]!, data, sums: ['sum'], chunk: 4, ...rest }, { onEnd }))
    parts.push(part)
  const chunks = parts.map(({ chunk, outputs: { sum, twice } }) => ({
    chunk,
    samples: twice && twice.length / 2,
    sum: sum && Array.from(sum, Number),
  }))
  return { result, chunks }
}

test('sums come with the last batch of a chunk, other outputs with each', async () => {
  const { result, chunks } = await run({ batch: 2 })
  // 0 + 1 + 2 + 3 = 6, 4 + 5 + 6 + 7 = 22, 8 + 9 = 17.
  expect(chunks).toEqual([
    { chunk: 0, samples: 2, sum: undefined },
    { chunk: 0, samples: 2, sum: [6, 4] },
    { chunk: 1, samples: 2, sum: undefined },
    { chunk: 1, samples: 2, sum: [22, 4] },
    { chunk: 2, samples: 2, sum: [17, 2] },
  ])
  expect(result).toMatchObject({ samples: 10, all: 10, leftOut: 0, batch: 2, executionProvider: 'cpu' })
})

test('a batch is a power of two, and lies in one chunk', async () => {
  expect((await run({ batch: 3 })).result.batch).toBe(2)
  expect((await run({ batch: 64 })).result.batch).toBe(4)
  expect((await run()).result.batch).toBe(4)
})

test('from and to say which samples run', async () => {
  const { result, chunks } = await run({ from: 4, to: 9 })
  expect(chunks).toEqual([
    { chunk: 1, samples: 4, sum: [22, 4] },
    { chunk: 2, samples: 1, sum: [8, 1] },
  ])
  expect(result).toMatchObject({ samples: 5, all: 9 })
})

describe('shards end where chunks do', () => {
  test.each([
    [{ index: 1, count: 2 }, [[0, [6, 4]]]],
    [
      { index: 2, count: 2 },
      [
        [1, [22, 4]],
        [2, [17, 2]],
      ],
    ],
    [{ index: 3, count: 3 }, [[2, [17, 2]]]],
  ])('%j', async (shard, expected) => {
    const { result, chunks } = await run({ shard })
    expect(chunks.map(({ chunk, sum }) => [chunk, sum])).toEqual(expected)
    expect(result.all).toBe(10)
  })

  test('more shards than chunks are refused', async () => {
    await expect(run({ shard: { index: 1, count: 4 } })).rejects.toThrow('10 samples are 3 chunks of 4, too few for 4 shards')
    await expect(run({ chunk: 16, shard: { index: 1, count: 2 } })).rejects.toThrow(
      '10 samples are 1 chunk of 16, too few for 2 shards',
    )
  })
})

describe('a model whose batch is fixed', () => {
  test('leaves out the samples that do not fill it, and says how many', async () => {
    const { result, chunks } = await run({ batchOf: '4' })
    expect(chunks.map(({ sum }) => sum)).toEqual([
      [6, 4],
      [22, 4],
    ])
    expect(result).toMatchObject({ samples: 8, leftOut: 2, batch: 4 })
  })

  test('is refused where no chunk is made of whole batches', async () => {
    await expect(run({ batchOf: '3' })).rejects.toThrow('batch is fixed to 3, which does not divide the 4 samples')
  })
})
