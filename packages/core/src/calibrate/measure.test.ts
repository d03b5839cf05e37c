import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type Model, modelBytes, openModel, parseText } from '@pare/onnx'
import type { Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { weightsOf } from '../analyse/analyse.js'
import type { Statistic } from '../contract/contract.js'
import type { Forward, ForwardOutput } from './forward.js'
import { type MeasuredStatistics, measure, statisticsOf } from './measure.js'
import { spread } from './spread.js'
import { CHUNK_SAMPLES, joinTotals, totalOf } from './statistics/totals.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

const NEEDS = {
  squares: { at: 'input', of: (x, ops) => ops.square(x), reduce: 'mean' },
  largest: { at: 'input', of: (x, ops) => ops.abs(x), reduce: 'max' },
  spread: { at: 'input', reduce: 'variance' },
  gram: { at: 'input', reduce: 'gram' },
  softplus: {
    at: 'input',
    of: (x, ops) => ops.log(ops.add(ops.constant(1), ops.exp(ops.tanh(x)))),
    reduce: 'mean',
  },
  near: { at: 'output', of: (x, ops) => ops.less(ops.abs(x), ops.constant(0.5)), reduce: 'mean' },
} satisfies Record<string, Statistic>

/** Runs batches of feeds, `each` samples to one, all in chunks as the contract says. */
function forwardOf(
  feeds: Record<string, { data: Float32Array; shape: number[] }>,
  each: number,
  from = 0,
  to = Infinity,
): Forward {
  return async function* (model, { sums }) {
    const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
    const samples = Object.values(feeds)[0]!.shape[0]!
    let added: Record<string, Float64Array> = {}
    for (let first = from; first < Math.min(samples, to); first += each) {
      const size = Math.min(each, samples - first)
      const inputs = Object.fromEntries(
        Object.entries(feeds).map(
          ([
            name,
            {
              data,
              shape: [, ...rest],
            },
          ]) => {
            const width = rest.reduce((a, b) => a * b, 1)
            return [name, new runtime.Tensor('float32', data.subarray(first * width, (first + size) * width), [size, ...rest])]
          },
        ),
      ) as Record<string, Tensor>
      const outputs = Object.entries(await session.run(inputs)).map(([name, { data }]) => [name, data as Float32Array] as const)
      for (const [name, data] of outputs) {
        if (sums.has(name)) added[name] = Float64Array.from(data, (value, i) => Number(value) + (added[name]?.[i] ?? 0))
      }
      const isLast = (first + size) % CHUNK_SAMPLES === 0 || first + size >= Math.min(samples, to)
      const part: ForwardOutput = {
        chunk: Math.floor(first / CHUNK_SAMPLES),
        outputs: { ...Object.fromEntries(outputs.filter(([name]) => !sums.has(name))), ...(isLast && added) },
      }
      if (isLast) added = {}
      yield part
    }
  }
}

const wave = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed) + Math.cos(i * 0.31))

/** What the formulas say of rows, in double precision. */
function byFormula(rows: number[][]) {
  const columns = rows[0]!.length
  const of = (f: (column: number) => number) => Array.from({ length: columns }, (_, c) => f(c))
  const mean = (c: number) => rows.reduce((sum, row) => sum + row[c]!, 0) / rows.length
  return {
    squares: of((c) => rows.reduce((sum, row) => sum + row[c]! ** 2, 0) / rows.length),
    largest: of((c) => Math.max(...rows.map((row) => Math.abs(row[c]!)))),
    softplus: of((c) => rows.reduce((sum, row) => sum + Math.log(1 + Math.exp(Math.tanh(row[c]!))), 0) / rows.length),
    spread: of((c) => rows.reduce((sum, row) => sum + (row[c]! - mean(c)) ** 2, 0) / rows.length),
    gram: of((a) => a).flatMap((a) => of((b) => rows.reduce((sum, row) => sum + row[a]! * row[b]!, 0) / rows.length)),
  }
}

async function statistics(model: Model, forward: Forward) {
  const weights = weightsOf(model)
  const measured = await measure(model, weights, NEEDS, { forward })
  const totals = totalOf(measured.blocks, measured.reductions)
  return Object.fromEntries(weights.map((weight) => [weight.id, statisticsOf(weight, NEEDS, totals)]))
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length)
  const scale = Math.max(...expected.map(Math.abs))
  for (const [i, value] of expected.entries()) expect(Math.abs(actual[i]! - value) / scale).toBeLessThan(1e-5)
}

describe('statistics are those of the formulas', () => {
  const x = { data: wave(40 * 3 * 4, 0), shape: [40, 3, 4] }
  const rows = Array.from({ length: 120 }, (_, r) => [...x.data.subarray(4 * r, 4 * r + 4)])

  test.each([
    ['MatMul', '<float[4, 5] w> { y = MatMul(x, w) }'],
    ['MatMul through a Transpose', '<float[5, 4] w> { t = Transpose<perm = [1, 0]>(w) y = MatMul(x, t) }'],
    ['Einsum', '<float[4, 5] w> { y = Einsum<equation = "nrd,de->nre">(x, w) }'],
    [
      'Einsum that sums over two axes',
      '<float[2, 2, 5] w, int64[4] s = {0, 3, 2, 2}> { t = Reshape(x, s) y = Einsum<equation = "nrab,abe->nre">(t, w) }',
    ],
    ['Einsum with an ellipsis, its weight first', '<float[5, 4] w> { y = Einsum<equation = "ed,...d->e...">(w, x) }'],
    ['FusedMatMul', '<float[5, 4] w> { y = com.microsoft.FusedMatMul<transB = 1, alpha = 0.5>(x, w) }'],
    ['MatMul with the weight first', '<float[5, 4] w> { t = Transpose<perm = [0, 2, 1]>(x) y = MatMul(w, t) }'],
  ])('%s', async (_, body) => {
    const model = parseText(`g (float[N, 3, 4] x) => (float[N, U, V] y) ${body}`, { w: wave(20, 5) })
    const { w } = await statistics(model, forwardOf({ x }, 8))
    const expected = byFormula(rows)
    for (const key of ['squares', 'largest', 'softplus', 'spread', 'gram'] as const) expectClose(w![key].values, expected[key])
    expect(w!.near.values.length).toBe(5)
    expect(w!.near.values.every((share) => share > 0 && share < 1)).toBe(true)
  })

  test.each([7, 12, 13, 17])('opset %i', async (opset) => {
    const model = parseText(
      `<ir_version: 7, opset_import: ["" : ${opset}]> g (float[N, 4] x) => (float[N, 5] y) <float[5, 4] w, float[5] b = {1, 2, 3, 4, 5}> { y = Gemm<transB = 1>(x, w, b) }`,
      { w: wave(20, 5) },
    )
    const { w } = await statistics(model, forwardOf({ x: { data: x.data, shape: [120, 4] } }, 16))
    const expected = byFormula(rows)
    for (const key of ['squares', 'largest', 'spread', 'gram'] as const) expectClose(w![key].values, expected[key])
  })

  test.each([
    ['MatMul', '<float[2, 4, 5] w> { y = MatMul(x, w) }', 'own'],
    ['MatMul of weights that come first', '<float[2, 5, 4] w> { t = Transpose<perm = [0, 1, 3, 2]>(x) y = MatMul(w, t) }', 'own'],
    ['Einsum', '<float[2, 4, 5] w> { y = Einsum<equation = "nhrd,hde->nhre">(x, w) }', 'own'],
    ['Einsum with rows first', '<float[2, 5, 4] w> { y = Einsum<equation = "nhrd,hed->nhre">(x, w) }', 'own'],
    [
      'MatMul, which all of them read',
      '<float[2, 4, 5] w, int64[3] s = {40, 6, 4}, int64[1] o = {1}> { r = Reshape(x, s) t = Unsqueeze(r, o) y = MatMul(t, w) }',
      'shared',
    ],
  ])('a stack of %s', async (_, body, reads) => {
    const own = { data: wave(40 * 2 * 3 * 4, 0), shape: [40, 2, 3, 4] }
    const model = parseText(
      `<ir_version: 8, opset_import: ["" : 17]> g (float[40, 2, 3, 4] x) => (float[N, T, U, V] y) ${body}`,
      { w: wave(40, 5) },
    )
    const { w } = await statistics(model, forwardOf({ x: own }, 40))
    const all = Array.from({ length: 240 }, (_, r) => [...own.data.subarray(4 * r, 4 * r + 4)])
    const each = [0, 1].map((h) => byFormula(reads === 'own' ? all.filter((_, r) => Math.floor(r / 3) % 2 === h) : all))
    for (const key of ['squares', 'largest', 'softplus', 'spread', 'gram'] as const)
      expectClose(w![key].values, [...each[0]![key], ...each[1]![key]])
    expect(w!.near.values.length).toBe(10)
  })

  test.each([1, 2])('Conv with %i groups, strides and pads', async (groups) => {
    const image = { data: wave(6 * 4 * 5 * 5, 1), shape: [6, 4, 5, 5] }
    const columns = (4 / groups) * 9
    const model = parseText(
      `g (float[N, 4, 5, 5] x) => (float[N, 6, 3, 3] y) <float[6, ${4 / groups}, 3, 3] w> { y = Conv<group = ${groups}, strides = [2, 2], pads = [1, 1, 1, 1]>(x, w) }`,
      { w: wave(6 * columns, 5) },
    )
    const { w } = await statistics(model, forwardOf({ x: image }, 2))
    const patches: number[][] = []
    const at = (n: number, c: number, i: number, j: number) =>
      i < 0 || j < 0 || i > 4 || j > 4 ? 0 : image.data[((n * 4 + c) * 5 + i) * 5 + j]!
    for (let n = 0; n < 6; n++)
      for (let i = -1; i < 5; i += 2)
        for (let j = -1; j < 5; j += 2)
          patches.push(Array.from({ length: 36 }, (_, k) => at(n, Math.floor(k / 9), i + (Math.floor(k / 3) % 3), j + (k % 3))))
    const expected = byFormula(patches)
    for (const key of ['squares', 'largest', 'spread'] as const) expectClose(w![key].values, expected[key])
    const grams = Array.from(
      { length: groups },
      (_, g) => byFormula(patches.map((row) => row.slice(g * columns, (g + 1) * columns))).gram,
    )
    expectClose(w!.gram.values, grams.flat())
  })
})

test('shards give what one run gives, bit for bit', async () => {
  const model = parseText('g (float[N, 4] x) => (float[N, 5] y) <float[4, 5] w> { y = MatMul(x, w) }', { w: wave(20, 5) })
  const x = { data: wave(1300 * 4, 2), shape: [1300, 4] }
  const weights = weightsOf(model)
  const whole = await measure(model, weights, NEEDS, { forward: forwardOf({ x }, 32) })
  const shards = await Promise.all(
    [
      [768, 1300],
      [0, 256],
      [256, 768],
    ].map(([from, to]) => measure(model, weights, NEEDS, { forward: forwardOf({ x }, 32, from, to) })),
  )
  const merged = joinTotals(
    shards.flatMap(({ blocks }) => blocks),
    whole.reductions,
  )
  expect(merged).toEqual(whole.blocks)
  expect(totalOf(merged, whole.reductions)).toEqual(totalOf(whole.blocks, whole.reductions))
})

test('what does not fit the budget is measured in several passes', async () => {
  const file = await openModel(fileURLToPath(new URL('../../../../test-models/mlp-digits.onnx', import.meta.url)))
  await using _ = file
  const [input] = file.model.graph.inputs
  const x = { data: wave(64 * 20, 3), shape: [20, ...input!.shape!.slice(1)] as number[] }
  let passes = 0
  const forward: Forward = (model, options) => {
    passes++
    return forwardOf({ [input!.name]: x }, 4)(model, options)
  }
  const needs = { gram: NEEDS.gram }
  const weights = weightsOf(file.model)
  const small = await measure(file.model, weights, needs, { forward, budgetBytes: 1 })
  expect(passes).toBe(weights.length)
  expect(small.blocks).toEqual((await measure(file.model, weights, needs, { forward })).blocks)
})

test('what was stopped in the middle of a pass is gone on with, to the same numbers', async () => {
  await using file = await openModel(fileURLToPath(new URL('../../../../test-models/mlp-digits.onnx', import.meta.url)))
  const [input] = file.model.graph.inputs
  const x = { data: wave(64 * 700, 3), shape: [700, ...input!.shape!.slice(1)] as number[] }
  const forward: Forward = (model, options) =>
    forwardOf({ [input!.name]: x }, 64, (options.from ?? 0) * CHUNK_SAMPLES)(model, options)
  const weights = weightsOf(file.model)
  const needs = { squares: NEEDS.squares, spread: NEEDS.spread }
  const kept: MeasuredStatistics[] = []
  const onChunk = (measured: MeasuredStatistics) => void kept.push(measured)
  const whole = await measure(file.model, weights, needs, { forward, budgetBytes: 1, onChunk })
  // Six passes over three chunks, of which the last is told with the pass.
  expect(kept.length).toBe(12)
  for (const before of kept) expect(await measure(file.model, weights, needs, { forward, budgetBytes: 1, before })).toEqual(whole)
  await expect(measure(file.model, weights, { squares: NEEDS.squares }, { forward, before: kept[0]! })).rejects.toThrow(
    'not what is to be measured now',
  )
})

test('NaN in what flows through the model is an error', async () => {
  const model = parseText('g (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}> { y = MatMul(x, w) }')
  const x = { data: Float32Array.of(1, NaN), shape: [1, 2] }
  await expect(measure(model, weightsOf(model), { squares: NEEDS.squares }, { forward: forwardOf({ x }, 1) })).rejects.toThrow(
    'NaN',
  )
})

test.each([1, 2])('a ConvTranspose with %i groups meets its input channels, each with all its kernel', async (group) => {
  const model = parseText(
    `g (float[N, 4, 3, 3] x) => (float[N, 6, 5, 5] y) <float[4, ${6 / group}, 3, 3] w> { y = ConvTranspose<group = ${group}>(x, w) }`,
    { w: wave(4 * (6 / group) * 9, 1) },
  )
  const x = { data: wave(5 * 36, 2), shape: [5, 4, 3, 3] }
  const [weight] = weightsOf(model)
  const measured = await measure(model, [weight!], { squares: NEEDS.squares }, { forward: forwardOf({ x }, 5) })
  const { squares } = statisticsOf(weight!, { squares: NEEDS.squares }, totalOf(measured.blocks, measured.reductions))
  const values = new Float32Array(4 * (6 / group) * 9)
  spread(weight!.rows, squares, 0, values)
  const channel = (c: number) =>
    Array.from({ length: 45 }, (_, i) => x.data[Math.floor(i / 9) * 36 + c * 9 + (i % 9)]! ** 2).reduce((a, b) => a + b) / 45
  expectClose(
    values,
    Array.from(values, (_, i) => channel(Math.floor(i / ((6 / group) * 9)))),
  )
})
