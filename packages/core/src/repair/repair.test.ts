import { createRequire } from 'node:module'
import { type Model, modelBytes, parseText, readAll, sha256, valuesOf } from '@pare/onnx'
import type { Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { analyseUnits } from '../analyse/analyse-units.js'
import { applyPlan } from '../apply/apply.js'
import type { Forward } from '../calibrate/forward.js'
import { floats, relayOver } from '../calibrate/relay.test.support.js'
import type { CutStep, MaskStep, PlanStep } from '../plan/plan.js'
import { formatPlan, parsePlan, planOf, planPayloads } from '../plan/plan-file.js'
import { repair } from './repair.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')
const seed = 1

type Data = Readonly<Record<string, { readonly data: Float32Array; readonly shape: readonly number[] }>>

/** Runs all samples in one batch, segment by segment. */
function forwardOver(data: Data): Forward {
  const isEmpty = Object.values(data)[0]!.shape[0] === 0
  const feeds = Object.entries(data).map(([name, { data: values, shape }]) => [name, floats(values, shape)] as const)
  return relayOver(isEmpty ? [] : [Object.fromEntries(feeds)])
}

async function outputsOf(model: Model, data: Data): Promise<Record<string, ArrayLike<number>>> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const feeds = Object.fromEntries(
    session.inputNames.map((name) => [name, new runtime.Tensor('float32', data[name]!.data, [...data[name]!.shape])]),
  ) as Record<string, Tensor>
  const results = await session.run(feeds)
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.data as Float32Array]))
}

/** Masks what is smaller than `below` in absolute value. */
function masking(id: string, elements: number, below: number): MaskStep {
  const head = { kind: 'mask', structure: 'element', criterion: 'magnitude', scope: 'global', target: { sparsity: 0.5 } } as const
  const rule = { below, until: 0 }
  const weights = [{ id, elements, zeros: 0, masked: elements - 1, rule }]
  return { ...head, saliency: { op: 'abs', of: { op: 'weight' } }, precision: 'f32', weights }
}

/** Removes units of the group that slices this axis. */
async function cutting(model: Model, id: string, removed: readonly number[]): Promise<CutStep> {
  const { coupled } = await analyseUnits(model)
  const group = coupled.find((each) => each.id === id)!
  const head = { kind: 'cut', structure: 'neuron', criterion: 'magnitude', scope: 'group', target: { ratio: 0.5 } } as const
  return { ...head, groups: [{ id, units: group.units, removed }] }
}

async function repairedBy(reference: Model, step: PlanStep, data: Data) {
  const pruned = await applyPlan(reference, { seed, steps: [step] })
  const { step: update, ...counts } = await repair(reference, pruned, { steps: [step], seed, forward: forwardOver(data) })
  return { pruned, update, counts, model: await applyPlan(pruned, { seed, steps: [update] }) }
}

async function numbers(model: Model, name: string): Promise<number[]> {
  const tensor = model.graph.initializers.find((each) => each.name === name)!
  return Array.from(valuesOf(tensor.type, await readAll(tensor.data)) as Float32Array)
}

describe('a masked layer', () => {
  // x₁ is 1, 3, 5 (mean 3, variance 8/3), x₂ is 2, 2, 8 (mean 4, variance 8). y = 2·x₁ + x₂/2 + 1: 4, 8, 15 (mean 9, variance 62/3).
  const x = { data: Float32Array.of(1, 2, 3, 2, 5, 8), shape: [3, 2] }

  test('gets mean and deviation of the reference, by hand', async () => {
    const model = parseText(
      'g (float[N, 2] x) => (float[N, 1] y) <float[1, 2] w = {2, 0.5}, float[1] b = {1}> { y = Gemm<transB = 1>(x, w, b) }',
    )
    const { model: after, counts } = await repairedBy(model, masking('w', 2, 1), { x })
    // Masked: 2·x₁ + 1: 3, 7, 11 (mean 7, variance 32/3). Scale √((62/3) ÷ (32/3)) = √1.9375; bias √1.9375·(1 − 7) + 9.
    const scale = Math.sqrt(1.9375)
    const [kept, zero] = await numbers(after, 'w')
    expect(kept).toBeCloseTo(2 * scale, 5)
    expect(zero).toBe(0)
    expect((await numbers(after, 'b'))[0]).toBeCloseTo(9 - 6 * scale, 5)
    expect(counts).toEqual({ batchNormalizations: 0, matched: 1, refit: 0 })
  })

  test('whose output became constant gets the mean of what was removed: b + W·E[x]', async () => {
    const model = parseText(
      'g (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {2, 0.5}, float[1] b = {1}> { h = MatMul(x, w) y = Add(h, b) }',
    )
    const { model: after } = await repairedBy(model, masking('w', 2, 3), { x })
    expect(await numbers(after, 'w')).toEqual([0, 0])
    // 1 + 2·3 + 0.5·4
    expect((await numbers(after, 'b'))[0]).toBeCloseTo(9, 5)
  })

  test('without a place for a bias is only scaled, and zeros stay zero', async () => {
    const model = parseText('g (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {2, 0.5}> { y = MatMul(x, w) }')
    const { model: after } = await repairedBy(model, masking('w', 2, 1), { x })
    const [kept, zero] = await numbers(after, 'w')
    expect([kept! / Math.fround(2 * Math.sqrt(1.9375)), zero]).toEqual([expect.closeTo(1, 6), 0])
  })

  test('of a convolution without bias gets one', async () => {
    const image = { data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), shape: [2, 2, 1, 2] }
    const model = parseText(
      'g (float[N, 2, 1, 2] x) => (float[N, 1, 1, 2] y) <float[1, 2, 1, 1] w = {2, 0.5}> { y = Conv(x, w) }',
    )
    const { model: after } = await repairedBy(model, masking('w', 2, 1), { x: image })
    const [before, now] = await Promise.all([outputsOf(model, { x: image }), outputsOf(after, { x: image })])
    expect(momentsOf(now.y!)).toEqual(momentsOf(before.y!).map((value) => expect.closeTo(value, 4)))
    expect(after.graph.nodes[0]!.inputs).toHaveLength(3)
  })

  test('measured on one sample gets its mean', async () => {
    const model = parseText(
      'g (float[N, 2] x) => (float[N, 1] y) <float[1, 2] w = {2, 0.5}, float[1] b = {1}> { y = Gemm<transB = 1>(x, w, b) }',
    )
    const one = { data: Float32Array.of(1, 2), shape: [1, 2] }
    const { model: after } = await repairedBy(model, masking('w', 2, 1), { x: one })
    expect(await numbers(after, 'w')).toEqual([2, 0])
    expect(await numbers(after, 'b')).toEqual([2])
  })
})

describe('a normalisation', () => {
  const x = { data: Float32Array.of(1, 3, 5, 7, 2, 2, 8, 8, 0, 4, 4, 0, 1, 1, 9, 1), shape: [2, 2, 2, 2] }
  const text = (vectors: string, inputs: string) =>
    `g (float[N, 2, 2, 2] x) => (float[N, 2, 2, 2] y) <float[2, 2, 1, 1] w = {2, 0.5, 0.25, 1}, ${vectors}> { h = Conv(x, w) y = BatchNormalization(h, ${inputs}) }`

  test('gets mean and population variance of what it is given now, and its layer stays as it was masked', async () => {
    const model = parseText(
      text('float[2] s = {1, 2}, float[2] b = {0, 1}, float[2] m = {3, 3}, float[2] v = {5, 6}', 's, b, m, v'),
    )
    const { model: after, counts, pruned } = await repairedBy(model, masking('w', 4, 0.6), { x })
    // Channels are 2·x₀ and x₁; x₀ is 1, 3, 5, 7, 0, 4, 4, 0 (mean 3, mean square 14.5), x₁ is 2, 2, 8, 8, 1, 1, 9, 1 (mean 4, mean square 27.5).
    expect(await numbers(after, 'm')).toEqual([6, 4])
    expect(await numbers(after, 'v')).toEqual([22, 11.5])
    expect(await numbers(after, 'w')).toEqual(await numbers(pruned, 'w'))
    expect(counts).toEqual({ batchNormalizations: 1, matched: 0, refit: 0 })
  })

  test('that shares its vectors with others gets vectors of its own, and a constant channel keeps its variance', async () => {
    const model = parseText(text('float[2] zero = {0, 0}, float[2] one = {1, 1}', 'one, zero, zero, one'))
    const { model: after } = await repairedBy(model, masking('w', 4, 1.5), { x })
    const [, , , mean, variance] = after.graph.nodes[1]!.inputs
    expect(await numbers(after, mean!)).toEqual([6, 0])
    expect(await numbers(after, variance!)).toEqual([22, 1])
    expect(await numbers(after, 'one')).toEqual([1, 1])
    expect(await numbers(after, 'zero')).toEqual([0, 0])
  })
})

describe('a layer that lost inputs', () => {
  const wave = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i) + Math.cos(0.31 * i * i))
  const x = { data: wave(60), shape: [20, 3] }
  /** Rows that are others again. */
  const twice = (rows: Float32Array, width: number, pairs: readonly (readonly [to: number, from: number])[]) => {
    for (const [to, from] of pairs) rows.set(rows.slice(from * width, (from + 1) * width), to * width)
    return rows
  }
  // The second neuron is the first one again: what it said can be said by the other alone.
  const up = [0.5, 0.5, -1, 0.3, 0.3, 0.2, 0.7, 0.7, 0.4]

  test.each([
    ['MatMul and Add', 'u = MatMul(x, up) a = Relu(u) d = MatMul(a, down) y = Add(d, b)', [3, 2]],
    ['Gemm', 'u = MatMul(x, up) a = Relu(u) y = Gemm(a, down, b)', [3, 2]],
    ['MatMul alone', 'u = MatMul(x, up) a = Relu(u) y = MatMul(a, down)', [3, 2]],
  ])('one of which stood there twice computes the same again: %s', async (_, body, [rows, columns]) => {
    const text = `g (float[N, 3] x) => (float[N, 2] y) <float[3, 3] up, float[${rows}, ${columns}] down, float[2] b = {0.25, -1}> { ${body} }`
    const model = parseText(text, { up, down: [1, 2, 3, -1, 0.5, 0.25] })
    const step = await cutting(model, 'up:1', [1])
    const { pruned, model: after, counts } = await repairedBy(model, step, { x })
    const [before, cut, now] = await Promise.all([model, pruned, after].map((each) => outputsOf(each, { x })))
    expect(distance(cut!.y!, before!.y!)).toBeGreaterThan(0.5)
    expect(distance(now!.y!, before!.y!)).toBeLessThan(0.02)
    expect(counts).toMatchObject({ refit: 1 })
  })

  test('which stood there twice computes the same again: convolutions cut on both axes', async () => {
    const model = parseText(
      `g (float[N, 2, 6, 6] x) => (float[N, 2, 6, 6] y) <float[4, 2, 3, 3] a, float[6, 4, 3, 3] b, float[2, 6, 1, 1] c>
       { h = Conv<pads = [1, 1, 1, 1]>(x, a) i = Relu(h) j = Conv<pads = [1, 1, 1, 1]>(i, b) k = Relu(j) y = Conv(k, c) }`,
      {
        a: twice(wave(72), 18, [[1, 0]]),
        b: twice(wave(216), 36, [
          [0, 1],
          [3, 2],
        ]),
        c: wave(12),
      },
    )
    const image = { data: wave(20 * 72), shape: [20, 2, 6, 6] }
    const first = await cutting(model, 'a:0', [1])
    const second = await cutting(model, 'b:0', [0, 3])
    const step = { ...first, groups: [...first.groups, ...second.groups] }
    const { pruned, model: after, counts } = await repairedBy(model, step, { x: image })
    const [before, cut, now] = await Promise.all([model, pruned, after].map((each) => outputsOf(each, { x: image })))
    expect(counts.refit).toBe(2)
    expect(distance(cut!.y!, before!.y!)).toBeGreaterThan(0.5)
    expect(distance(now!.y!, before!.y!)).toBeLessThan(0.02)
  })

  test('replays to the same bytes from its plan', async () => {
    const model = parseText(
      'g (float[N, 3] x) => (float[N, 2] y) <float[3, 3] up, float[3, 2] down, float[2] b = {0.25, -1}> { u = MatMul(x, up) a = Relu(u) y = Gemm(a, down, b) }',
      { up, down: [1, 2, 3, -1, 0.5, 0.25] },
    )
    const step = await cutting(model, 'up:1', [1])
    const { model: after, update } = await repairedBy(model, step, { x })
    const plan = planOf({ path: 'm.onnx', bytes: 1, sha256: '0'.repeat(64) }, seed, [step, update])
    const bytes = await Promise.all(planPayloads(plan).map(readAll))
    const all = Uint8Array.from(bytes.flatMap((each) => [...each]))
    const read = await parsePlan(formatPlan(plan), 'plan', {
      byteLength: all.length,
      read: async (to, at) => to.set(all.subarray(at, at + to.length)),
    })
    const replayed = await applyPlan(model, read)
    expect(await modelBytes(replayed)).toEqual(await modelBytes(after))
  })

  test('and whose inputs are constant says so, and matches means', async () => {
    const model = parseText(
      'g (float[N, 3] x) => (float[N, 2] y) <float[3, 3] up, float[3, 2] down, float[2] b = {0.25, -1}> { u = MatMul(x, up) a = Relu(u) y = Gemm(a, down, b) }',
      { up: [-1, 1, 1, -1, 1, 1, -1, 1, 1], down: [1, 2, 3, -1, 0.5, 0.25] },
    )
    const positive = { data: Float32Array.of(1, 1, 1, 2, 2, 2), shape: [2, 3] }
    // Left is the first neuron, which is 0 on all of them; y was 3.5·(3, 6) + 0.25 and −0.75·(3, 6) − 1, with means 16 and −4.375.
    const { model: after, update } = await repairedBy(model, await cutting(model, 'up:1', [1, 2]), { x: positive })
    expect(update.notes).toEqual([expect.stringContaining('constant')])
    expect(await numbers(after, 'b')).toEqual([16, -4.375])
  })
})

test('nothing that pruning did not reach changes', async () => {
  const model = parseText(
    'g (float[N, 2] x) => (float[N, 2] y, float[N, 2] z) <float[2, 2] v = {2, 0.5, 1, 1}, float[2, 2] w = {2, 0.5, 1, 1}> { y = MatMul(x, v) z = MatMul(x, w) }',
  )
  const x = { data: Float32Array.of(1, 2, 3, 2, 5, 8), shape: [3, 2] }
  const { update } = await repairedBy(model, masking('w', 4, 0.6), { x })
  expect(update.tensors.map(({ id }) => id)).toEqual(['w'])
  expect(await sha256(update.tensors[0]!.data)).toBe(update.tensors[0]!.sha256)
})

test('what nested graphs read of the reference is the reference’s', async () => {
  const model = parseText(
    `g (float[N, 2] x) => (float[N, 1] y)
     <float[2, 2] v = {2, 0.5, 1, 3}, float[1, 2] w = {1, 1}, float[1] b = {0}, bool yes = {1}>
     { h = MatMul(x, v)
       i = If(yes) <then_branch = a () => (float[N, 2] p) { p = Relu(h) }, else_branch = c () => (float[N, 2] q) { q = Neg(h) }>
       y = Gemm<transB = 1>(i, w, b) }`,
  )
  const x = { data: Float32Array.of(1, 2, 3, 2, 5, 8), shape: [3, 2] }
  const { model: after, counts } = await repairedBy(model, masking('v', 4, 0.6), { x })
  const [before, now] = await Promise.all([outputsOf(model, { x }), outputsOf(after, { x })])
  expect(counts.matched).toBe(2)
  expect(momentsOf(now.y!)).toEqual(momentsOf(before.y!).map((value) => expect.closeTo(value, 3)))
})

test('no data are an error', async () => {
  const model = parseText('g (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {2, 0.5}> { y = MatMul(x, w) }')
  const none = { x: { data: new Float32Array(0), shape: [0, 2] } }
  await expect(repairedBy(model, masking('w', 2, 1), none)).rejects.toThrow('there are no calibration data')
})

/** Mean and population variance. */
function momentsOf(values: ArrayLike<number>): number[] {
  const all = Array.from(values)
  const mean = all.reduce((a, b) => a + b, 0) / all.length
  return [mean, all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length]
}

/** ‖a − b‖ ÷ ‖b‖ */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const norm = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0))
  return norm(Array.from(a, (value, i) => value - b[i]!)) / norm(Array.from(b))
}

test('a layer whose units have changed places is repaired like in the old order', async () => {
  const model = parseText(
    `g (float[N, 2] x) => (float[N, 1] y) <float[3, 2] a = {2, 0.5, 0.25, 1, 3, 0.125}, float[3] b = {1, 2, 3}, float[1, 3] c = {1, 1, 1}>
     { h = Gemm<transB = 1>(x, a, b) r = Relu(h) y = Gemm<transB = 1>(r, c) }`,
  )
  const x = { data: Float32Array.of(1, 2, 3, 2, 5, 8), shape: [3, 2] }
  const order = [2, 0, 1]
  const group = { id: 'a:0', units: 3, order, kept: { before: 0, after: 1 }, ended: 'settled' } as const
  const permuting: PlanStep = { kind: 'permute', structure: 'nm', criterion: 'magnitude', groups: [group] }
  const mask = masking('a', 6, 0.6)
  const biasAfter = async (steps: readonly PlanStep[]) => {
    const pruned = await applyPlan(model, { seed, steps })
    const { step } = await repair(model, pruned, { steps, seed, forward: forwardOver({ x }) })
    return numbers(await applyPlan(pruned, { seed, steps: [step] }), 'b')
  }
  const old = await biasAfter([mask])
  expect(new Set(old).size).toBe(3)
  expect(await biasAfter([permuting, mask])).toEqual(order.map((unit) => expect.closeTo(old[unit]!, 5)))
})
