import { fileURLToPath } from 'node:url'
import { openModel, parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import type { Role } from '../units.js'
import { type Axis, atomsOf } from './axis.js'
import { type Dependencies, findDependencies } from './dependencies.js'

const models = fileURLToPath(new URL('../../../../test-models/', import.meta.url))

/** Axes of float constants that something may be removed from: 'size roles', with how many there are. */
function removable({ constants }: Dependencies): Record<string, number> {
  const atoms = new Set<Axis>(
    constants.flatMap(({ tensor, axes }) => (tensor.type === 'float32' ? axes.flatMap((axis) => [...atomsOf(axis)]) : [])),
  )
  const counts: Record<string, number> = {}
  for (const { size, roles, pin } of atoms) {
    if (pin !== undefined || size === 1 || roles.size === 0) continue
    const key = `${size} ${[...roles].sort().join(' ')}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

async function of(name: string): Promise<Record<string, number>> {
  await using file = await openModel(`${models}${name}.onnx`)
  return removable(await findDependencies(file.model))
}

const CHANNELS = (['conv-in', 'conv-out'] satisfies Role[]).join(' ')

describe('trained models', () => {
  test.each(['mnist-resnet20-bn', 'mnist-resnet20-folded'])('%s: 12 groups of channels with 448 units', async (name) => {
    const counts = await of(name)
    expect(counts).toEqual({
      [`16 ${CHANNELS}`]: 4,
      [`32 ${CHANNELS}`]: 4,
      [`64 ${CHANNELS}`]: 3,
      [`64 ${CHANNELS} matmul-in`]: 1,
    })
    expect(4 * 16 + 4 * 32 + 4 * 64).toBe(448)
  })

  test('lm-llama: in each of 6 layers 4 key-value heads and 688 neurons, and one width of 256', async () => {
    expect(await of('lm-llama')).toMatchObject({
      '4 batch matmul-in matmul-out': 6,
      '688 matmul-in matmul-out': 6,
      '256 embedding matmul-in matmul-out norm': 1,
    })
  })

  test('kjv-bert: 4 × 4 heads, 4 × 512 neurons, width 128', async () => {
    expect(await of('kjv-bert')).toMatchObject({
      '4 batch matmul-in matmul-out': 4,
      '512 matmul-in matmul-out': 4,
      '128 embedding matmul-in matmul-out norm': 1,
    })
  })

  test('vit: 3 × 4 heads and 3 × 160 neurons, though equal biases are stored once', async () => {
    expect(await of('untrained/vit')).toMatchObject({ '4 batch matmul-in matmul-out': 3, '160 matmul-in matmul-out': 3 })
  })
})

describe('operators', () => {
  const pins = async (source: string, values?: Record<string, Float32Array>) => {
    const { constants } = await findDependencies(parseText(source, values))
    return Object.fromEntries(
      constants.map(({ id, axes }) => [id, axes.map((axis) => [...atomsOf(axis)].map(({ size, pin }) => pin ?? size))]),
    )
  }
  const ones = (size: number) => new Float32Array(size).fill(1)

  test('a shared dimension is free, inputs and outputs are not', async () => {
    const model = 'g (float[N, 2] x) => (float[N, 3] y) <float[2, 4] a, float[4, 3] b> { h = MatMul(x, a)\n y = MatMul(h, b) }'
    expect(await pins(model, { a: ones(8), b: ones(12) })).toEqual({
      a: [["it is an axis of the input 'x'"], [4]],
      b: [[4], ["it is an axis of the output 'y'"]],
    })
  })

  test('an operator without a rule holds everything that touches it, by its name', async () => {
    const model = `g (float[N, 2] x) => (float[N, 3] y) <float[2, 4] a, float[4, 3] b>
      { h = MatMul(x, a)
        ["odd"] k = com.example.Odd(h)
        y = MatMul(k, b) }`
    expect((await pins(model, { a: ones(8), b: ones(12) })).a![1]).toEqual([
      "the shape of 'k' at Odd 'odd' does not follow from the model",
    ])
  })

  test('a softmax over it, or a window along it, holds an axis', async () => {
    const softmax =
      'g (float[N, 2] x) => (float[N, 3] y) <float[2, 4] a, float[4, 3] b> { h = MatMul(x, a)\n s = Softmax(h)\n y = MatMul(s, b) }'
    expect((await pins(softmax, { a: ones(8), b: ones(12) })).a![1]).toEqual(["Softmax 's' works along it"])
  })

  test('a value that an operator with a graph of its own reads is held where what the graph means is not known', async () => {
    const model = `g (float[N, 2] x, bool c) => (float[N, 3] y) <float[2, 4] a, float[4, 3] b>
      { h = MatMul(x, a)
        k = acme.Choose(c) <body = t () => (float[N, 4] p) { p = Relu(h) }>
        y = MatMul(k, b) }`
    expect((await pins(model, { a: ones(8), b: ones(12) })).a![1]).toEqual(["'h' is read in a subgraph"])
  })

  test('a grouped convolution: the same channels of every group, or whole groups', async () => {
    const model = `g (float[N, 3, 5, 5] x) => (float[N, 2, 5, 5] y) <float[8, 3, 1, 1] a, float[6, 4, 1, 1] grouped, float[2, 6, 1, 1] b>
      { h = Conv(x, a)
        k = Conv<group = 2>(h, grouped)
        y = Conv(k, b) }`
    const units = await pins(model, { a: ones(24), grouped: ones(24), b: ones(12) })
    expect(units.a![0]).toEqual([2, 4])
    expect(units.grouped!.slice(0, 2)).toEqual([[2, 3], [4]])
  })
})

test('nodes that leave their first output out keep the axes of their own inputs', async () => {
  const model = parseText(
    `g (float[5, 2, 3] x) => (float[1, 2, 4] h, float[1, 2, 6] k)
    <float[1, 16, 3] a, float[1, 16, 4] b, float[1, 24, 3] c, float[1, 24, 6] d> {
      , h = LSTM<hidden_size = 4>(x, a, b)
      , k = LSTM<hidden_size = 6>(x, c, d)
    }`,
    Object.fromEntries(Object.entries({ a: 48, b: 64, c: 72, d: 144 }).map(([name, size]) => [name, new Float32Array(size)])),
  )
  const { axesAt } = await findDependencies(model)
  const sizes = (node: string) => [1, 2].map((input) => axesAt(node, input)?.map(({ size }) => size))
  expect([sizes('h'), sizes('k')]).toEqual([
    [
      [1, 16, 3],
      [1, 16, 4],
    ],
    [
      [1, 24, 3],
      [1, 24, 6],
    ],
  ])
})
