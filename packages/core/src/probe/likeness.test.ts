import { createRequire } from 'node:module'
import { withSumOutputs } from '@pare/axes'
import { editGraph, editModel, type Model, makeNode, makeValueInfo, modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { analyseUnits } from '../analyse/analyse-units.js'
import { fused } from '../apply/decoders.test.data.js'
import type { Forward } from '../calibrate/forward.js'
import { meanLikeness } from './likeness.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

/** Runs each batch as a chunk of its own. */
const over = (batches: readonly { readonly data: readonly number[]; readonly shape: readonly number[] }[]): Forward =>
  async function* (model: Model) {
    const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
    for (const [chunk, { data, shape }] of batches.entries()) {
      const results = await session.run({ x: new runtime.Tensor('float32', [...data], shape) })
      yield {
        chunk,
        outputs: Object.fromEntries(Object.entries(results).map(([name, each]) => [name, each.data as Float32Array])),
      }
    }
  }

// Turns by a right angle: (1, 0) → (0, 1).
const turning = (opset: number) =>
  parseText(
    `<ir_version: 7, opset_import: ["" : ${opset}]> g (float[N, S, 2] x) => (float[N, S, 2] z) <float[2, 2] w = {0, 1, -1, 0}> { y = MatMul(x, w) z = Add(x, y) }`,
  )

test.each([12, 13, 18])('cosines and angles by hand, opset %i', async (opset) => {
  const forward = over([
    { data: [1, 0, 0, 2], shape: [1, 2, 2] },
    { data: [3, 4], shape: [1, 1, 2] },
  ])
  const of = (likeness: Parameters<typeof meanLikeness>[1]['likeness']) =>
    meanLikeness(
      turning(opset),
      {
        pairs: [
          ['x', 'y'],
          ['x', 'z'],
          ['x', 'x'],
        ],
        likeness,
      },
      forward,
    )
  const [right, half, same] = await of({ of: 'cosine', rows: 'all' })
  // x + y is x turned by 45°.
  expect(right).toBeCloseTo(0, 6)
  expect(half).toBeCloseTo(Math.SQRT1_2, 6)
  expect(same).toBeCloseTo(1, 6)
  const angles = await of({ of: 'angle', rows: 'last' })
  for (const [i, expected] of [0.5, 0.25, 0].entries()) expect(angles[i]).toBeCloseTo(expected, 3)
})

test('the last position only', async () => {
  // y = |x|: at the first position the opposite, at the last the same.
  const model = parseText('g (float[N, S, 2] x) => (float[N, S, 2] y) { y = Abs(x) }')
  const forward = over([{ data: [-1, -1, 2, 3], shape: [1, 2, 2] }])
  const pairs = [['x', 'y']] as const
  expect((await meanLikeness(model, { pairs, likeness: { of: 'cosine', rows: 'all' } }, forward))[0]).toBeCloseTo(0, 6)
  expect((await meanLikeness(model, { pairs, likeness: { of: 'cosine', rows: 'last' } }, forward))[0]).toBeCloseTo(1, 6)
})

test('images are compared along the channels', async () => {
  // Two channels change places. At one pixel they hold 1 and 0, at the other 1 and 1.
  const model = parseText(
    'g (float[N, 2, 1, 2] x) => (float[N, 2, 1, 2] y) <float[2, 2, 1, 1] w = {0, 1, 1, 0}> { y = Conv(x, w) }',
  )
  const forward = over([{ data: [1, 1, 0, 1], shape: [1, 2, 1, 2] }])
  const [cosine] = await meanLikeness(model, { pairs: [['x', 'y']], likeness: { of: 'cosine', rows: 'all' } }, forward)
  expect(cosine).toBeCloseTo(0.5, 6)
  const last = meanLikeness(model, { pairs: [['x', 'y']], likeness: { of: 'angle', rows: 'last' } }, forward)
  await expect(last).rejects.toThrow("'x' has no last position: it has 4 axes")
})

test('the sum inside a fused normalisation is compared as any other value', async () => {
  const model = fused()
  const { blocks } = await analyseUnits(model)
  const pairs = blocks[0]!.blocks.map(({ from, to }) => [from, to] as const)
  expect(pairs.flat().some((name) => !model.graph.nodes.some(({ outputs }) => outputs.includes(name)))).toBe(true)
  const names = [...new Set(pairs.flat())]
  const feeds = {
    ids: new runtime.Tensor('int64', BigInt64Array.from([3n, 10n, 17n]), [1, 3]),
    lengths: new runtime.Tensor('int32', Int32Array.of(2), [1]),
    total: new runtime.Tensor('int32', Int32Array.of(3), [1]),
  }
  const run = async (each: Model) => {
    const session = await runtime.InferenceSession.create(await modelBytes(each), { logSeverityLevel: 3 })
    const past = each.graph.inputs.flatMap(({ name, shape }) =>
      name.startsWith('past')
        ? [[name, new runtime.Tensor('float32', [], [1, Number(shape![1]), 0, Number(shape![3])])] as const]
        : [],
    )
    const inputs = { ...feeds, ...Object.fromEntries(past) }
    const results = await session.run(
      Object.fromEntries(Object.entries(inputs).filter(([name]) => session.inputNames.includes(name))),
    )
    return Object.fromEntries(Object.entries(results).map(([name, each]) => [name, each.data as Float32Array]))
  }
  // The sums given as outputs, and the cosines of their rows by the formula.
  const shown = editGraph(model.graph, {
    nodes: withSumOutputs([...model.graph.nodes, ...names.map(copied)]),
    outputs: names.map(shownAs),
  })
  const values = await run(editModel(model, { graph: shown }))
  const expected = pairs.map(([from, to]) => {
    const [a, b] = [values[`${from}/shown`]!, values[`${to}/shown`]!]
    const width = a.length / 3
    const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0)
    const rows = [0, 1, 2].map((r) => [a.subarray(r * width, (r + 1) * width), b.subarray(r * width, (r + 1) * width)] as const)
    return rows.reduce((sum, [x, y]) => sum + dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y)), 0) / 3
  })
  const forward: Forward = async function* (each) {
    yield { chunk: 0, outputs: await run(each) }
  }
  const actual = await meanLikeness(model, { pairs, likeness: { of: 'cosine', rows: 'all' } }, forward)
  for (const [i, cosine] of expected.entries()) expect(actual[i]).toBeCloseTo(cosine, 5)
})

const copied = (name: string) => makeNode({ op: 'Identity', inputs: [name], outputs: [`${name}/shown`] })
const shownAs = (name: string) => makeValueInfo({ name: `${name}/shown` })

test('NaN is told', async () => {
  const forward = over([{ data: [Number.NaN, 0], shape: [1, 1, 2] }])
  const likeness = { of: 'cosine', rows: 'all' } as const
  await expect(meanLikeness(turning(18), { pairs: [['x', 'y']], likeness }, forward)).rejects.toThrow('they hold NaN')
})

test('padding is not compared, and the last position is the last one that counts', async () => {
  // Embeddings (1, 0), (0, 1), (1, 1); y turns them by nothing, a right angle and half of one.
  const model = parseText(
    `g (int64[N, S] input_ids, int64[N, S] attention_mask) => (float[N, S, 2] y, float n) <float[3, 2] e = {1, 0, 0, 1, 1, 1}, float[3, 2] f = {1, 0, 1, 0, 1, 0}>
     { x = Gather(e, input_ids) y = Gather(f, input_ids) m = Cast<to = 1>(attention_mask) n = ReduceSum(m) }`,
  )
  const forward: Forward = async function* (measuring) {
    const session = await runtime.InferenceSession.create(await modelBytes(measuring), { logSeverityLevel: 3 })
    const feeds = {
      input_ids: new runtime.Tensor('int64', BigInt64Array.of(0n, 1n, 2n, 0n, 1n, 1n), [2, 3]),
      attention_mask: new runtime.Tensor('int64', BigInt64Array.of(1n, 1n, 0n, 1n, 0n, 0n), [2, 3]),
    }
    const results = await session.run(feeds)
    yield {
      chunk: 0,
      outputs: Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array])),
    }
  }
  const pairs = [['x', 'y']] as const
  const mean = (rows: 'all' | 'last') => meanLikeness(model, { pairs, likeness: { of: 'cosine', rows } }, forward)
  // Of the first sample 1 and 0, of the second 1.
  expect((await mean('all'))[0]).toBeCloseTo(2 / 3, 6)
  expect((await mean('last'))[0]).toBeCloseTo(1 / 2, 6)
})
