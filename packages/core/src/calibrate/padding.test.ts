import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type Model, modelBytes, openModel, parseText, readAll, valuesOf } from '@pare/onnx'
import type { Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { weightsOf } from '../analyse/analyse.js'
import { analyseUnits } from '../analyse/analyse-units.js'
import { applyPlan } from '../apply/apply.js'
import type { Statistic } from '../contract/contract.js'
import { repair } from '../repair/repair.js'
import type { Forward } from './forward.js'
import { measure, statisticsOf } from './measure.js'
import { findPadding } from './padding.js'
import { totalOf } from './statistics/totals.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

const NEEDS = {
  squares: { at: 'input', of: (x, ops) => ops.square(x), reduce: 'mean' },
  largest: { at: 'input', of: (x, ops) => ops.abs(x), reduce: 'max' },
  spread: { at: 'output', reduce: 'variance' },
  gram: { at: 'input', reduce: 'gram' },
} satisfies Record<string, Statistic>

type Feeds = Readonly<Record<string, Tensor>>

/** One chunk, a batch for each of the feeds. */
function forwardOf(batches: readonly Feeds[], { fillsMask = false } = {}): Forward {
  const forward: Forward = async function* (model, { sums }) {
    const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
    const added: Record<string, Float64Array> = {}
    for (const [i, feeds] of batches.entries()) {
      const inputs = Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!]))
      const outputs = Object.entries(await session.run(inputs)).map(([name, { data }]) => [name, data as Float32Array] as const)
      for (const [name, data] of outputs)
        if (sums.has(name)) added[name] = Float64Array.from(data, (value, k) => Number(value) + (added[name]?.[k] ?? 0))
      const own = Object.fromEntries(outputs.filter(([name]) => !sums.has(name)))
      yield { chunk: 0, outputs: { ...own, ...(i === batches.length - 1 && added) } }
    }
  }
  return Object.assign(forward, { fillsMask })
}

const ids = (rows: readonly (readonly number[])[], length: number) =>
  new runtime.Tensor('int64', BigInt64Array.from(rows.flatMap((row) => Array.from({ length }, (_, i) => BigInt(row[i] ?? 3)))), [
    rows.length,
    length,
  ])
const maskOf = (rows: readonly (readonly number[])[], length: number) =>
  ids(
    rows.map((row) => Array.from({ length }, (_, i) => Number(i < row.length))),
    length,
  )

/** Sentences of different lengths, filled up and in one batch, and each alone. */
const SENTENCES = [
  [7, 9, 4, 11, 2],
  [5, 6],
  [8, 1, 10],
]
const feedsOf = (rows: readonly (readonly number[])[], length: number): Feeds => ({
  input_ids: ids(rows, length),
  attention_mask: maskOf(rows, length),
})
const PADDED = [feedsOf(SENTENCES, 6)]
const ALONE = SENTENCES.map((sentence) => feedsOf([sentence], sentence.length))

async function statistics(model: Model, forward: Forward, onPadding?: (values: readonly string[]) => void) {
  const weights = weightsOf(model).filter(({ uses }) => uses[0]!.node.op !== 'Gather')
  const measured = await measure(model, weights, NEEDS, { forward, onPadding })
  const totals = totalOf(measured.blocks, measured.reductions)
  return Object.fromEntries(weights.map((weight) => [weight.id, statisticsOf(weight, NEEDS, totals)]))
}

function expectSame(actual: Awaited<ReturnType<typeof statistics>>, expected: Awaited<ReturnType<typeof statistics>>): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected))
  for (const [id, stats] of Object.entries(expected)) {
    for (const key of Object.keys(NEEDS) as (keyof typeof NEEDS)[]) {
      const [a, b] = [actual[id]![key].values, stats[key].values]
      const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expect(largest(a.map((value, i) => value - b[i]!)) / largest(b), `${key} of ${id}`).toBeLessThan(1e-5)
    }
  }
}

const wave = (length: number, seed: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed))

/** Embeddings of 8 positions y, and what `body` makes of them with u. */
function network(body: string, { weight = 'float[8, 3] u', inputs = 'int64[B, S] input_ids, int64[B, S] attention_mask' } = {}) {
  return parseText(
    `g (${inputs}) => (float[A, C, D, F] z, float n) <float[12, 8] e, float[8, 8] w, ${weight}>
     { x = Gather(e, input_ids) y = MatMul(x, w) m = Cast<to = 1>(attention_mask) n = ReduceSum(m) ${body} }`,
    { e: wave(96, 1), w: wave(64, 2), u: wave(weight.startsWith('float[4') ? 12 : 24, 3) },
  )
}

/** Without three of the channels between w and u. */
async function cutChannels(model: Model) {
  const { coupled } = await analyseUnits(model)
  const { id, units } = coupled.find(({ slices }) => slices.some((slice) => slice.id === 'u'))!
  const step = { kind: 'cut', structure: 'channel', criterion: 'magnitude', scope: 'group', target: { ratio: 0.25 } } as const
  const steps = [{ ...step, groups: [{ id, units, removed: [1, 4, 6] }] }]
  return { steps, pruned: await applyPlan(model, { seed: 1, steps }) }
}

describe('statistics of a padded batch are those of its samples alone', () => {
  test('kjv-bert, whose attention looks at the mask', async () => {
    await using file = await openModel(fileURLToPath(new URL('../../../../test-models/kjv-bert.onnx', import.meta.url)))
    const unmasked: string[] = []
    const actual = await statistics(file.model, forwardOf(PADDED), (values) => unmasked.push(...values))
    expectSame(actual, await statistics(file.model, forwardOf(ALONE)))
    expect(Object.keys(actual).length).toBeGreaterThan(10)
    expect(unmasked).toEqual([])
  })

  // n only makes the mask an input that counts.
  test.each([
    ['flattened', 'float[8, 3] u', 's = Constant<value = int64[2] {-1, 8}>() r = Reshape(y, s) z = MatMul(r, u)'],
    [
      'split into heads',
      'float[4, 3] u',
      's = Constant<value = int64[4] {0, 0, 2, 4}>() r = Reshape(y, s) t = Transpose<perm = [0, 2, 1, 3]>(r) z = MatMul(t, u)',
    ],
    ['with the sequence first', 'float[8, 3] u', 't = Transpose<perm = [1, 0, 2]>(y) z = MatMul(t, u)'],
    ['as channels before positions', 'float[3, 8] u', 't = Transpose<perm = [0, 2, 1]>(y) z = MatMul(u, t)'],
  ])('%s', async (_, weight, body) => {
    const model = network(body, { weight })
    const unmasked: string[] = []
    const actual = await statistics(model, forwardOf(PADDED), (names) => unmasked.push(...names))
    expectSame(actual, await statistics(model, forwardOf(ALONE)))
    expect(unmasked).toEqual([])
  })

  test('with a mask that covers an empty cache too', async () => {
    const model = network('z = MatMul(y, u)', { inputs: 'int64[B, S] input_ids, int64[B, T] attention_mask' })
    expectSame(await statistics(model, forwardOf(PADDED)), await statistics(model, forwardOf(ALONE)))
  })

  test('of fixed sizes', async () => {
    const sized = (batch: number) =>
      network('z = MatMul(y, u)', { inputs: `int64[${batch}, 6] input_ids, int64[${batch}, 6] attention_mask` })
    const alone = await statistics(network('z = MatMul(y, u)'), forwardOf(ALONE))
    expectSame(await statistics(sized(3), forwardOf(PADDED)), alone)
    const one = forwardOf(SENTENCES.map((sentence) => feedsOf([sentence], 6)))
    expectSame(await statistics(sized(1), one), alone)
  })

  test('of a model that takes no mask, where the data have one', async () => {
    const model = parseText(
      'g (int64[B, S] input_ids) => (float[B, S, 8] y) <float[12, 8] e, float[8, 8] w> { x = Gather(e, input_ids) y = MatMul(x, w) }',
      { e: wave(96, 1), w: wave(64, 2) },
    )
    const alone = await statistics(model, forwardOf(ALONE))
    expectSame(await statistics(model, forwardOf(PADDED, { fillsMask: true })), alone)
    const counted = await statistics(model, forwardOf(PADDED))
    expect(counted.w!.squares.values[0]).not.toBeCloseTo(alone.w!.squares.values[0]!, 5)
  })

  test('in repair', async () => {
    const model = network('r = Relu(y) z = MatMul(r, u)')
    const cut = await cutChannels(model)
    const fitted = async (batches: readonly Feeds[]) => {
      const unmasked: string[] = []
      const options = {
        ...cut,
        seed: 1,
        forward: forwardOf(batches),
        onPadding: (names: readonly string[]) => unmasked.push(...names),
      }
      const { step, refit } = await repair(model, cut.pruned, options)
      expect([refit, unmasked]).toEqual([1, []])
      const { type, data } = step.tensors[0]!
      return Float64Array.from(valuesOf(type, await readAll(data)), Number)
    }
    const [padded, alone] = [await fitted(PADDED), await fitted(ALONE)]
    for (const [i, value] of alone.entries()) expect(padded[i]).toBeCloseTo(value, 4)
  })

  test('one row for each sample counts as it is', async () => {
    const model = network('f = Constant<value = int64 {0}>() p = Gather<axis = 1>(y, f) z = MatMul(p, u)')
    const unmasked: string[] = []
    const actual = await statistics(model, forwardOf(PADDED), (names) => unmasked.push(...names))
    expectSame(actual, await statistics(model, forwardOf(ALONE)))
    expect(unmasked).toEqual([])
  })

  test('a batch of which nothing counts adds nothing', async () => {
    const model = network('z = MatMul(y, u)')
    const nothing = { input_ids: ids([[1, 2]], 2), attention_mask: ids([[0, 0]], 2) }
    expectSame(await statistics(model, forwardOf([...ALONE, nothing])), await statistics(model, forwardOf(ALONE)))
  })
})

test('where positions cannot be told, all count, and it is said, but only where padding is there', async () => {
  // Read backwards.
  const model = network(
    'i = Constant<value = int64[1] {-1}>() j = Constant<value = int64[1] {-1000}>() a = Constant<value = int64[1] {1}>() r = Slice(y, i, j, a, i) z = MatMul(r, u)',
  )
  const warnings: (readonly string[])[] = []
  const actual = await statistics(model, forwardOf(PADDED), (values) => warnings.push(values))
  expect(warnings).toEqual([['r', 'z']])
  expect(actual.u!.squares.values.every(Number.isFinite)).toBe(true)
  await statistics(model, forwardOf(ALONE), (values) => warnings.push(values))
  expect(warnings).toHaveLength(1)
})

test('images beside text have no padding', async () => {
  const model = parseText(
    `g (int64[B, S] input_ids, int64[B, S] attention_mask, float[B, 3, H, W] pixels) => (float[B, S, 8] x, float[B, 4, K, L] y, float n)
     <float[12, 8] e, float[4, 3, 1, 1] w> { x = Gather(e, input_ids) y = Conv(pixels, w) m = Cast<to = 1>(attention_mask) n = ReduceSum(m) }`,
    { e: wave(96, 1), w: wave(12, 2) },
  )
  const padding = await findPadding(model, { fillsMask: false })
  expect(padding!.layoutOf('pixels', [1])).toBe('none')
  expect(padding!.layoutOf('x', [-1])).toMatchObject({ factors: ['batch', 'seq'] })
})

test('what leaves an input out is not reached by a mask because what the mask reaches leaves an output out', async () => {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
     g (int64[B, S] input_ids, int64[B, S] attention_mask, float[N, T, 3] features) => (float[B, S, 8] x, float[N, T, 3] y)
     <float[12, 8] e, float[8] scale, float most = {6}> {
       t = Gather(e, input_ids)
       x, , , s = com.microsoft.SkipSimplifiedLayerNormalization(t, t, scale)
       y = Clip(features, , most)
     }`,
    { e: wave(96, 1), scale: wave(8, 2) },
  )
  const padding = await findPadding(model, { fillsMask: false })
  expect(padding!.layoutOf('x', [-1])).toMatchObject({ factors: ['batch', 'seq'] })
  expect(padding!.layoutOf('y', [-1])).toBe('none')
})
