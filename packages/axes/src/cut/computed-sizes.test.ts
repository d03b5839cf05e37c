import { describe } from 'vitest'
import { between, image, type Tiny } from '../dependency/rules/rules.test.support.js'
import { testCases } from './cases.test.support.js'

// What exporters compute with sizes, instead of writing a number.

/** Pads as torch writes them: pairs from the last axis on, with zeros for the others, turned round. `front` is a list of 4, by name. */
const torchPads = (front: string) => `
  rest = ConstantOfShape<value = int64[1] {0}>(four)
  all = Concat<axis = 0>(${front}, rest)
  pairs = Reshape(all, pair)
  back = Slice(pairs, last, least, zero, last)
  turned = Transpose<perm = [1, 0]>(back)
  pads = Reshape(turned, last)`
const PADS = `int64[1] four = {4}, int64[2] pair = {-1, 2}, int64[1] zero = {0}, int64[1] last = {-1}, int64[1] least = {-9223372036854775807}`

/** f32[N, 5, H, W] to h, f32[N, 8, H, W]. */
const open = (nodes: string, constants = '', last = 8): Tiny => ({
  ...image(nodes, constants, last),
  inputs: 'float[N, 5, S, 4] x',
})

describe('pads', () => {
  testCases({
    'computed from constants': {
      model: image(`p = Constant<value = int64[4] {1, 1, 1, 1}>()\n ${torchPads('p')}\n k = Pad(h, pads)`, PADS),
      groups: 'w:0 8',
    },
    'computed from the height of the image, as for SAME': {
      model: open(
        `s = Shape(h)\n height = Gather(s, two)\n m = Mod(height, three)\n d = Sub(three, m)\n p = Concat<axis = 0>(zero, zero, zero, d)
         ${torchPads('p')}\n k = Pad(h, pads)`,
        `${PADS}, int64[1] two = {2}, int64[1] three = {3}`,
      ),
      groups: 'w:0 8',
    },
    'computed from the number of channels, which they hold': {
      model: image(
        `s = Shape<start = 1, end = 2>(h)\n m = Mod(s, three)\n p = Concat<axis = 0>(zero, m, zero, zero)\n ${torchPads('p')}\n k = Pad(h, pads)`,
        `${PADS}, int64[1] three = {3}`,
      ),
      groups: '',
      held: { 'w:0': "Pad 'k' computes with its size" },
    },
  })
})

describe('positions in another order', () => {
  testCases({
    'images rolled': {
      model: image(
        'a = Slice(h, one, most, two)\n b = Slice(h, zero, one, two)\n k = Concat<axis = 2>(a, b)',
        'int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] most = {9223372036854775807}',
      ),
      groups: 'w:0 8',
    },
    'images turned round': {
      model: image(
        'k = Slice(h, last, least, three, last)',
        'int64[1] last = {-1}, int64[1] least = {-9223372036854775807}, int64[1] three = {3}',
      ),
      groups: 'w:0 8',
    },
    'channels rolled': {
      model: image(
        'a = Slice(h, three, most, one)\n b = Slice(h, zero, three, one)\n k = Concat<axis = 1>(a, b)',
        'int64[1] zero = {0}, int64[1] one = {1}, int64[1] three = {3}, int64[1] most = {9223372036854775807}',
      ),
      groups: 'w:0 3, w:0#2 5',
    },
    'channels rolled by their positions': {
      model: image('k = Gather<axis = 1>(h, i)', 'int64[8] i = {3, 4, 5, 6, 7, 0, 1, 2}'),
      groups: 'w:0 3, w:0#2 5',
    },
    'channels shuffled by their positions': {
      model: image('k = Gather<axis = 1>(h, i)', 'int64[8] i = {0, 4, 1, 5, 2, 6, 3, -1}'),
      groups: 'w:0 2, w:0#2 4',
    },
    'some channels taken, in stretches': {
      model: image('k = Gather<axis = 1>(h, i)', 'int64[4] i = {5, 6, 1, 2}', 4),
      groups: 'w:0 2, w:0#2 2, w:0#3 2',
    },
    'each channel twice, by positions': {
      model: image('k = Gather<axis = 1>(h, i)', 'int64[16] i = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7}', 16),
      groups: 'w:0 8, v:1 2',
    },
    'channels in any other order': {
      model: image('k = Gather<axis = 1>(h, i)', 'int64[8] i = {5, 2, 7, 0, 3, 6, 1, 4}'),
      groups: 'w:0 8',
    },
    'channels in any other order, and back in theirs': {
      model: image(
        'a = Gather<axis = 1>(h, i)\n b = Gather<axis = 1>(a, j)\n k = Add(b, h)',
        'int64[8] i = {5, 2, 7, 0, 3, 6, 1, 4}, int64[8] j = {3, 6, 1, 4, 7, 0, 5, 2}',
      ),
      groups: 'w:0 8',
    },
    'channels in two orders at once': {
      model: image('a = Gather<axis = 1>(h, i)\n k = Add(a, h)', 'int64[8] i = {5, 2, 7, 0, 3, 6, 1, 4}'),
      groups: '',
      held: { 'w:0': "Add 'k': the same positions in two orders" },
    },
    'some channels in any other order': {
      model: image('k = Gather<axis = 1>(h, i)', 'int64[6] i = {5, 2, 7, 0, 3, 6}', 6),
      groups: 'w:0 8',
    },
    'some channels in any other order, some of them again': {
      model: image('k = Gather<axis = 1>(h, i)', 'int64[9] i = {5, 0, -5, 3, 7, 1, 5, 2, 6}', 9),
      groups: 'w:0 8',
    },
    'channels in any other order, and some of these again': {
      model: image(
        'a = Gather<axis = 1>(h, i)\n k = Gather<axis = 1>(a, j)',
        'int64[8] i = {5, 2, 7, 0, 3, 6, 1, 4}, int64[7] j = {3, 3, 1, 4, 7, 3, 0}',
        7,
      ),
      groups: 'w:0 8',
    },
    'some channels by their places, added to others of their number': {
      model: image(
        'a = Gather<axis = 1>(h, i)\n b = Gather<axis = 1>(h, j)\n k = Add(a, b)',
        'int64[6] i = {5, 2, 7, 0, 3, 6}, int64[6] j = {0, 6, 1, 7, 2, 4}',
        6,
      ),
      groups: '',
      held: { 'w:0': "Add 'k': the same positions in two orders" },
    },
    'some channels, by steps that do not end with them': {
      model: image(
        'k = Slice(h, one, most, one, three)',
        'int64[1] one = {1}, int64[1] most = {9223372036854775807}, int64[1] three = {3}',
        3,
      ),
      groups: '',
      held: { 'w:0': "Slice 'k' puts its positions in an order that pare does not follow" },
    },
    'channels turned round': {
      model: image(
        'k = Slice(h, last, least, one, last)',
        'int64[1] last = {-1}, int64[1] least = {-9223372036854775807}, int64[1] one = {1}',
      ),
      groups: 'w:0 8',
    },
    'every other unit times the next, as rotary pairs are': {
      model: between(
        'a = Slice(h, zero, most, one, two)\n b = Slice(h, one, most, one, two)\n k = Mul(a, b)',
        'int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] most = {9223372036854775807}',
        4,
      ),
      groups: 'w:1 4',
    },
    'bounds of 32 bits': {
      model: between(
        'a = Slice(h, zero, four, one)\n b = Slice(h, four, eight, one)\n k = Mul(a, b)',
        'int32[1] zero = {0}, int32[1] one = {1}, int32[1] four = {4}, int32[1] eight = {8}',
        4,
      ),
      groups: 'w:1 4',
    },
  })
})

const WINDOWS = `int64[1] i0 = {0}, int64[1] i1 = {1}, int64[1] i2 = {2}, int64[1] i3 = {3}, int64[1] half = {2}, int64[1] rest = {-1}`

describe('windows of an image', () => {
  const sizes =
    's = Shape(t)\n n = Gather(s, i0)\n a = Gather(s, i1)\n b = Gather(s, i2)\n c = Gather(s, i3)\n a2 = Div(a, half)\n b2 = Div(b, half)'
  const partition = (target: string) => `
    t = Transpose<perm = [0, 2, 3, 1]>(h)
    ${sizes}
    target = Concat<axis = 0>(${target})
    w6 = Reshape(t, target)
    wt = Transpose<perm = [0, 1, 3, 2, 4, 5]>(w6)`
  const back = `
    r1 = Relu(w3)
    to = Concat<axis = 0>(n, a2, b2, half, half, c)
    w7 = Reshape(r1, to)
    wu = Transpose<perm = [0, 1, 3, 2, 4, 5]>(w7)
    to4 = Concat<axis = 0>(n, a, b, c)
    u = Reshape(wu, to4)
    k = Transpose<perm = [0, 3, 1, 2]>(u)`
  const dynamic = (nodes: string): Tiny => ({ ...image(nodes, WINDOWS), inputs: 'float[N, 5, 4, 4] x' })
  testCases({
    'partitioned and put together, all sizes read': {
      model: dynamic(
        `${partition('n, a2, half, b2, half, c')}\n to3 = Concat<axis = 0>(rest, half, half, c)\n w3 = Reshape(wt, to3)\n ${back}`,
      ),
      groups: 'w:0 8',
    },
    'of an image of any height': {
      model: {
        ...dynamic(
          `p = Concat<axis = 2>(h, h)\n ${partition('n, a2, half, b2, half, c').replace('(h)', '(p)')}\n to3 = Concat<axis = 0>(rest, half, half, c)\n w3 = Reshape(wt, to3)\n ${back}`,
        ),
        inputs: 'float[N, 5, S, 4] x',
      },
      groups: 'w:0 8',
    },
    'with −1 for channels': {
      model: {
        ...dynamic(
          `p = Concat<axis = 2>(h, h)\n ${partition('n, a2, half, b2, half, rest').replace('(h)', '(p)')}\n to3 = Concat<axis = 0>(rest, half, half, c)\n w3 = Reshape(wt, to3)\n ${back}`,
        ),
        inputs: 'float[N, 5, S, 4] x',
      },
      groups: 'w:0 8',
    },
  })
})

/** Attention as BART, Marian and Whisper write it: matrices of batch · heads, whose number is computed. */
const inMatrices = (heads: string): Tiny => ({
  inputs: 'float[N, S, 5] x, float[N, 1, 1, S] mask',
  constants: `float[5, 8] w, float[8, 2] v, int64[4] apart = {0, 0, 4, 2}, int64[1] i0 = {0}, int64[1] i1 = {1}, int64[1] i2 = {2}, int64[1] four = {4}, int64[1] eight = {8}, int64[1] rest = {-1}`,
  nodes: `h = MatMul(x, w)
    r = Reshape(h, apart)
    t = Transpose<perm = [0, 2, 1, 3]>(r)
    s = Shape(h)\n n = Gather(s, i0)\n l = Gather(s, i1)
    ${heads}
    m = Mul(n, heads)
    flat = Concat<axis = 0>(m, rest, i2)
    q = Reshape(t, flat)
    k = Transpose<perm = [0, 2, 1]>(q)
    a = MatMul(q, k)
    square = Concat<axis = 0>(n, four, l, l)
    b = Reshape(a, square)
    c = Add(b, mask)
    flat3 = Concat<axis = 0>(m, l, l)
    d = Reshape(c, flat3)
    p = Softmax<axis = -1>(d)
    e = MatMul(p, q)
    back = Concat<axis = 0>(n, four, l, i2)
    f = Reshape(e, back)
    g = Transpose<perm = [0, 2, 1, 3]>(f)
    all = Concat<axis = 0>(n, l, eight)
    o = Reshape(g, all)
    y = MatMul(o, v)`,
})

describe('matrices of batch · heads', () => {
  testCases({
    'as many as a constant says: a share of what is computed is left': {
      model: inMatrices('heads = Identity(four)'),
      groups: 'w:1 4, w:1#2 2',
    },
    'as many as a Shape says: they are held': {
      model: inMatrices('z = Shape(t)\n heads = Gather(z, i1)'),
      groups: 'w:1#2 2',
      held: { 'w:1': "Reshape 'q' has sizes that are known only at run time" },
    },
  })
})

describe('targets', () => {
  testCases({
    'the batch read, and −1': {
      model: {
        inputs: 'float[N, 5, 4, 4] x',
        constants: `float[8, 5, 1, 1] w, float[128, 2] v, ${WINDOWS}`,
        nodes:
          'h = Conv(x, w)\n s = Shape(h)\n n = Gather(s, i0)\n t = Concat<axis = 0>(n, rest)\n f = Reshape(h, t)\n y = MatMul(f, v)',
      },
      groups: 'w:0 8',
    },
    'the batch read, and the product of the rest': {
      model: {
        inputs: 'float[N, 5, 4, 4] x',
        constants: `float[8, 5, 1, 1] w, float[128, 2] v, ${WINDOWS}`,
        nodes:
          'h = Conv(x, w)\n s = Shape(h)\n n = Gather(s, i0)\n l = Slice(s, i1, four)\n four = Constant<value = int64[1] {4}>()\n p = ReduceProd(l)\n t = Concat<axis = 0>(n, p)\n f = Reshape(h, t)\n y = MatMul(f, v)'.replace(
            /( l = .*\n)( four = .*\n)/,
            '$2$1',
          ),
      },
      groups: 'w:0 8',
    },
    'a pixel shuffle written with Reshape, sizes read': {
      model: {
        ...image(
          `s = Shape(h)\n n = Gather(s, i0)\n c = Gather(s, i1)\n a = Gather(s, i2)\n b = Gather(s, i3)\n q = Div(c, four)\n a2 = Mul(a, half)\n b2 = Mul(b, half)
           t = Concat<axis = 0>(n, q, half, half, a, b)\n p = Reshape(h, t)\n m = Transpose<perm = [0, 1, 4, 2, 5, 3]>(p)\n u = Concat<axis = 0>(n, q, a2, b2)\n k = Reshape(m, u)`,
          `${WINDOWS}, int64[1] four = {4}`,
          2,
        ),
        inputs: 'float[N, 5, S, 4] x',
      },
      groups: 'w:0 2',
    },
    'patches by Reshape and Transpose': {
      model: {
        inputs: 'float[N, 5, 4, 4] x',
        constants: `float[20, 8] w, float[8, 2] v, int64[6] a = {0, 5, 2, 2, 2, 2}, int64[3] b = {0, 4, 20}`,
        nodes:
          'p = Reshape(x, a)\n q = Transpose<perm = [0, 2, 4, 1, 3, 5]>(p)\n f = Reshape(q, b)\n h = MatMul(f, w)\n k = Relu(h)\n y = MatMul(k, v)',
      },
      groups: 'w:1 8',
    },
    'zeros of the shape of a value': {
      model: between('s = Shape(h)\n z = ConstantOfShape<value = float[1] {0.5}>(s)\n k = Add(h, z)'),
      groups: 'w:1 8',
    },
    'numbers of a stated shape': {
      model: {
        ...between(
          's = Shape(x)\n n = Gather(s, zero)\n t = Concat<axis = 0>(n, eight)\n z = ConstantOfShape<value = float[1] {0.5}>(t)\n k = Max(h, z)',
          'int64[1] zero = {0}, int64[1] eight = {8}',
        ),
      },
      groups: 'w:1 8',
    },
    'an Expand that looks for −1 in its target': {
      model: between(
        's = Shape(h)\n n = Shape(s)\n o = ConstantOfShape<value = int64[1] {1}>(n)\n m = Mul(o, minus)\n e = Equal(s, m)\n t = Where(e, o, s)\n z = Expand(c, t)\n k = Add(h, z)',
        'float[1] c, int64 minus = {-1}',
      ),
      groups: 'w:1 8',
    },
    'Resize to a computed height, with channels stated': {
      model: open(
        's = Shape(h)\n a = Gather(s, i2)\n a2 = Mul(a, half)\n n = Gather(s, i0)\n t = Concat<axis = 0>(n, eight, a2, eight)\n k = Resize(h, , , t)',
        `${WINDOWS}, int64[1] eight = {8}`,
      ),
      groups: 'w:0 8',
    },
    'Tile by a computed number of rows': {
      model: open('s = Shape(h)\n a = Gather(s, i2)\n t = Concat<axis = 0>(i1, half, a, i1)\n k = Tile(h, t)', WINDOWS, 16),
      groups: 'w:0 8, v:1 2',
    },
    'a Slice of channels and of computed rows': {
      model: open(
        's = Shape(h)\n a = Gather(s, i2)\n e = Div(a, half)\n ends = Concat<axis = 0>(six, e)\n starts = Concat<axis = 0>(i2, i0)\n axes = Concat<axis = 0>(i1, i2)\n k = Slice(h, starts, ends, axes)',
        `${WINDOWS}, int64[1] six = {6}`,
        4,
      ),
      groups: 'w:0 2, w:0#2 4, w:0#3 2',
    },
    'positions made by Range, with sines of them': {
      model: {
        inputs: 'float[N, S, 5] x',
        constants: 'float[5, 8] w, float[8, 2] v, float[8] f, int64 zero = {0}, int64 one = {1}, int64[1] axis = {1}',
        nodes: `h = MatMul(x, w)\n s = Shape(x)\n l = Gather(s, one)\n r = Range(zero, l, one)\n c = Cast<to = 1>(r)\n u = Unsqueeze(c, axis)\n a = Mul(u, f)\n t = Sin(a)
          k = Add(h, t)\n y = MatMul(k, v)`,
      },
      groups: 'w:1 8',
    },
  })
})
