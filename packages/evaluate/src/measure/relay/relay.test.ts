import { readdirSync } from 'node:fs'
import { modelBytes, parseText } from '@pare/onnx'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { array, input, npzBytes, put, temporaryFolder } from '../../fixture.test.files.js'
import { openRelay, type RelayProcess, type RelayRequest } from '../../index.js'

const folder = temporaryFolder()
const temporary = temporaryFolder()
// What is left behind lies there.
beforeAll(() => vi.stubEnv('TMPDIR', temporary))
afterAll(() => vi.unstubAllEnvs())

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
const segments: Record<string, string> = {}
beforeAll(async () => {
  const texts = {
    first:
      'g (float[N, 2] x) => (float[N, 2] h, float[2] sum) <int64[1] axes = {0}> { h = Add(x, x) sum = ReduceSum<keepdims = 0>(h, axes) }',
    second: 'g (float[N, 2] h, float[N, 2] x) => (float[N, 2] y) { y = Add(h, x) }',
    turned: 'g (float[2, N] x) => (float[2, N] y) { y = Add(x, x) }',
    broken: 'g (float[N, 2] h) => (float[N, 3] y) <int64[2] three = {-1, 3}> { y = Reshape(h, three) }',
  }
  for (const [name, text] of Object.entries(texts))
    segments[name] = put(folder, `${name}.onnx`, await modelBytes(parseText(text)))
})

const request: RelayRequest = { name: 'm.onnx', data, inputs: [input('x', 'float32', ['N', 2])], chunk: 4, batch: 2 }
const mostSamples = async () => 8

async function partsOf(relay: RelayProcess, name: string, store: readonly string[] = [], forget: readonly string[] = []) {
  const parts: unknown[] = []
  const segment = { segment: segments[name]!, sums: ['sum'], store, forget }
  for await (const { chunk, outputs } of relay.run(segment))
    parts.push([chunk, Object.fromEntries(Object.entries(outputs).map(([key, values]) => [key, Array.from(values, Number)]))])
  return parts
}

test.each([
  ['in memory', {}],
  ['on disk', { memoryBytes: 0 }],
])('what a segment stores is there for the next: %s', async (_, more) => {
  await using relay = await openRelay({ ...request, ...more }, { mostSamples })
  expect(relay.forwarded).toEqual({ samples: 10, all: 10, leftOut: 0, batch: 2, executionProvider: 'cpu' })
  // 2 · (0 + 1 + 2 + 3) = 12, 2 · (4 + 5 + 6 + 7) = 44, 2 · (8 + 9) = 34; and twice as many as samples. Sums come at the ends of chunks.
  const sums = [
    [0, {}],
    [0, { sum: [12, 8] }],
    [1, {}],
    [1, { sum: [44, 8] }],
    [2, { sum: [34, 4] }],
  ]
  expect(await partsOf(relay, 'first', ['h'])).toEqual(sums)
  expect(relay.stored).toEqual([{ name: 'h', type: 'float32', rank: 2 }])
  // Three times the samples.
  expect((await partsOf(relay, 'second')).slice(0, 2)).toEqual([
    [0, { y: [0, 3, 3, 3] }],
    [0, { y: [6, 3, 9, 3] }],
  ])
  expect(relay.stored).toEqual([])
})

test('what is forgotten is gone', async () => {
  await using relay = await openRelay(request, { mostSamples })
  await partsOf(relay, 'first', ['h'])
  await expect(partsOf(relay, 'second', [], ['h'])).rejects.toThrow("no value 'h' of batch 0 is stored")
})

test('how many samples the whole model takes follows from shapes of one and of two', async () => {
  const asked: unknown[] = []
  const { batch: _, ...open } = request
  const most = async (shapes: unknown) => {
    asked.push(shapes)
    return 3
  }
  await using relay = await openRelay(open, { mostSamples: most })
  expect(asked).toEqual([[{ x: [1, 2] }, { x: [2, 2] }]])
  expect(relay.forwarded.batch).toBe(2)
})

test('a segment meets samples on the axis on which the model has them', async () => {
  const asked: unknown[] = []
  const most = async (shapes: unknown) => {
    asked.push(shapes)
    return 8
  }
  const { batch: _, ...open } = request
  await using relay = await openRelay({ ...open, inputs: [input('x', 'float32', [2, 'N'])], batchAxis: 1 }, { mostSamples: most })
  expect(asked).toEqual([[{ x: [2, 1] }, { x: [2, 2] }]])
  // Samples 0 to 3: their first numbers, and then their second.
  expect((await partsOf(relay, 'turned'))[0]).toEqual([0, { y: [0, 2, 4, 6, 2, 2, 2, 2] }])
})

test('only so many samples, and those that do not fill a fixed batch are left out', async () => {
  await using some = await openRelay({ ...request, to: 3 }, { mostSamples })
  expect(some.forwarded).toMatchObject({ samples: 3 })
  await using fixed = await openRelay({ ...request, inputs: [input('x', 'float32', [4, 2])] }, { mostSamples })
  expect(fixed.forwarded).toMatchObject({ samples: 8, leftOut: 2, batch: 4 })
})

describe('files', () => {
  const spilling = { ...request, memoryBytes: 0 }

  test('are gone after success', async () => {
    {
      await using relay = await openRelay(spilling, { mostSamples })
      await partsOf(relay, 'first', ['h'])
      expect(readdirSync(temporary, { recursive: true }).filter((name) => String(name).endsWith('.values'))).toHaveLength(2)
    }
    expect(readdirSync(temporary)).toEqual([])
  })

  test('are gone after a failure, which names the samples', async () => {
    const relay = await openRelay({ ...spilling, to: 4 }, { mostSamples })
    await partsOf(relay, 'first', ['h'])
    await expect(partsOf(relay, 'broken')).rejects.toThrow('m.onnx: ONNX Runtime fails on samples 0 to 1')
    expect(readdirSync(temporary)).toEqual([])
    await relay[Symbol.asyncDispose]()
  })

  test('are gone after an abort', async () => {
    const controller = new AbortController()
    const relay = await openRelay(spilling, { mostSamples, signal: controller.signal })
    await partsOf(relay, 'first', ['h'])
    const running = partsOf(relay, 'second')
    controller.abort(new Error('stopped'))
    await expect(running).rejects.toThrow('stopped')
    expect(readdirSync(temporary)).toEqual([])
  })
})

test('data that do not fit the inputs are an error from the start', async () => {
  await expect(openRelay({ ...request, inputs: [input('z', 'int64', ['N', 'M', 4])] }, { mostSamples })).rejects.toThrow(/'z'/)
})
