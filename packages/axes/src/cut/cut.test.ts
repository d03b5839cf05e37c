import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type Model, modelBytes, openModel, parseText } from '@pare/onnx'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { type Axis, atomsOf } from '../dependency/axis.js'
import { type Dependencies, findDependencies } from '../dependency/dependencies.js'
import { cut } from './cut.js'
import { gated } from './gated.js'
import type { Removals } from './kept.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')
const models = fileURLToPath(new URL('../../../../test-models/', import.meta.url))

type Kind = 'head' | 'channel' | 'neuron' | 'inner'

/** Atoms that may be cut, by what they are in the network. Under a normalisation removal and a factor 0 differ, so those are not here. */
function atomsBy({ constants }: Dependencies): Map<Kind, Axis[]> {
  const atoms = new Set(
    constants.flatMap(({ tensor, axes }) => (tensor.type === 'float32' ? axes.flatMap((axis) => [...atomsOf(axis)]) : [])),
  )
  const kinds = new Map<Kind, Axis[]>()
  for (const axis of atoms) {
    const { roles, pin, size } = axis
    if (pin !== undefined || size === 1 || roles.size === 0 || roles.has('norm')) continue
    const kind = roles.has('batch') ? 'head' : roles.has('inner') ? 'inner' : roles.has('conv-out') ? 'channel' : 'neuron'
    kinds.set(kind, [...(kinds.get(kind) ?? []), axis])
  }
  return kinds
}

/** About `ratio` of the units of each atom, never all, from a small linear congruence. */
function some(atoms: readonly Axis[], ratio: number): Removals {
  let state = 7
  return new Map(
    atoms.map((axis) => {
      const removed = new Uint8Array(axis.size)
      for (let left = Math.min(axis.size - 1, Math.ceil(axis.size * ratio)); left > 0; ) {
        state = (state * 16807) % 2147483647
        const unit = state % axis.size
        left -= removed[unit] === 0 ? 1 : 0
        removed[unit] = 1
      }
      return [axis, removed]
    }),
  )
}

function feedsFor({ graph }: Model, batch: number, length: number): Record<string, Tensor> {
  const feeds = graph.inputs.map(({ name, type, shape = [] }) => {
    const dims = shape.map((size, i) => (typeof size === 'number' ? size : i === 0 ? batch : length))
    const count = dims.reduce((a, b) => a * b, 1)
    const data =
      type === 'int64'
        ? BigInt64Array.from({ length: count }, (_, i) => (name.includes('mask') ? 1n : BigInt((i * 37 + 11) % 500)))
        : Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7))
    return [name, new runtime.Tensor(data as Float32Array, dims)]
  })
  return Object.fromEntries(feeds) as Record<string, Tensor>
}

/** Largest difference of the outputs of two models, relative to the largest output, over two sizes of the dynamic axes. */
async function difference(a: Model, b: Model): Promise<number> {
  const sessions = await Promise.all(
    [a, b].map(async (model) => runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })),
  )
  let worst = 0
  for (const [batch, length] of [
    [1, 8],
    [3, 20],
  ] as const) {
    const feeds = feedsFor(a, batch, length)
    const [one, two] = (await Promise.all(sessions.map((session) => session.run(feeds)))) as [
      InferenceSession.OnnxValueMapType,
      InferenceSession.OnnxValueMapType,
    ]
    for (const name of sessions[0]!.outputNames) {
      const [x, y] = [one[name]!.data as Float32Array, two[name]!.data as Float32Array]
      expect(x.length).toBe(y.length)
      const scale = y.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      worst = Math.max(worst, x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0) / scale)
    }
  }
  return worst
}

describe.each([
  ['mlp-digits', ['neuron']],
  ['mnist-resnet20-bn', ['channel']],
  ['mnist-resnet20-folded', ['channel']],
  ['mnist-mobilenet-bn', ['channel']],
  ['kjv-bert', ['head', 'inner', 'neuron']],
  ['lm-llama', ['inner', 'head', 'neuron']],
  ['untrained/densenet', ['channel']],
  ['untrained/mobilenet-v2', ['channel']],
  ['untrained/vit', ['head', 'inner', 'neuron']],
] as const)('%s', (name, kinds) => {
  test.each([0.25, 0.75])('cut by %s it computes what it computes with those units at zero', async (ratio) => {
    await using file = await openModel(`${models}${name}.onnx`)
    const dependencies = await findDependencies(file.model)
    const atoms = atomsBy(dependencies)
    expect([...atoms.keys()].sort()).toEqual([...kinds].sort())
    for (const list of atoms.values()) {
      const removals = some(list, ratio)
      const smaller = cut(file.model, dependencies, removals)
      expect((await modelBytes(smaller)).length).toBeLessThan(file.bytes)
      expect(await difference(smaller, gated(file.model, dependencies, removals))).toBeLessThan(1e-5)
    }
  })
})

test('cutting nothing changes nothing', async () => {
  await using file = await openModel(`${models}mnist-mobilenet-bn.onnx`)
  const dependencies = await findDependencies(file.model)
  expect(await modelBytes(cut(file.model, dependencies, new Map()))).toEqual(await modelBytes(file.model))
})

test('half of all channels of resnet20 leaves a quarter of the parameters', async () => {
  await using file = await openModel(`${models}mnist-resnet20-bn.onnx`)
  const dependencies = await findDependencies(file.model)
  const removals = new Map(
    atomsBy(dependencies)
      .get('channel')!
      .map((axis) => [axis, Uint8Array.from({ length: axis.size }, (_, i) => i % 2)]),
  )
  const { graph } = cut(file.model, dependencies, removals)
  const weights = graph.initializers.filter(({ type, shape }) => type === 'float32' && shape.length > 1)
  const count = weights.reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0)
  // 3×3 and 1×1 convolutions and the classifier of widths 8, 16, 32 instead of 16, 32, 64.
  const block = (inputs: number, out: number) => 9 * inputs * out + 5 * 9 * out * out + (inputs === out ? 0 : inputs * out)
  expect(count).toBe(9 * 8 + block(8, 8) + block(8, 16) + block(16, 32) + 32 * 10)
})

describe('by hand', () => {
  const run = async (model: Model, x: number[], dims: number[]) => {
    const session = await runtime.InferenceSession.create(await modelBytes(model))
    return [...((await session.run({ x: new runtime.Tensor('float32', Float32Array.from(x), dims) })).y!.data as Float32Array)]
  }

  test('two of three neurons: y = relu(x·a + c)·b', async () => {
    const model = parseText(`g (float[N, 1] x) => (float[N, 1] y)
      <float[1, 3] a = {1, 2, 3}, float[3] c = {10, 20, 30}, float[3, 1] b = {1, 100, 10000}>
      { h = MatMul(x, a)
        k = Add(h, c)
        r = Relu(k)
        y = MatMul(r, b) }`)
    const dependencies = await findDependencies(model)
    const [axis] = [...atomsOf(dependencies.constants.find(({ id }) => id === 'a')!.axes[1]!)]
    const smaller = cut(model, dependencies, new Map([[axis!, Uint8Array.of(0, 1, 0)]]))
    // x = 1: 11·1 + (22·100 gone) + 33·10000
    expect(await run(smaller, [1], [1, 1])).toEqual([330_011])
    expect(smaller.graph.initializers.map(({ name, shape }) => [name, shape])).toEqual([
      ['a', [1, 2]],
      ['c', [2]],
      ['b', [2, 1]],
    ])
  })

  test('a bias that two layers share is stored twice when they keep different units', async () => {
    const model = parseText(`g (float[N, 1] x) => (float[N, 1] y)
      <float[1, 2] a = {1, 2}, float[2] c = {5, 7}, float[2, 2] b = {1, 1, 1, 1}, float[2, 1] d = {1, 10}>
      { h = MatMul(x, a)
        k = Add(h, c)
        l = MatMul(k, b)
        m = Add(l, c)
        y = MatMul(m, d) }`)
    const dependencies = await findDependencies(model)
    const atom = (id: string, axis: number) =>
      [...atomsOf(dependencies.constants.find((each) => each.id === id)!.axes[axis]!)][0]!
    const removals = new Map([
      [atom('a', 1), Uint8Array.of(1, 0)],
      [atom('b', 1), Uint8Array.of(0, 1)],
    ])
    const smaller = cut(model, dependencies, removals)
    // x = 1: k = 2 + 7 = 9; l = 9; m = 9 + 5 = 14; y = 14
    expect(await run(smaller, [1], [1, 1])).toEqual([14])
  })
})
