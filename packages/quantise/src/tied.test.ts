import { type Model, modelBytes, parseText } from '@pare/onnx'
import runtime from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import type { Quantiser } from './choices.js'
import { quantise } from './quantise.js'

/** Repeatable numbers around 0. */
const numbers = (count: number, salt: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(7.3 * i + salt) * (1 + (i % 5)))

const ROWS = 120

/** Rows of a table, and products with the same table: behind a Transpose, as optimum writes heads that share it, twice, and as Gemm. */
const HEADS = {
  'behind a Transpose': 't = Transpose<perm = [1, 0]>(table) y = MatMul(h, t)',
  'behind a Transpose, for two heads': 't = Transpose<perm = [1, 0]>(table) a = MatMul(h, t) b = MatMul(e, t) y = Add(a, b)',
  'as Gemm': 'y = Gemm<transB = 1>(h, table)',
} as const

function network(head: string, columns = 64): Model {
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     network (int64[N] ids) => (float[N, ${columns}] e, float[N, ${ROWS}] y) <float[${ROWS}, ${columns}] table> { e = Gather(table, ids) h = Tanh(e) ${head} }`,
    { table: numbers(ROWS * columns, 1) },
  )
}

/** The same, all in float16. */
function halves(): Model {
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     network (int64[N] ids) => (float[N, 64] e, float[N, ${ROWS}] y) <float16[${ROWS}, 64] table> { r = Gather(table, ids) e = Cast<to = 1>(r) h = Tanh(r) t = Transpose<perm = [1, 0]>(table) p = MatMul(h, t) y = Cast<to = 1>(p) }`,
    { table: numbers(ROWS * 64, 1) },
  )
}

async function run(model: Model, graphOptimizationLevel: 'all' | 'disabled' = 'all') {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3, graphOptimizationLevel })
  const ids = BigInt64Array.from([0n, 7n, 119n, 12n])
  const { e, y } = await session.run({ ids: new runtime.Tensor('int64', ids, [4]) })
  await session.release()
  return [e!, y!].map(({ data }) => Float64Array.from(data as Float32Array)) as [Float64Array, Float64Array]
}

/** Largest difference ÷ largest number. */
function apart(a: Float64Array, b: Float64Array): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) / Math.max(...a.map(Math.abs))
}

const BYTES = { int8: 1.1, 'int8-weights': 1.2, int4: 0.7 } as const

describe.each(Object.entries(HEADS))('a table that is multiplied with, too, %s', (_, head) => {
  test.each([
    'int8',
    'int8-weights',
    'int4',
  ] as const)('%s: one table of codes for both, and outputs near those of floats', async (method) => {
    const model = network(head)
    const { model: quantised, step } = await quantise(model, { method })
    expect(step).toMatchObject({ weights: [{ id: 'table', form: 'tied' }], left: [] })
    const bytes = quantised.graph.initializers.reduce((sum, { data }) => sum + data.byteLength, 0)
    expect(bytes).toBeLessThan(BYTES[method] * ROWS * 64)
    const [expected, actual, plain] = [await run(model), await run(quantised), await run(quantised, 'disabled')]
    const tolerance = method === 'int4' ? 0.12 : 0.03
    for (const i of [0, 1] as const) {
      expect(apart(expected[i], actual[i])).toBeLessThan(tolerance)
      expect(apart(expected[i], actual[i])).toBeGreaterThan(0)
      expect(apart(actual[i], plain[i])).toBeLessThan(0.01)
    }
  })
})

test.each<[Quantiser, number]>([
  ['int4', 0.12],
  ['int8', 0.03],
])('halves are given %s, too', async (method, tolerance) => {
  const model = halves()
  const { model: quantised, step } = await quantise(model, { method })
  expect(step.weights).toMatchObject([{ id: 'table', form: 'tied' }])
  const [expected, actual] = [await run(model), await run(quantised)]
  for (const i of [0, 1] as const) expect(apart(expected[i], actual[i])).toBeLessThan(tolerance)
})

test('rows that are no whole blocks are stored in 8 bits', async () => {
  const model = network(HEADS['as Gemm'], 40)
  const { model: quantised, step } = await quantise(model, { method: 'int4' })
  expect(step.weights).toMatchObject([{ form: 'stored' }])
  expect(apart((await run(model))[1], (await run(quantised))[1])).toBeLessThan(0.03)
})

test('a Transpose that something else reads, too, is not looked through', async () => {
  const model = network('t = Transpose<perm = [1, 0]>(table) a = MatMul(h, t) s = ReduceSum<keepdims = 0>(t) y = Add(a, s)')
  const { step } = await quantise(model, { method: 'int4' })
  expect(step.weights).toEqual([])
  expect(step.left).toMatchObject([{ id: 'table' }])
})
