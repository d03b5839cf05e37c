import { createRequire } from 'node:module'
import { editGraph, editModel, editTensor, type Model, makePayload, parseText, readAll } from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Statistic } from '../contract/contract.js'
import type { Forward } from './forward.js'
import { wave } from './forward.test.support.js'
import { type Level, openLevels } from './levels.js'
import { measureSites } from './measure.js'
import { type Feeds, floats, type RelayLog, relayOver, wholeOver } from './relay.test.support.js'
import { finished } from './statistics/totals.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

const MEAN: Statistic = { at: 'input', reduce: 'mean' }

/** The model with these constants doubled. */
async function doubled(model: Model, names: readonly string[]): Promise<Model> {
  const tensors = model.graph.initializers.map(async (tensor) => {
    if (!names.includes(tensor.name)) return tensor
    const values = new Float32Array((await readAll(tensor.data)).slice().buffer).map((value) => 2 * value)
    return editTensor(tensor, { data: makePayload(new Uint8Array(values.buffer)) })
  })
  return editModel(model, { graph: editGraph(model.graph, { initializers: await Promise.all(tensors) }) })
}

/** Means of what is read at each level, with the constants of the levels before doubled. */
async function meansOf(model: Model, levels: readonly Level[], forward: Forward, times = 1): Promise<number[][][]> {
  await using runs = await openLevels(forward, { model, levels })
  const means: number[][][] = []
  let current = model
  for (const [i, { reads, changes }] of levels.entries()) {
    const requests = reads.map((value) => ({ site: { value, axes: [-1] }, statistic: MEAN, bytes: 0 }))
    for (let time = 0; time < times; time++) {
      const totals = await measureSites(current, requests, runs.at(i))
      means.push([...totals.values()].map((total) => [...finished('mean', total)]))
    }
    current = await doubled(current, changes)
  }
  return means
}

const newLog = (): RelayLog => ({ ran: [], most: 0, open: 0 })
const close = (means: readonly (readonly (readonly number[])[])[]) =>
  means.map((level) => level.map((values) => values.map((value) => expect.closeTo(value, 4))))

/** Batches of rows [size, 3]. */
const rows = (...sizes: readonly number[]): Feeds[] => sizes.map((size, i) => ({ x: floats(wave(size * 3, i), [size, 3]) }))

describe('three products behind each other, with a residual over all of them', () => {
  const model = parseText(
    `g (float[N, 3] x) => (float[N, 3] y) <float[3, 3] a, float[3, 3] b, float[3, 3] c>
     { h = MatMul(x, a) i = Relu(h) j = MatMul(i, b) k = Relu(j) l = MatMul(k, c) m = Add(l, x) y = Add(m, h) }`,
    { a: wave(9, 1), b: wave(9, 2), c: wave(9, 3) },
  )
  const levels = [
    { reads: ['x'], changes: ['a'] },
    { reads: ['i'], changes: ['b'] },
    { reads: ['k'], changes: ['c'] },
    { reads: ['y'], changes: [] },
  ]

  test('each runs once, and only what is read later is stored', async () => {
    const log = newLog()
    const means = await meansOf(model, levels, relayOver(rows(4, 2), log))
    expect(means).toEqual(close(await meansOf(model, levels, wholeOver(rows(4, 2)))))
    const own = log.ran.map((ops) => ops.filter((op) => /^(MatMul|Relu|Add)$/.test(op)))
    expect(own).toEqual([[], ['MatMul', 'Relu'], ['MatMul', 'Relu'], ['MatMul', 'Add', 'Add']])
    // h, i and k, until the level that reads i is left.
    expect([log.most, log.open]).toEqual([3, 0])
  })

  test('a level that is measured twice runs what it needs from what is stored', async () => {
    const log = newLog()
    const means = await meansOf(model, levels, relayOver(rows(4, 2), log), 2)
    expect(means).toEqual(close(await meansOf(model, levels, wholeOver(rows(4, 2)), 2)))
    expect(log.ran.map((ops) => ops.filter((op) => op === 'MatMul').length)).toEqual([0, 0, 1, 0, 1, 0, 1, 1])
  })

  test('what is stored goes when a level fails', async () => {
    const log = newLog()
    const broken = [
      { ...levels[0]!, reads: ['x', 'h'] },
      { reads: ['nowhere'], changes: [] },
    ]
    await expect(meansOf(model, broken, relayOver(rows(4), log))).rejects.toThrow("'nowhere'")
    expect(log.open).toBe(0)
  })
})

test.each([
  [
    'batches of other lengths, a mask that all levels read, and sizes that are computed',
    `g (float[N, S, 3] x, float[N, S] mask) => (float[N, S, 3] y) <float[3, 3] a, float[3, 3] b, int64[1] last = {-1}, int64[1] three = {3}>
     { m = Unsqueeze(mask, last) s = Shape(x) n = Mul(x, m) h = MatMul(n, a) t = Mul(h, m) f = Reshape(t, flat)
       i = MatMul(f, b) j = Reshape(i, s) y = Mul(j, m) }`.replace('Shape(x)', 'Shape(x) flat = Concat<axis = 0>(last, three)'),
    [
      { x: floats(wave(2 * 4 * 3, 1), [2, 4, 3]), mask: floats([1, 1, 1, 0, 1, 1, 0, 0], [2, 4]) },
      { x: floats(wave(1 * 2 * 3, 2), [1, 2, 3]), mask: floats([1, 0], [1, 2]) },
    ],
    ['n', 'f', 'y'],
  ],
  [
    'a sequence, which cannot be stored',
    `g (float[N, 3] x) => (float[N, 3] y) <float[3, 3] a, float[3, 3] b, int64 zero = {0}, int64 one = {1}, int64[2] flat = {3, 3}>
     { q = SequenceConstruct(x, x) h = MatMul(x, a) p = SequenceAt(q, one) e = Reshape(p, flat) i = Add(h, e) j = MatMul(i, b) o = SequenceAt(q, zero) f = Reshape(o, flat) y = Add(j, f) }`,
    rows(3),
    ['x', 'i', 'y'],
  ],
  [
    'a branch that reads from around it',
    `g (float[N, 3] x) => (float[N, 3] y) <float[3, 3] a, float[3, 3] b, bool yes = {1}>
     { h = MatMul(x, a) r = Relu(x)
       i = If(yes) <then_branch = t () => (float[N, 3] p) { p = Add(h, r) }, else_branch = e () => (float[N, 3] q) { q = Neg(h) }>
       j = MatMul(i, b) y = Add(j, r) }`,
    rows(3, 2),
    ['x', 'i', 'y'],
  ],
  [
    'weights that are computed from constants, in each segment that reads them',
    `g (float[N, 3] x) => (float[N, 3] y) <float[3, 3] a, float[3, 3] b, float two = {2}>
     { u = Mul(a, two) h = MatMul(x, u) i = Relu(h) v = Mul(b, u) j = MatMul(i, v) y = MatMul(j, u) }`,
    rows(3, 2),
    ['x', 'i', 'y'],
  ],
  [
    'a node of which one output is stored and another is read first later',
    `g (float[N, 4] z) => (float[N, 2] y) <float[2, 2] a, float[2, 2] b, int64[2] halves = {2, 2}>
     { x, w = Split<axis = 1>(z, halves) h = MatMul(x, a) i = Relu(h) j = MatMul(i, b) y = Add(j, w) }`,
    [{ z: floats(wave(12, 1), [3, 4]) }],
    ['x', 'i', 'y'],
  ],
])('%s', async (_, text, batches, [first, second, last]) => {
  const square = text.includes('float[2, 2] a') ? 4 : 9
  const model = parseText(text, { a: wave(square, 1), b: wave(square, 2) })
  const levels = [
    { reads: [first!], changes: ['a'] },
    { reads: [second!], changes: ['b'] },
    { reads: [last!], changes: [] },
  ]
  const means = await meansOf(model, levels, relayOver(batches))
  expect(means).toEqual(close(await meansOf(model, levels, wholeOver(batches))))
})

/** A chain in which each product reads the sum of some values before it. */
const chains = fc.array(fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 7 })

test('whatever reads whatever, and however products are put together to levels', async () => {
  await fc.assert(
    fc.asyncProperty(chains, fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }), async (reads, ends) => {
      const nodes = reads.flatMap((from, i) => {
        const sum = from.map((k) => `v${k % (i + 1)}`)
        const added = sum.slice(1).map((name, k) => `s${i}_${k + 1} = Add(s${i}_${k}, ${name})`)
        const last = `s${i}_${sum.length - 1}`
        return [`s${i}_0 = Relu(${sum[0]})`, ...added, `p${i} = MatMul(${last}, w${i})`, `v${i + 1} = Tanh(p${i})`]
      })
      const weights = reads.map((_, i) => `float[3, 3] w${i}`)
      const text = `g (float[N, 3] v0) => (float[N, 3] v${reads.length}) <${weights}> { ${nodes.join(' ')} }`
      const values = Object.fromEntries(reads.map((_, i) => [`w${i}`, wave(9, i).map((value) => value / 4)]))
      const model = parseText(text, values)
      const levels: { reads: string[]; changes: string[] }[] = [{ reads: [], changes: [] }]
      for (const [i, from] of reads.entries()) {
        levels.at(-1)!.reads.push(`s${i}_${from.length - 1}`)
        levels.at(-1)!.changes.push(`w${i}`)
        if (ends[i] && i + 1 < reads.length) levels.push({ reads: [], changes: [] })
      }
      const batches = [{ v0: floats(wave(12, 3), [4, 3]) }, { v0: floats(wave(3, 4), [1, 3]) }]
      const log = newLog()
      const means = await meansOf(model, levels, relayOver(batches, log))
      expect(means).toEqual(close(await meansOf(model, levels, wholeOver(batches))))
      // Levels of one product each meet it once.
      if (ends.every(Boolean)) expect(log.ran.flat().filter((op) => op === 'MatMul').length).toBeLessThanOrEqual(reads.length)
    }),
    { numRuns: 40 },
  )
})

test('queries, keys and values in one value keep their width where they are stored: ONNX Runtime cannot tell it', async () => {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    g (float[N, 2, 4] x, float[N, 1, P, 8] p, int32[N] l, int32[] t) => (float[N, 2, 4] y) <float[4, 24] a, float[8, 4] b> {
      q = MatMul(x, a)
      c, k, v = com.microsoft.GroupQueryAttention <num_heads: int = 1, kv_num_heads: int = 1> (q, , , p, p, l, t)
      y = MatMul(c, b)
    }`,
    { a: wave(96, 1), b: wave(32, 2) },
  )
  const integers = (values: number[], shape: number[]) => new runtime.Tensor('int32', Int32Array.from(values), shape)
  const feeds: Feeds[] = [
    { x: floats(wave(24, 1), [3, 2, 4]), p: floats([], [3, 1, 0, 8]), l: integers([1, 1, 1], [3]), t: integers([2], []) },
  ]
  const levels = [
    { reads: ['q'], changes: [] },
    { reads: ['c'], changes: ['b'] },
    { reads: ['y'], changes: [] },
  ]
  expect(await meansOf(model, levels, relayOver(feeds))).toEqual(close(await meansOf(model, levels, wholeOver(feeds))))
})
