import { type Model, parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { analyse } from './analyse.js'
import { countMacs, macCount } from './macs.js'
import { requireOpen } from './open-sizes.js'

const model = (input: string, constants: string, nodes: string): Model => {
  const floats = [...constants.matchAll(/float\[([\d, ]+)\] (\w+)/g)].map(([, sizes, name]) => {
    const count = sizes!.split(',').reduce((all, size) => all * Number(size), 1)
    return [name!, new Float32Array(count).fill(1)] as const
  })
  return parseText(
    `<ir_version: 10, opset_import: ["" : 18]> g (${input}) => (y) <${constants}> { ${nodes} }`,
    Object.fromEntries(floats),
  )
}

const convolution = (input: string) =>
  model(input, 'float[8, 3, 3, 3] w', 'y = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(x, w)')

test('MACs of weights that are gathered for each token are those of the experts it is sent to', async () => {
  const experts = model('float[N, 1, 1, 4] x, int64[N, 2] which', 'float[5, 4, 6] w', 'g = Gather(w, which)\n y = MatMul(x, g)')
  // Two experts of 4 · 6 for the one token.
  expect(await countMacs(experts)).toBe(2 * 24)
  expect(analyse(experts).notEligible).toEqual([
    { id: 'w', reason: "it holds the weights of several experts, of which Gather 'g' takes some for each input", byUser: false },
  ])
})

test('MACs of Einsum are those of the letters that it sums over', async () => {
  const experts = model('float[N, 4] x', 'float[5, 4, 6] w', 'y = Einsum<equation = "nd,edf->nef">(x, w)')
  expect(await countMacs(experts)).toBe(5 * 4 * 6)
})

describe('MACs are counted at stated sizes', () => {
  test.each<[string, Model, number, Record<string, number>]>([
    // 112 × 112 outputs · 8 channels · 3 · 3 · 3
    [
      'an image by the names of its sides',
      convolution('float[N, 3, height, width] x'),
      112 * 112 * 8 * 27,
      { N: 1, height: 224, width: 224 },
    ],
    ['an image by its four axes', convolution('float[N, 3, a, b] x'), 112 * 112 * 8 * 27, { N: 1, a: 224, b: 224 }],
    [
      'an image whose axes have no names',
      convolution('float[?, 3, ?, ?] x'),
      112 * 112 * 8 * 27,
      { 'x[0]': 1, 'x[2]': 224, 'x[3]': 224 },
    ],
    ['an image of fixed height', convolution('float[N, 3, 32, w] x'), 16 * 112 * 8 * 27, { N: 1, w: 224 }],
    ['tokens: one', model('float[N, S, 4] x', 'float[4, 6] w', 'y = MatMul(x, w)'), 24, { N: 1, S: 1 }],
    // 7 · 7 patches of 8 · 8; 224 does not divide by 48, 384 does: 8 · 8 patches, 3 · 48 · 48 numbers each
    [
      'an image that must divide by 48',
      model(
        'float[N, 3, H, W] x',
        'float[6912, 2] w, int64[6] s = {0, 3, 8, 48, 8, 48}, int64[3] t = {0, 64, 6912}',
        'p = Reshape(x, s) q = Transpose<perm = [0, 2, 4, 1, 3, 5]>(p) r = Reshape(q, t) y = MatMul(r, w)',
      ),
      64 * 6912 * 2,
      { N: 1, H: 384, W: 384 },
    ],
    // A window of 9 does not fit into one position: (16 − 9 + 1) · 4 · 2 · 9
    [
      'samples of sound, as few as fit',
      model('float[N, 2, T] x', 'float[4, 2, 9] w', 'y = Conv(x, w)'),
      8 * 4 * 2 * 9,
      { N: 1, T: 16 },
    ],
  ])('%s', async (_, graph, macs, sizes) => {
    expect(await macCount(graph)).toMatchObject({ sizes })
    expect(await countMacs(graph)).toBe(macs)
  })

  test('sizes that are said hold', async () => {
    const open = convolution('float[N, 3, height, width] x')
    expect(await countMacs(open, { height: 32, width: 64 })).toBe(16 * 32 * 8 * 27)
    expect((await macCount(open, { height: 32 })).sizes).toEqual({ N: 1, height: 32, width: 224 })
  })

  test('a size that the model does not leave open is refused', async () => {
    await expect(requireOpen(convolution('float[N, 3, height, width] x'), { depth: 3 })).rejects.toThrow(
      "leaves no size 'depth' open",
    )
  })

  test('twice the side is four times the work: what is counted is a polynomial of the sizes', async () => {
    const open = convolution('float[N, 3, H, W] x')
    const at = (side: number) => countMacs(open, { H: side, W: side })
    expect((await at(128))! / (await at(64))!).toBe(4)
  })

  test('a recurrent layer multiplies with all gates at each step, both ways, also where it gives only its last state', async () => {
    const graph = model(
      'float[S, N, 5] x',
      'float[2, 16, 5] w, float[2, 16, 4] r',
      ', y = LSTM<hidden_size = 4, direction = "bidirectional">(x, w, r)',
    )
    expect(await countMacs(graph, { S: 7, N: 3 })).toBe(7 * 3 * 2 * 16 * (5 + 4))
  })

  test('of all experts, each token meets as many as it is sent to', async () => {
    const graph = model(
      'float[N, 6] x, float[N, 8] l',
      'float[8, 4, 6] f, float[8, 6, 4] s',
      'y = com.microsoft.MoE<k = 2>(x, l, f, , s)',
    )
    expect(await countMacs(graph, { N: 3 })).toBe(3 * 2 * (4 * 6 + 6 * 4))
  })

  test('what cannot be counted has a reason', async () => {
    const graph = model('float[N, 4] x, int64[1] n', 'float[4, 6] w', 'z = Reshape(x, n) y = MatMul(z, w)')
    const { weights, reason } = await macCount(graph)
    expect(weights).toBeNull()
    expect(reason).toBe("the shape of 'y' at MatMul 'y' does not follow from the model")
  })

  test('of the branches of an If that one counts which computes most: only one of them runs', async () => {
    const graph = model(
      'bool c, float[2, 4] x',
      'float[4, 6] w, float[4, 6] v, float[6, 6] u',
      `y = If(c) <then_branch = t () => (float[] a) { a = MatMul(x, w) },
        else_branch = e () => (float[] b) { d = MatMul(x, v)\n b = MatMul(d, u) }>
       z = MatMul(x, w)`,
    )
    expect([...(await macCount(graph)).weights!]).toEqual([
      ['w', 2 * 24],
      ['v', 2 * 24],
      ['u', 2 * 36],
    ])
  })

  test('a branch that does not run at these sizes does not count', async () => {
    const graph = model(
      'bool c, float[2, 4] x, float[1, 4] e',
      'float[4, 6] w, float[4, 6] v',
      `y = If(c) <then_branch = t () => (float[] a) { a = MatMul(x, w) },
        else_branch = e () => (float[] b) { d = Concat<axis = 1>(x, e)\n b = MatMul(d, v) }>`,
    )
    expect(await countMacs(graph)).toBe(2 * 24)
  })
})
