import { inlineFunctions, parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { findCoupling } from '../dependency/groups.js'
import { between, image, type Tiny, tinyModel } from '../dependency/rules/rules.test.support.js'
import { difference } from '../random/laws.test.support.js'
import { listed, odd, SIZES, testCases } from './cases.test.support.js'
import { cut } from './cut.js'
import { gated } from './gated.js'

// Each of these broke some pruning tool. Groups are named after the first weight they slice and its axis.

/** Numbers that look random. */
const numbers = (count: number) => Array.from({ length: count }, (_, i) => Math.sin(3.7 * i + 1).toFixed(4)).join(', ')

describe('convolutions', () => {
  testCases({
    'a grouped convolution keeps equally many channels in each group': {
      model: image('k = Conv<group = 2>(h, t)', 'float[6, 4, 1, 1] t', 6),
      groups: 'w:0 2, w:0#2 4, t:0 3',
    },
    'a depthwise convolution goes with its channels': {
      model: image('d = Conv<group = 8, pads = [1, 1, 1, 1]>(h, t, b)\n k = Relu(d)', 'float[8, 1, 3, 3] t, float[8] b'),
      groups: 'w:0 8',
    },
    'a depthwise convolution that makes two of each channel': {
      model: image('k = Conv<group = 8>(h, t)', 'float[16, 1, 1, 1] t', 16),
      groups: 'w:0 8, t:0 2',
    },
    'shuffled channels': {
      model: image(
        'g = Conv<group = 2>(h, t)\n p = Reshape(g, n)\n q = Transpose<perm = [0, 2, 1, 3, 4]>(p)\n r = Reshape(q, m)\n k = Conv<group = 2>(r, u)',
        'float[8, 4, 1, 1] t, float[8, 4, 1, 1] u, int64[5] n = {-1, 2, 4, 4, 4}, int64[4] m = {-1, 8, 4, 4}',
      ),
      groups: 'w:0 2, w:0#2 4, t:0 2, t:0#2 2, u:0 4',
    },
    'Concat of unequal parts, one of them twice': {
      model: image('a = Conv(h, t)\n k = Concat<axis = 1>(h, a, h)', 'float[3, 8, 1, 1] t', 19),
      groups: 'w:0 8, t:0 3',
    },
    'squeeze and excitation': {
      model: image(
        'm = GlobalAveragePool(h)\n s = Conv(m, t, b)\n r = Relu(s)\n u = Conv(r, o)\n g = Sigmoid(u)\n k = Mul(h, g)',
        'float[4, 8, 1, 1] t, float[4] b, float[8, 4, 1, 1] o',
      ),
      groups: 'w:0 8, t:0 4',
    },
    'a residual of three branches': {
      model: image('a = Conv(h, t)\n b = Conv(h, s)\n k = Sum(h, a, b)', 'float[8, 8, 1, 1] t, float[8, 8, 1, 1] s'),
      groups: 'w:0 8',
    },
    'Flatten between Conv and Gemm': {
      model: {
        inputs: 'float[N, 5, 4, 4] x',
        constants: 'float[8, 5, 1, 1] w, float[128, 2] v',
        nodes: 'h = Conv(x, w)\n f = Flatten(h)\n y = Gemm(f, v)',
      },
      groups: 'w:0 8',
    },
    'a shift of BatchNormalization makes a removed channel non-zero': {
      model: image(
        'b = BatchNormalization(h, s, t, m, m)\n k = Relu(b)',
        'float[8] s, float[8] t, float[8] m = {1, 2, 3, 4, 5, 6, 7, 8}',
      ),
      groups: 'w:0 8',
    },
    'slopes of PRelu': { model: image('k = PRelu(h, s)', 'float[8, 1, 1] s'), groups: 'w:0 8' },
    'Pad of positions with a value': {
      model: image(
        'p = Pad(h, n, c)\n k = MaxPool<kernel_shape = [3, 3]>(p)',
        'int64[8] n = {0, 0, 1, 1, 0, 0, 1, 1}, float c = {3}',
      ),
      groups: 'w:0 8',
    },
    'Pad of channels': {
      model: image('k = Pad(h, n)', 'int64[8] n = {0, 1, 0, 0, 0, 0, 0, 0}', 9),
      groups: '',
      held: { 'w:0': "Pad 'k' works along it" },
    },
    'Resize to sizes that name the channels': {
      model: {
        ...image('k = Resize(h, , , n)', 'int64[4] n = {2, 8, 8, 8}'),
        inputs: 'float[2, 5, 4, 4] x',
      },
      groups: 'w:0 8',
    },
    'Resize to the sizes of another value': {
      model: image(
        'a = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(h)\n s = Shape(a)\n f = Slice(s, p, q)\n t = Shape(h)\n l = Slice(t, q, r)\n n = Concat<axis = 0>(f, l)\n k = Resize(a, , , n)',
        'int64[1] p = {0}, int64[1] q = {2}, int64[1] r = {4}',
      ),
      groups: 'w:0 8',
    },
    'a grouped ConvTranspose': {
      model: image('k = ConvTranspose<group = 2, strides = [2, 2]>(h, t, b)', 'float[8, 3, 2, 2] t, float[6] b', 6),
      groups: 'w:0 2, w:0#2 4, t:1 3',
    },
    'Squeeze without axes': {
      model: {
        inputs: 'float[2, 5, 4, 4] x',
        constants: 'float[8, 5, 1, 1] w, float[8, 2] v',
        nodes: 'h = Conv(x, w)\n m = GlobalAveragePool(h)\n s = Squeeze(m)\n y = MatMul(s, v)',
      },
      groups: 'w:0 8',
    },
  })
})

describe('weights', () => {
  testCases({
    'a tied embedding': {
      model: {
        inputs: 'int64[N, S] x',
        constants: 'float[7, 4] w, float[4, 6] a, float[6, 4] b',
        nodes: 'e = Gather(w, x)\n h = MatMul(e, a)\n r = Relu(h)\n k = MatMul(r, b)\n t = Transpose(w)\n y = MatMul(k, t)',
      },
      groups: 'w:1 4, a:1 6',
    },
    'one matrix read by two nodes': { model: between('k = MatMul(h, t)\n', 'float[8, 8] t'), groups: 'w:1 8, t:1 8' },
    'copies of a matrix through Identity': {
      model: between('a = MatMul(h, t)\n s = Identity(t)\n b = Relu(a)\n k = MatMul(b, s)', 'float[8, 8] t'),
      groups: 'w:1 8',
    },
    'a bias that two layers of unequal units share': {
      model: between('a = Add(h, c)\n b = MatMul(a, t)\n k = Add(b, c)', 'float[8, 8] t, float[8] c'),
      groups: 'w:1 8, t:1 8',
    },
    'a bias in a Constant node, shared': {
      model: between(
        'c = Constant<value = float[4] {1, 2, 3, 4}>()\n a = MatMul(h, s)\n b = Add(a, c)\n d = MatMul(b, t)\n k = Add(d, c)',
        'float[8, 4] s, float[4, 4] t',
        4,
      ),
      groups: 'w:1 8, s:1 4, t:1 4',
    },
    'a weight in a Constant node': {
      model: between(
        'c = Constant<value = float[8, 2] {1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1}>()\n k = MatMul(h, c)',
        '',
        2,
      ),
      groups: 'w:1 8, c:1 2',
    },
    'a weight that is an output of the model too': {
      model: { ...between('k = Relu(h)'), outputs: 'y, w' },
      groups: '',
      held: { 'w:1': 'it is an output of the model' },
    },
    'a copy of a weight that is an output of the model': {
      model: { ...between('k = Relu(h)\n z = Identity(w)'), outputs: 'y, z' },
      groups: '',
      held: { 'w:1': 'it is an output of the model' },
    },
    'a weight that stands among the inputs too': {
      model: { ...between('k = Relu(h)'), inputs: 'float[N, 5] x, float[5, 8] w' },
      groups: 'w:1 8',
    },
  })
})

const QKV = 'float[5, 8] q, float[5, 8] k, float[5, 8] v'

/** x f32[N, S, 5] to a, b and c of 8 units each; `nodes` make z of them, which has as many as `o` takes. */
const attention = (nodes: string, constants = '', rest: Partial<Tiny> = {}): Tiny => ({
  inputs: 'float[N, S, 5] x',
  constants: `${QKV}, float[8, 2] o${constants && `, ${constants}`}`,
  nodes: `a = MatMul(x, q)\n b = MatMul(x, k)\n c = MatMul(x, v)\n ${nodes}\n y = MatMul(z, o)`,
  opset: 23,
  ...rest,
})

/** 'four' and 'merged' are targets for 4 heads of 2. */
const TARGETS = 'int64[4] four = {0, 0, 4, 2}, int64[3] merged = {0, 0, 8}'

/** `heads` names three values f32[N, heads, S, headDim]; `scores` turns s into t. */
const multiply = ([q, k, v]: readonly string[], scores = 't = Identity(s)') => `
  kt = Transpose<perm = [0, 1, 3, 2]>(${k})
  s = MatMul(${q}, kt)
  ${scores}
  p = Softmax<axis = -1>(t)
  m = MatMul(p, ${v})
  w = Transpose<perm = [0, 2, 1, 3]>(m)
  z = Reshape(w, merged)`

const headsOf = (name: string, target: string) =>
  `${name}4 = Reshape(${name}, ${target})\n ${name}h = Transpose<perm = [0, 2, 1, 3]>(${name}4)\n`

describe('attention', () => {
  const plain = headsOf('a', 'four') + headsOf('b', 'four') + headsOf('c', 'four')
  const heads = ['ah', 'bh', 'ch']
  testCases({
    'heads of separate weights; within a head query with key, and value with output': {
      model: attention(plain + multiply(heads, 'd = Constant<value_float = 0.7>()\n t = Mul(s, d)'), TARGETS),
      groups: 'q:1 4, q:1#2 2, v:1 2',
    },
    'a bias for each head': {
      model: attention(plain + multiply(heads, 't = Add(s, e)'), `${TARGETS}, float[1, 4, 1, 1] e`),
      groups: 'q:1 4, q:1#2 2, v:1 2',
    },
    '1 ÷ √headDim read from a shape holds what is within a head': {
      model: attention(
        plain + multiply(heads, 'sh = Shape<start = 3>(ah)\n f = Cast<to = 1>(sh)\n r = Sqrt(f)\n t = Div(s, r)'),
        TARGETS,
      ),
      groups: 'q:1 4, v:1 2',
      held: { 'q:1#2': "Sqrt 'r' computes with its size" },
    },
    'keys and values that two queries share, by Expand': {
      model: attention(
        `${headsOf('a', 'four')}
         b5 = Reshape(b, five)\n be = Expand(b5, rep)\n bm = Reshape(be, four)\n bh = Transpose<perm = [0, 2, 1, 3]>(bm)
         c5 = Reshape(c, five)\n ce = Expand(c5, rep)\n cm = Reshape(ce, four)\n ch = Transpose<perm = [0, 2, 1, 3]>(cm)
         ${multiply(heads)}`,
        '',
        {
          constants: `float[5, 8] q, float[5, 4] k, float[5, 4] v, float[8, 2] o, ${TARGETS}, int64[5] five = {0, 0, 2, 1, 2}, int64[5] rep = {1, 1, 1, 2, 1}`,
        },
      ),
      groups: 'q:1 2, q:1#2 2, q:1#3 2, v:1 2',
    },
    'one key and value for all queries': {
      model: attention(`${headsOf('a', 'four') + headsOf('b', 'one') + headsOf('c', 'one')}${multiply(heads)}`, '', {
        constants: `float[5, 8] q, float[5, 2] k, float[5, 2] v, float[8, 2] o, ${TARGETS}, int64[4] one = {0, 0, 1, 2}`,
      }),
      groups: 'q:1 4, q:1#2 2, v:1 2',
    },
    'query, key and value from one weight, by Split': {
      model: {
        inputs: 'float[N, S, 5] x',
        constants: `float[5, 24] w, float[24] i, float[8, 2] o, ${TARGETS}`,
        nodes: `u = MatMul(x, w)\n j = Add(u, i)\n a, b, c = Split<axis = -1, num_outputs = 3>(j)\n ${
          plain + multiply(heads).replace('w =', 'ww =').replace('(w,', '(ww,')
        }\n y = MatMul(z, o)`,
      },
      groups: 'w:1 4, w:1#2 2, w:1#3 2',
    },
    'query, key and value from one weight, by Reshape and Gather': {
      model: {
        inputs: 'float[N, S, 5] x',
        constants: `float[5, 24] w, float[8, 2] o, int64[5] n = {0, 0, 3, 4, 2}, int64[3] merged = {0, 0, 8}, int64 i0 = {0}, int64 i1 = {1}, int64 i2 = {-1}`,
        nodes: `u = MatMul(x, w)\n g = Reshape(u, n)\n j = Transpose<perm = [2, 0, 3, 1, 4]>(g)
          ah = Gather(j, i0)\n bh = Gather(j, i1)\n ch = Gather(j, i2)\n ${multiply(heads).replace('w =', 'ww =').replace('(w,', '(ww,')}\n y = MatMul(z, o)`,
      },
      groups: 'w:1#2 4, w:1#3 2',
    },
    'rotary tables go in pairs': {
      model: attention(
        `${plain}
         f = Slice(ah, i0, i2, i3)\n l = Slice(ah, i2, i4, i3)\n nl = Neg(l)\n r = Concat<axis = 3>(nl, f)\n ac = Mul(ah, cos)\n as = Mul(r, sin)\n ar = Add(ac, as)
         ${multiply(['ar', 'bh', 'ch'])}`,
        '',
        {
          constants: `float[5, 16] q, float[5, 16] k, float[5, 16] v, float[16, 2] o, float[7, 4] cosines, float[4] cos, float[4] sin,
            int64[4] four = {0, 0, 4, 4}, int64[3] merged = {0, 0, 16}, int64[1] i0 = {0}, int64[1] i2 = {2}, int64[1] i3 = {3}, int64[1] i4 = {4}`,
        },
      ),
      groups: 'q:1 4, q:1#2 2, v:1 4',
    },
    'Attention of ai.onnx, flat and grouped': {
      model: attention('z = Attention<q_num_heads = 4, kv_num_heads = 2>(a, b, c)', '', {
        constants: 'float[5, 8] q, float[5, 4] k, float[5, 4] v, float[8, 2] o',
      }),
      groups: 'q:1 2, q:1#2 2',
    },
    'Attention of ai.onnx, with axes of its own for heads': {
      model: attention(
        `${plain} m = Attention(ah, bh, ch)\n w = Transpose<perm = [0, 2, 1, 3]>(m)\n z = Reshape(w, merged)`,
        TARGETS,
      ),
      groups: 'q:1 4',
    },
    'Attention of com.microsoft, with sizes of query, key and value': {
      model: {
        inputs: 'float[N, S, 5] x',
        constants: 'float[5, 24] w, float[24] i, float[16, 2] o',
        nodes: 'z = com.microsoft.Attention<num_heads = 2, qkv_hidden_sizes = [4, 4, 16]>(x, w, i)\n y = MatMul(z, o)',
      },
      groups: 'w:1 2',
    },
    'MultiHeadAttention with a bias': {
      model: attention('z = com.microsoft.MultiHeadAttention<num_heads = 4>(a, b, c, d)', 'float[24] d'),
      groups: 'q:1 4',
    },
    'GroupQueryAttention, packed, with head sinks': {
      model: {
        inputs: 'float[1, 4, 5] x',
        constants: 'float[5, 64] w, float[32, 2] o, int32[1] l = {3}, int32 t = {4}',
        nodes:
          'u = MatMul(x, w)\n z = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>(u, , , , , l, t)\n y = MatMul(z, o)',
      },
      groups: 'w:1 2, w:1#2 2',
    },
  })
})

describe('feed-forward networks', () => {
  testCases({
    'gate and up from one weight': {
      model: between('a, b = Split<axis = 1, num_outputs = 2>(h)\n s = Sigmoid(a)\n g = Mul(a, s)\n k = Mul(g, b)', '', 4),
      groups: 'w:1 4',
    },
    'gate and up by slices whose bounds are computed': {
      model: between(
        's = Shape<start = 1>(h)\n d = Div(s, two)\n a = Slice(h, zero, d, one)\n b = Slice(h, d, s, one)\n g = Mul(a, b)\n k = Relu(g)',
        'int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}',
        4,
      ),
      groups: 'w:1 4',
    },
    'sizes of the batch computed around a Gemm': {
      model: {
        inputs: 'float[N, S, 5] x',
        constants: 'float[5, 8] w, float[8, 2] v, int64[2] flat = {-1, 5}, int64[1] eight = {8}',
        nodes:
          's = Shape<start = 0, end = 2>(x)\n f = Reshape(x, flat)\n h = Gemm(f, w)\n n = Concat<axis = 0>(s, eight)\n k = Reshape(h, n)\n y = MatMul(k, v)',
      },
      groups: 'w:1 8',
    },
  })
})

describe('norms', () => {
  testCases({
    'LpNormalization: what is 0 adds nothing to the norm': {
      model: between('k = LpNormalization<axis = 1, p = 2>(h)'),
      groups: 'w:1 8',
    },
    'a network behind the spectrum of sound': {
      model: {
        inputs: 'float[N, 80, 1] x',
        constants: `int64 hop = {10}, float[20] window, int64 bands = {6}, int64 long = {20}, int64 rate = {16000}, float low = {0}, float high = {8000},
          int64[1] last = {-1}, float[4, 6, 3] w, float[2, 4, 1] v`,
        nodes: `weights = MelWeightMatrix(bands, long, rate, low, high) s = STFT(x, hop, window) p = ReduceSumSquare<keepdims = 0>(s, last)
          m = MatMul(p, weights) t = Transpose<perm = [0, 2, 1]>(m) h = Conv<pads = [1, 1]>(t, w) r = Relu(h) y = Conv(r, v)`,
      },
      groups: 'w:0 4',
    },
    'a transform along the sequence, which channels pass': {
      model: {
        inputs: 'float[N, S, 5] x',
        constants: 'float[5, 8] w, int64[1] last = {-1}, int64 one = {1}, int64 zero = {0}, float[8, 2] v',
        nodes: `h = MatMul(x, w) u = Unsqueeze(h, last) f = DFT(u, , one) r = Gather<axis = -1>(f, zero) y = MatMul(r, v)`,
        opset: 20,
      },
      groups: 'w:1 8',
    },
    'GroupNormalization loses whole groups, with a scale for each group': {
      model: image('k = GroupNormalization<num_groups = 4, epsilon = 0.1>(h, s, b)', 'float[4] s, float[4] b'),
      groups: 'w:0 4, w:0#2 2',
    },
    'GroupNormalization keeps equally many channels in each group that stays': {
      model: {
        ...image('k = GroupNormalization<num_groups = 2, epsilon = 0.1>(h, s, b)', 'float[8] s, float[8] b'),
        opset: 21,
      },
      groups: 'w:0 2, w:0#2 4',
    },
    'SkipLayerNormalization, whose fourth output is the sum': {
      model: {
        inputs: 'float[N, S, 5] x',
        constants: 'float[5, 8] w, float[8, 6] a, float[6, 8] b, float[8] g, float[8] e, float[8, 2] v',
        nodes: `h = MatMul(x, w)\n i = MatMul(h, a)\n r = Relu(i)\n j = MatMul(r, b)
          n, , , s = com.microsoft.SkipLayerNormalization(h, j, g, e)\n k = Add(n, s)\n y = MatMul(k, v)`,
      },
      groups: 'w:1 8, a:1 6',
    },
    'EmbedLayerNormalization and its sum': {
      model: {
        inputs: 'int32[N, S] i, int32[N, S] j',
        constants: 'float[7, 4] w, float[7, 4] p, float[7, 4] s, float[4] g, float[4] b, float[4, 2] v',
        nodes: 'h, m, e = com.microsoft.EmbedLayerNormalization(i, j, w, p, s, g, b)\n k = Add(h, e)\n y = MatMul(k, v)',
      },
      groups: 'w:1 4',
    },
  })
})

describe('graphs within graphs', () => {
  testCases({
    'a value that both branches read': {
      model: {
        inputs: 'float[N, 5] x, bool c',
        constants: 'float[5, 8] w, float[8, 2] v',
        nodes: `h = MatMul(x, w)
          k = If(c) <then_branch = a () => (float[N, 8] p) { p = Relu(h) }, else_branch = b () => (float[N, 8] q) { q = Neg(h) }>
          y = MatMul(k, v)`,
      },
      groups: 'w:1 8',
    },
    'weights of both branches, which make the same units': {
      model: {
        inputs: 'float[N, 5] x, bool c',
        constants: 'float[5, 8] w, float[8, 6] shared, float[6, 2] v',
        nodes: `h = MatMul(x, w)
          k = If(c) <then_branch = a () => (float[N, 6] p) { n = Relu(h)\n p = MatMul(n, shared) },
            else_branch = b () => (float[N, 6] q) <float[8, 4] t = {${numbers(32)}}, float[4, 6] u = {${numbers(24)}}> { n = MatMul(h, t)\n m = Relu(n)\n q = MatMul(m, u) }>
          y = MatMul(k, v)`,
      },
      groups: 'w:1 8, shared:1 6, k.else_branch/t:1 4',
    },
    'a branch within a branch, with sizes of its own to rewrite': {
      model: {
        inputs: 'float[N, 5] x, bool c',
        constants: 'float[5, 8] w, float[8, 2] v, int64[3] four = {0, 4, 2}, int64[2] flat = {0, 8}',
        nodes: `h = MatMul(x, w)
          k = If(c) <then_branch = a () => (float[N, 8] p) {
              p = If(c) <then_branch = d () => (float[N, 8] r) { i = Reshape(h, four)\n j = Transpose<perm = [0, 2, 1]>(i)\n l = Transpose<perm = [0, 2, 1]>(j)\n r = Reshape(l, flat) },
                else_branch = e () => (float[N, 8] s) { s = Abs(h) }> },
            else_branch = b () => (float[N, 8] q) { q = Neg(h) }>
          y = MatMul(k, v)`,
      },
      groups: 'w:1 4, w:1#2 2',
    },
    'branches of different lengths, as a decoder with and without a cache has': {
      model: {
        inputs: 'float[N, S, 5] x, float[N, P, 8] past, bool c',
        constants: 'float[5, 8] w, float[8, 2] v',
        nodes: `k, present = If(c) <
            then_branch = a () => (float[N, S, 8] p, float[N, T, 8] r) { h = MatMul(x, w)\n p = Relu(h)\n r = Concat<axis = 1>(past, h) },
            else_branch = b () => (float[N, S, 8] q, float[N, S, 8] s) { g = MatMul(x, w)\n q = Relu(g)\n s = Identity(g) }>
          y = MatMul(k, v)`,
        outputs: 'y, present',
      },
      groups: '',
      held: { 'w:1': "it is an axis of the input 'past'" },
    },
    'a branch that makes nothing, and says so with an empty constant': {
      model: {
        inputs: 'float[N, 5] x, bool c',
        constants: 'float[5, 8] w, float[8, 2] v, int64[3] three = {-1, 1, 8}, int64[1] last = {2}',
        nodes: `k, kept = If(c) <
            then_branch = a () => (float[N, 8] p, float[M, K, 8] none) { h = MatMul(x, w)\n p = Relu(h)\n none = Constant<value = float[0, 1, 8] {}>() },
            else_branch = b () => (float[N, 8] q, float[M, K, 8] s) { g = MatMul(x, w)\n q = Relu(g)\n s = Reshape(g, three) }>
          y = MatMul(k, v)\n z = ReduceSum<keepdims = 0>(kept, last)`,
        outputs: 'y, z',
      },
      groups: 'w:1 8',
    },
    'branches that make different numbers of units': {
      model: {
        inputs: 'float[N, 5] x, bool c',
        constants: 'float[5, 8] w, float[2, 2] v',
        nodes: `h = MatMul(x, w)
          k = If(c) <then_branch = a () => (float[N, M] p) { p = Relu(h) }, else_branch = b () => (float[N, M] q) { z, q = Split<axis = 1, num_outputs = 2>(h) }>
          m = ReduceSum<keepdims = 1>(k)
          n = Concat<axis = 1>(m, m)
          y = MatMul(n, v)`,
      },
      groups: '',
      held: { 'w:1': "If 'k' works along it" },
    },
    'a weight that a branch gives out': {
      model: {
        inputs: 'float[N, 5] x, bool c',
        constants: 'float[5, 8] w, float[8, 2] v',
        nodes: `h = MatMul(x, w)\n r = Relu(h)\n y = MatMul(r, v)
          z = If(c) <then_branch = a () => (float[N, 8] p) { p = MatMul(x, w) }, else_branch = b () => (float[N, 8] q) { q = Identity(w) }>`,
        outputs: 'y, z',
      },
      groups: '',
      held: { 'w:1': "it is an axis of the output 'z'" },
    },
    'a size that a branch computes with': {
      model: {
        inputs: 'float[N, 5] x, bool c',
        constants: 'float[5, 8] w, float[8, 2] v',
        nodes: `h = MatMul(x, w)
          s = Shape<start = 1>(h)
          f = Cast<to = 1>(s)
          r = Relu(h)
          m = MatMul(r, v)
          y = If(c) <then_branch = a () => (float[N, 2] p) { p = Div(m, f) }, else_branch = b () => (float[N, 2] q) { q = Neg(m) }>`,
      },
      groups: '',
      held: { 'w:1': "Div 'y.then_branch/p' computes with its size" },
    },
    'a hidden state that a loop carries on': {
      model: {
        inputs: 'float[N, 5] x',
        constants: 'float[5, 8] w, float[8, 8] u, float[8, 2] v, int64 n = {3}, bool t = {1}',
        nodes: `h = MatMul(x, w)
          k = Loop(n, t, h) <body = b (int64 i, bool g, float[N, 8] s) => (bool o, float[N, 8] z) { o = Identity(g)\n m = MatMul(s, u)\n a = Add(m, h)\n z = Tanh(a) }>
          y = MatMul(k, v)`,
      },
      groups: 'w:1 8',
    },
    'hidden units of a loop, which it keeps to itself': {
      model: {
        inputs: 'float[N, 5] x',
        constants: 'int64 n = {3}, bool t = {1}',
        nodes: `y = Loop(n, t, x) <body = b (int64 i, bool g, float[N, 5] s) => (bool o, float[N, 5] z)
          <float[5, 8] w = {${numbers(40)}}, float[8, 5] v = {${numbers(40)}}> { o = Identity(g)\n h = MatMul(s, w)\n r = Relu(h)\n m = MatMul(r, v)\n z = Add(m, s) }>`,
      },
      groups: 'y.body/w:1 8',
    },
    'a recurrent network by Scan': {
      model: {
        inputs: 'float[S, N, 5] x, float[N, 2] zero',
        constants: 'float[2, 8] from, float[5, 8] w, float[8, 8] u, float[8, 2] v, float[8, 2] e',
        nodes: `h = MatMul(zero, from)
          last, all = Scan<num_scan_inputs = 1, body = b (float[N, 8] s, float[N, 5] i) => (float[N, 8] z, float[N, 8] c) { m = MatMul(i, w)\n q = MatMul(s, u)\n a = Add(m, q)\n z = Tanh(a)\n c = Relu(z) }>(h, x)
          y = MatMul(all, v)
          k = MatMul(last, e)`,
        outputs: 'y, k',
      },
      groups: 'from:1 8',
    },
    'a loop beside what is cut': {
      model: {
        inputs: 'float[N, 5] x',
        constants: 'float[5, 8] w, float[8, 5] v, int64 n = {3}, bool t = {1}',
        nodes: `h = MatMul(x, w)\n r = Relu(h)\n k = MatMul(r, v)
          y = Loop(n, t, k) <body = b (int64 i, bool g, float[N, 5] s) => (bool o, float[N, 5] u) { o = Identity(g)\n u = Add(s, x) }>`,
      },
      groups: 'w:1 8',
    },
    'a local function': {
      model: {
        inputs: 'float[N, 5] x',
        constants: 'float[5, 8] w, float[8, 8] u, float[8, 2] v',
        nodes: 'h = MatMul(x, w)\n k = local.block(h, u)\n y = MatMul(k, v)',
        functions: '<domain: "local", opset_import: ["" : 18]> block (a, b) => (c) { d = MatMul(a, b)\n c = Relu(d) }',
      },
      groups: '',
      held: { 'w:1': "block 'k' is not understood" },
    },
  })

  test('a local function in place of its calls: each is cut as it is called', async () => {
    const model = tinyModel({
      inputs: 'float[N, 5] x',
      constants: 'float[5, 8] w, float[8, 8] u, float[8, 6] t, float[6, 2] v',
      nodes: 'h = MatMul(x, w)\n i = local.block(h, u)\n k = local.block(i, t)\n y = MatMul(k, v)',
      functions: '<domain: "local", opset_import: ["" : 18]> block (a, b) => (c) { d = MatMul(a, b)\n c = Relu(d) }',
    })
    const inlined = inlineFunctions(model)
    const coupling = await findCoupling(inlined)
    expect(listed(coupling)).toBe('w:1 8, u:1 8, t:1 6')
    expect(await difference(model, inlined, SIZES)).toBe(0)
    const [expected, actual] = [gated, cut].map((make) => make(inlined, coupling.dependencies, odd(coupling)))
    expect(await difference(expected!, actual!, SIZES)).toBeLessThan(1e-5)
  })
})

test('an operator that is not understood holds what it touches, and no more where the model states its shape', async () => {
  const model = (values: string) =>
    parseText(
      `<ir_version: 8, opset_import: ["" : 17, "acme" : 1]> g (float[N, 4] x) => (float[N, 3] y)
       <float[4, 8] w, float[8, 8] u, float[8, 8] t, float[8, 3] v${values}>
       { h = MatMul(x, w)\n r = Relu(h)\n i = MatMul(r, u)\n a = acme.Act(i)\n k = MatMul(a, t)\n l = Relu(k)\n y = MatMul(l, v) }`,
      { w: new Float32Array(32), u: new Float32Array(64), t: new Float32Array(64), v: new Float32Array(24) },
    )
  expect(listed(await findCoupling(model(', float[N, 8] a')))).toBe('w:1 8, t:1 8')
  // A size of its own that no input has.
  expect(listed(await findCoupling(model(', float[M, 8] a')))).toBe('w:1 8')
  expect(listed(await findCoupling(model('')))).toBe('w:1 8')
})

describe('element types', () => {
  testCases({
    f16: {
      model: {
        inputs: 'float[N, 5] x',
        constants: 'float16[5, 8] w, float16[8] b, float16[8, 2] v',
        nodes: 'i = Cast<to = 10>(x)\n h = MatMul(i, w)\n a = Add(h, b)\n k = Relu(a)\n o = MatMul(k, v)\n y = Cast<to = 1>(o)',
      },
      groups: 'w:1 8',
      tolerance: 1e-2,
    },
    f64: {
      model: {
        inputs: 'double[N, 5] x',
        constants: 'double[5, 8] w, double[8] b, double[8, 2] v',
        nodes: 'h = MatMul(x, w)\n a = Add(h, b)\n k = Relu(a)\n y = MatMul(k, v)',
      },
      groups: 'w:1 8',
      tolerance: 1e-12,
    },
    'a quantised weight between float weights': {
      model: between(
        't = DequantizeLinear<axis = 1>(i, s, z)\n k = MatMul(h, t)',
        'int8[8, 4] i = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, -1, -2, -3, -4, -5, -6, -7, -8, 1, 1, 2, 2, 3, 3, 4, 4}, float[4] s, int8[4] z = {0, 1, 2, 3}',
        4,
      ),
      groups: 'w:1 8, i:1 4',
    },
  })
})

describe('operator sets', () => {
  // Axes of Softmax, sizes of Split, axes of ReduceSum and Squeeze changed their places between these.
  const old = (opset: number): Tiny => ({
    inputs: 'float[N, 5, 4, 4] x',
    constants: 'float[8, 5, 1, 1] w, float[4, 2] v, float[2] c, int64[2] a = {2, 3}',
    nodes: `h = Conv(x, w)
       p, q = Split<axis = 1${opset < 18 ? '' : ', num_outputs = 2'}>(h)
       m = Mul(p, q)
       g = GlobalAveragePool(m)
       r = ${opset < 13 ? 'Squeeze<axes = [2, 3]>(g)' : 'Squeeze(g, a)'}
       y = Gemm(r, v, c)`,
    opset,
    irVersion: opset < 10 ? 4 : opset < 21 ? 8 : 10,
  })
  testCases(
    Object.fromEntries(
      [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24].map((opset) => [
        `opset ${opset}`,
        { model: old(opset), groups: 'w:0 4' },
      ]),
    ),
  )
})
