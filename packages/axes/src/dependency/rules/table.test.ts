import { describe, expect, test } from 'vitest'
import { type Axis, rootOf } from '../axis.js'
import { findDependencies } from '../dependencies.js'
import { between, image, type Tiny, tinyModel } from './rules.test.support.js'

/** Axes in brief. '4a': 4 positions that may go, with all others of that letter. '4!': none may go. 'a*b' is a product, 'a+b' a sum, 'a~' in another order. */
function brief(values: readonly (readonly Axis[])[]): string[] {
  const letters = new Map<Axis, string>()
  const write = (axis: Axis): string => {
    const root = rootOf(axis)
    if (root.sum !== undefined) return root.sum.map(write).join('+')
    if (root.product !== undefined)
      return root.product.map((each) => (rootOf(each).sum ? `(${write(each)})` : write(each))).join('*')
    if (root.turned !== undefined) return `${write(root.turned.of)}~`
    if (root.pin !== undefined || root.size === 1) return `${root.size}${root.size === 1 ? '' : '!'}`
    if (!letters.has(root)) letters.set(root, String.fromCharCode(97 + letters.size))
    return `${root.size}${letters.get(root)}`
  }
  return values.map((axes) => axes.map(write).join(' '))
}

/** 'h 3! 8a, w 5! 8a': what becomes of these values and constants. */
async function axesOf(tiny: Tiny, names: readonly string[]): Promise<string> {
  const { constants, values } = await findDependencies(tinyModel(tiny))
  const axes = names.map((name) => values.get(name) ?? constants.find(({ id }) => id === name)?.axes ?? [])
  return brief(axes)
    .map((text, i) => `${names[i]} ${text}`)
    .join(', ')
}

/** Query, key and value f32[3, 7, 8] of 4 heads each, or as the constants say. */
const heads = (nodes: string, constants = 'float[5, 8] q, float[5, 8] k, float[5, 8] v', extra = ''): Tiny => ({
  inputs: `float[N, S, 5] x${extra}`,
  constants: `${constants}, float[8, 2] o`,
  nodes: `a = MatMul(x, q)\n b = MatMul(x, k)\n c = MatMul(x, v)\n ${nodes}\n y = MatMul(z, o)`,
  opset: 23,
})

const FREE = 'w 5! 8a, v 8a 2!'
const HELD = 'w 5! 8!, v 8! 2!'

describe('matrices', () => {
  test.each<[string, Tiny, string]>([
    [
      'FusedMatMul, transposed',
      between('k = com.microsoft.FusedMatMul<transB = 1, alpha = 0.5>(h, t)', 'float[6, 8] t', 6),
      'w 5! 8a, t 6b 8a, v 6b 2!',
    ],
    [
      'FusedMatMul with batches transposed',
      between('k = com.microsoft.FusedMatMul<transBatchA = 1>(h, t)', 'float[8, 8] t'),
      'w 5! 8!, t 8! 8!',
    ],
    [
      'FusedGemm',
      between('k = com.microsoft.FusedGemm<activation = "Relu", transB = 1>(h, t, c)', 'float[6, 8] t, float[6] c', 6),
      'w 5! 8a, t 6b 8a, c 6b, v 6b 2!',
    ],
    ['Einsum', between('k = Einsum<equation = "nk, mk -> nm">(h, t)', 'float[6, 8] t', 6), 'w 5! 8a, t 6b 8a, v 6b 2!'],
    ['Einsum, a diagonal', between('k = Einsum<equation = "ij,kk->ij">(h, t)', 'float[8, 8] t'), 'w 5! 8!, t 8! 8!'],
    [
      'Einsum, an ellipsis',
      between('k = Einsum<equation = "...k,km->...m">(h, t)', 'float[8, 8] t'),
      'w 5! 8a, t 8a 8b, v 8b 2!',
    ],
  ])('%s', async (_, tiny, expected) => expect(await axesOf(tiny, namesOf(expected))).toBe(expected))
})

describe('element by element', () => {
  test.each<[string, Tiny, string]>([
    ['PRelu with a slope for each', between('k = PRelu(h, s)', 'float[8] s'), `${FREE}, s 8a`],
    ['PRelu with one slope', between('k = PRelu(h, s)', 'float[1] s'), `${FREE}, s 1`],
    ['a size of 1 that is stretched', between('k = Add(h, s)', 'float[1, 8] s'), `${FREE}, s 1 8a`],
    ['Where', between('c = Greater(h, s)\n k = Where(c, h, s)', 'float[8] s'), `${FREE}, s 8a`],
    ['QuickGelu', between('k = com.microsoft.QuickGelu(h)'), FREE],
    [
      'BiasSplitGelu',
      {
        inputs: 'float[N, S, 5] x',
        constants: 'float[5, 8] w, float[8] b, float[4, 2] v',
        nodes: 'h = MatMul(x, w)\n k = com.microsoft.BiasSplitGelu(h, b)\n y = MatMul(k, v)',
      },
      'w 5! 2!*4a, b 2!*4a, v 4a 2!',
    ],
    ['CastLike', between('k = CastLike(h, s)', 'float[3, 3, 3] s'), FREE],
    ['the mask of Dropout', between('k, m = Dropout(h)'), `${FREE}, m 3! 8a`],
  ])('%s', async (_, tiny, expected) => expect(await axesOf(tiny, namesOf(expected))).toBe(expected))
})

describe('normalisations', () => {
  test.each<[string, Tiny, string]>([
    ['LayerNormalization', between('k = LayerNormalization(h, s, b)', 'float[8] s, float[8] b'), `${FREE}, s 8a, b 8a`],
    ['LayerNormalization from axis 0', between('k = LayerNormalization<axis = 1>(h, s)', 'float[8] s'), `${FREE}, s 8a`],
    [
      'SkipLayerNormalization and its sum',
      between(
        'k, , , r = com.microsoft.SkipLayerNormalization(h, p, s, b, c)\n q = Relu(r)',
        'float[1, 8] p, float[8] s, float[8] b, float[8] c',
      ),
      `${FREE}, p 1 8a, s 8a, b 8a, c 8a, r 3! 8a`,
    ],
    [
      'SkipSimplifiedLayerNormalization',
      between('k = com.microsoft.SkipSimplifiedLayerNormalization(h, h, s)', 'float[8] s'),
      `${FREE}, s 8a`,
    ],
    ['LpNormalization', between('k = LpNormalization(h)'), FREE],
    ['Softmax over them', between('k = Softmax(h)'), HELD],
    ['Softmax over the others', between('k = Softmax<axis = 0>(h)'), FREE],
    ['Softmax over the others and them', { ...between('k = Softmax<axis = 0>(h)'), opset: 12 }, HELD],
    ['BatchNormalization', image('k = BatchNormalization(h, s, s, s, s)', 'float[8] s'), 'w 8a 5! 1 1, v 2! 8a 1 1, s 8a'],
    ['InstanceNormalization', image('k = InstanceNormalization(h, s, s)', 'float[8] s'), 'w 8a 5! 1 1, v 2! 8a 1 1, s 8a'],
    [
      'GroupNormalization, a scale for each channel',
      { ...image('k = GroupNormalization<num_groups = 2>(h, s, b)', 'float[8] s, float[8] b'), opset: 21 },
      'w 2a*4b 5! 1 1, v 2! 2a*4b 1 1, s 2a*4b, b 2a*4b',
    ],
    [
      'GroupNormalization, a scale for each group',
      image('k = GroupNormalization<num_groups = 2>(h, s, b)', 'float[2] s, float[2] b'),
      'w 2a*4b 5! 1 1, v 2! 2a*4b 1 1, s 2a, b 2a',
    ],
    ['LRN', image('k = LRN<size = 3>(h)'), 'w 8! 5! 1 1, v 2! 8! 1 1'],
  ])('%s', async (_, tiny, expected) => expect(await axesOf(tiny, namesOf(expected))).toBe(expected))

  test('EmbedLayerNormalization', async () => {
    const tiny: Tiny = {
      inputs: 'int32[N, S] i, int32[N, S] j',
      constants: 'float[9, 8] words, float[9, 8] places, float[2, 8] kinds, float[8] s, float[8] b, float[8, 2] v',
      nodes: 'k, m = com.microsoft.EmbedLayerNormalization(i, j, words, places, kinds, s, b)\n y = MatMul(k, v)',
    }
    const expected = 'words 9! 8a, places 9! 8a, kinds 2! 8a, s 8a, b 8a, v 8a 2!'
    expect(await axesOf(tiny, namesOf(expected))).toBe(expected)
  })
})

describe('attention: heads go, their size stays', () => {
  test.each<[string, Tiny, string]>([
    [
      'com.microsoft.Attention',
      {
        ...heads(''),
        constants: 'float[5, 24] w, float[24] b, float[8, 2] o',
        nodes: 'z = com.microsoft.Attention<num_heads = 4>(x, w, b)\n y = MatMul(z, o)',
      },
      'w 5! 4a*2!+4a*2!+4a*2!, b 4a*2!+4a*2!+4a*2!, o 4a*2! 2!',
    ],
    [
      'com.microsoft.Attention of unequal sizes',
      {
        ...heads(''),
        constants: 'float[5, 24] w, float[24] b, float[16, 2] o',
        nodes: 'z = com.microsoft.Attention<num_heads = 2, qkv_hidden_sizes = [4, 4, 16]>(x, w, b)\n y = MatMul(z, o)',
      },
      'w 5! 2a*2!+2a*2!+2a*8!, o 2a*8! 2!',
    ],
    [
      'MultiHeadAttention',
      heads(
        'z = com.microsoft.MultiHeadAttention<num_heads = 4>(a, b, c, d)',
        'float[5, 8] q, float[5, 8] k, float[5, 8] v, float[24] d',
      ),
      'q 5! 4a*2!, k 5! 4a*2!, v 5! 4a*2!, d 4a*2!+4a*2!+4a*2!, o 4a*2! 2!',
    ],
    [
      'GroupQueryAttention',
      heads(
        'z = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>(a, b, c, , , l, t)',
        'float[5, 8] q, float[5, 4] k, float[5, 4] v',
        ', int32[N] l, int32 t',
      ),
      'q 5! 2a*2b*2!, k 5! 2a*2!, v 5! 2a*2!, o 2a*2b*2! 2!',
    ],
    [
      'Attention, flat',
      heads('z = Attention<q_num_heads = 4, kv_num_heads = 2>(a, b, c)', 'float[5, 8] q, float[5, 4] k, float[5, 4] v'),
      'q 5! 2a*2b*2!, k 5! 2a*2!, v 5! 2a*2!, o 2a*2b*2! 2!',
    ],
    [
      'RotaryEmbedding',
      heads(
        'r = com.microsoft.RotaryEmbedding<num_heads = 4>(a, i, e, e)\n z = com.microsoft.MultiHeadAttention<num_heads = 4>(r, b, c)',
        'float[5, 8] q, float[5, 8] k, float[5, 8] v, float[99, 1] e',
        ', int64[N, S] i',
      ),
      'q 5! 4a*2!, r 3! 7! 4a*2!, o 4a*2! 2!',
    ],
  ])('%s', async (_, tiny, expected) => expect(await axesOf(tiny, namesOf(expected))).toBe(expected))
})

describe('positions looked up, ordered, repeated', () => {
  test.each<[string, Tiny, string]>([
    ['Tile', between('k = Tile(h, n)', 'int64[2] n = {1, 3}', 24), 'w 5! 8a, v 3b*8a 2!'],
    ['Trilu', between('k = Trilu(h)'), HELD],
    ['CumSum along them', between('k = CumSum(h, n)', 'int64 n = {1}'), HELD],
    ['CumSum along the others', between('k = CumSum(h, n)', 'int64 n = {-2}'), FREE],
    ['TopK of them', between('k, i = TopK(h, n)', 'int64[1] n = {8}'), HELD],
    [
      'GatherElements along the others',
      between('k = GatherElements<axis = 0>(h, n)', 'int64[1, 8] n = {0, 0, 0, 0, 0, 0, 0, 0}'),
      `${FREE}, n 1 8a`,
    ],
    [
      'GatherElements along them',
      between(
        'k = GatherElements<axis = 1>(h, n)',
        'int64[3, 8] n = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}',
      ),
      'w 5! 8!',
    ],
    ['GatherND of rows', between('k = GatherND(h, n)', 'int64[2, 1] n = {0, 0}'), FREE],
    ['ScatterND of rows', between('k = ScatterND(h, n, u)', 'int64[1, 1] n = {0}, float[1, 8] u'), `${FREE}, u 1 8a`],
    [
      'ScatterElements of rows',
      between('k = ScatterElements(h, n, u)', 'int64[1, 8] n = {0, 0, 0, 0, 0, 0, 0, 0}, float[1, 8] u'),
      `${FREE}, u 1 8a, n 1 8a`,
    ],
    [
      'Slice of a part',
      between('k = Slice(h, s, e, a)', 'int64[1] s = {-6}, int64[1] e = {-2}, int64[1] a = {-1}', 4),
      'w 5! 2a+4b+2c, v 4b 2!',
    ],
    [
      'Slice backwards',
      between('k = Slice(h, s, e, a, t)', 'int64[1] s = {-1}, int64[1] e = {-99}, int64[1] a = {1}, int64[1] t = {-1}'),
      'w 5! 8a~, v 8a 2!',
    ],
    ['Split by count', between('p, q = Split<axis = -1, num_outputs = 2>(h)\n k = Add(p, q)', '', 4), 'w 5! 4a+4a, v 4a 2!'],
    [
      'ReduceSum over several axes',
      between('u = Unsqueeze(h, n)\n r = ReduceSum(u, m)\n k = Mul(h, r)', 'int64[1] n = {0}, int64[2] m = {0, 1}'),
      'w 5! 8a, r 1 1 8a',
    ],
    ['ReduceSum over none listed, so over all', between('r = ReduceSum(h, n)\n k = Mul(h, r)', 'int64[0] n = {}'), FREE],
  ])('%s', async (_, tiny, expected) => expect(await axesOf(tiny, namesOf(expected))).toBe(expected))
})

describe('images', () => {
  const free = 'w 8a 5! 1 1, v 2! 8a 1 1'
  test.each<[string, Tiny, string]>([
    [
      'FusedConv with a sum',
      image('k = com.microsoft.FusedConv<activation = "Relu">(h, t, b, h)', 'float[8, 8, 1, 1] t, float[8] b'),
      'w 8a 5! 1 1, t 8a 8a 1 1, b 8a, v 2! 8a 1 1',
    ],
    ['MaxPool', image('k = MaxPool<kernel_shape = [2, 2]>(h)'), free],
    ['the indices of MaxPool', image('k, i = MaxPool<kernel_shape = [2, 2]>(h)'), 'w 8! 5! 1 1'],
    ['Pad around positions', image('k = Pad<mode = "reflect">(h, n)', 'int64[8] n = {0, 0, 1, 1, 0, 0, 1, 1}'), free],
    ['Pad of listed axes', image('k = Pad(h, n, , m)', 'int64[2] n = {1, 1}, int64[1] m = {-1}'), free],
    ['Pad of channels', image('k = Pad(h, n)', 'int64[8] n = {0, 1, 0, 0, 0, 0, 0, 0}', 9), 'w 8! 5! 1 1, v 2! 9! 1 1'],
    ['Resize by scales', image('k = Resize(h, , s)', 'float[4] s = {1, 1, 2, 2}'), free],
    ['Resize to sizes', image('k = Resize<axes = [2, 3]>(h, , , n)', 'int64[2] n = {8, 8}'), free],
    [
      'Resize that crops',
      image(
        'k = Resize<coordinate_transformation_mode = "tf_crop_and_resize">(h, r, s)',
        'float[4] s = {1, 1, 1, 1}, float[8] r',
      ),
      'w 8! 5! 1 1',
    ],
    ['DepthToSpace, blocks outside', image('k = DepthToSpace<blocksize = 2>(h)', '', 2), 'w 4!*2a 5! 1 1, v 2! 2a 1 1'],
    [
      'DepthToSpace, blocks inside',
      image('k = DepthToSpace<blocksize = 2, mode = "CRD">(h)', '', 2),
      'w 2a*4! 5! 1 1, v 2! 2a 1 1',
    ],
    ['SpaceToDepth', image('k = SpaceToDepth<blocksize = 2>(h)', '', 32), 'w 8a 5! 1 1, v 2! 4!*8a 1 1'],
    ['quantised with one scale', image('q = QuantizeLinear(h, s)\n k = DequantizeLinear(q, s)', 'float[1] s'), free],
    [
      'quantised channel by channel',
      image('q = QuantizeLinear<axis = 1>(h, s)\n k = DequantizeLinear<axis = 1>(q, s)', 'float[8] s'),
      `${free}, s 8a`,
    ],
  ])('%s', async (_, tiny, expected) => expect(await axesOf(tiny, namesOf(expected))).toBe(expected))
})

function namesOf(expected: string): string[] {
  return expected.split(', ').map((each) => each.split(' ')[0]!)
}
