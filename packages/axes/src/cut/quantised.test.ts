import { describe } from 'vitest'
import { between, image, type Tiny } from '../dependency/rules/rules.test.support.js'
import { testCases } from './cases.test.support.js'

// The gated model and the cut one in ONNX Runtime: the same integers are added in both, so that they agree to the last bits of the floats around them.

const SCALES = 'float s = {0.02}, uint8 z = {128}'
const codes = (more: string) => `${SCALES}, ${more}`

/** Between two convolutions of integers: i holds the codes of 8 channels, and `nodes` make k of it. */
const integers = (nodes: string, constants = '', last = 8): Tiny => ({
  inputs: 'float[N, 5, 4, 4] x',
  constants: `${SCALES}, int8[8, 5, 1, 1] w, float[8] ws, int8[8] wz, int32[8] b, int8[2, ${last}, 1, 1] v, float vs = {0.01}, int8 vz = {3}${constants && `, ${constants}`}`,
  nodes: `q = QuantizeLinear(x, s, z)\n i = QLinearConv(q, s, z, w, ws, wz, s, z, b)\n ${nodes}
          o = QLinearConv(k, s, z, v, vs, vz, s, z)\n y = DequantizeLinear(o, s, z)`,
})

describe('weights behind DequantizeLinear', () => {
  testCases({
    'one scale for all': {
      model: between('t = DequantizeLinear(i, s, z)\n k = MatMul(h, t)', 'int8[8, 4] i, float s = {0.1}, int8 z = {2}', 4),
      groups: 'w:1 8, i:1 4',
    },
    'one for each input': {
      model: between('t = DequantizeLinear<axis = 0>(i, s)\n k = MatMul(h, t)', 'uint8[8, 4] i, float[8] s', 4),
      groups: 'w:1 8, i:1 4',
    },
    'turned over and cast': {
      model: between(
        't = DequantizeLinear<axis = 0>(i, s)\n u = Transpose<perm = [1, 0]>(t)\n k = MatMul(h, u)',
        'int8[4, 8] i, float[4] s',
        4,
      ),
      groups: 'w:1 8, i:0 4',
    },
    'with biases and activations': {
      model: image(
        `hq = QuantizeLinear(h, s, z)\n hd = DequantizeLinear(hq, s, z)\n t = DequantizeLinear<axis = 0>(i, ts)
         c = DequantizeLinear<axis = 0>(b, bs)\n k = Conv(hd, t, c)`,
        codes('int8[6, 8, 1, 1] i, float[6] ts, int32[6] b, float[6] bs'),
        6,
      ),
      groups: 'w:0 8, i:0 6',
    },
    'of 4 bits': {
      model: { ...between('t = DequantizeLinear<axis = 1>(i, s)\n k = MatMul(h, t)', 'int4[8, 3] i, float[3] s', 3), opset: 21 },
      groups: 'w:1 8, i:1 3',
    },
    'in blocks, of which whole ones go': {
      model: {
        ...between(
          't = DequantizeLinear<axis = 0, block_size = 2>(i, s, z)\n k = MatMul(h, t)',
          'int8[8, 4] i, float[4, 4] s, int8[4, 4] z',
          4,
        ),
        opset: 21,
      },
      groups: 'w:1 4, i:1 4',
      held: { 'w:1#2': "DequantizeLinear 't' has scales of blocks of 2 along it" },
    },
  })
})

describe('products of integers', () => {
  testCases({
    QLinearConv: { model: integers('k = Identity(i)'), groups: 'w:0 8' },
    'a grouped QLinearConv': {
      model: integers('k = QLinearConv<group = 2>(i, s, z, t, ts, tz, s, z)', 'int8[6, 4, 1, 1] t, float[6] ts, int8[6] tz', 6),
      groups: 'w:0 2, w:0#2 4, t:0 3',
    },
    'sums and functions of codes': {
      model: integers(
        `a = com.microsoft.QLinearSigmoid(i, s, z, s, z)\n l = com.microsoft.QLinearLeakyRelu<alpha = 0.1>(i, s, z, s, z)
         m = com.microsoft.QLinearMul(a, s, z, l, s, z, s, z)\n n = com.microsoft.QLinearAdd(m, s, z, i, s, z, s, z)
         k = com.microsoft.QLinearAveragePool<kernel_shape = [2, 2]>(n, s, z, s, z)`,
      ),
      groups: 'w:0 8',
    },
    'joined codes': {
      model: integers(
        'a = com.microsoft.QLinearSigmoid(i, s, z, s, z)\n k = com.microsoft.QLinearConcat<axis = 1>(s, z, i, s, z, a, s, z)',
        '',
        16,
      ),
      groups: 'w:0 8',
    },
    'an average over the image': {
      model: integers('k = com.microsoft.QLinearGlobalAveragePool(i, s, z, s, z)'),
      groups: 'w:0 8',
    },
    ConvInteger: {
      model: image(
        'd, ds, dz = DynamicQuantizeLinear(h)\n c = ConvInteger(d, t, dz, tz)\n f = Cast<to = 1>(c)\n m = Mul(ds, ts)\n k = Mul(f, m)',
        'uint8[6, 8, 1, 1] t, uint8 tz = {100}, float ts = {0.01}',
        6,
      ),
      groups: 'w:0 8, t:0 6',
    },
    'MatMulInteger, as dynamic quantisation makes it': {
      model: between(
        'd, ds, dz = DynamicQuantizeLinear(h)\n c = MatMulInteger(d, t, dz, tz)\n f = Cast<to = 1>(c)\n m = Mul(ds, ts)\n k = Mul(f, m)',
        'int8[8, 6] t, int8[6] tz, float[6] ts',
        6,
      ),
      groups: 'w:1 8, t:1 6',
    },
    'MatMulInteger without zero points': {
      model: between(
        'd = QuantizeLinear(h, s)\n c = MatMulInteger(d, t)\n f = Cast<to = 1>(c)\n k = Mul(f, s)',
        'float s = {0.05}, uint8[8, 6] t',
        6,
      ),
      groups: 'w:1 8, t:1 6',
    },
    QLinearMatMul: {
      model: between(
        'd = QuantizeLinear(h, s, z)\n c = QLinearMatMul(d, s, z, t, ts, tz, s, z)\n k = DequantizeLinear(c, s, z)',
        codes('int8[8, 6] t, float[6] ts, int8[6] tz'),
        6,
      ),
      groups: 'w:1 8, t:1 6',
    },
    QGemm: {
      model: between(
        'd = QuantizeLinear(h, s, z)\n c = com.microsoft.QGemm<transB = 1>(d, s, z, t, ts, tz, b, s, z)\n k = DequantizeLinear(c, s, z)',
        codes('int8[6, 8] t, float[6] ts, int8[6] tz, int32[6] b'),
        6,
      ),
      groups: 'w:1 8, t:0 6',
    },
    DynamicQuantizeMatMul: {
      model: between(
        'k = com.microsoft.DynamicQuantizeMatMul(h, t, ts, tz, b)',
        'int8[8, 6] t, float[6] ts, int8[6] tz, float[6] b',
        6,
      ),
      groups: 'w:1 8, t:1 6',
    },
    MatMulIntegerToFloat: {
      model: between(
        'd, ds, dz = DynamicQuantizeLinear(h)\n k = com.microsoft.MatMulIntegerToFloat(d, t, ds, ts, dz, tz, b)',
        'int8[8, 6] t, float[6] ts, int8[6] tz, float[6] b',
        6,
      ),
      groups: 'w:1 8, t:1 6',
    },
  })
})

describe('MatMulNBits', () => {
  const product = (constants: string, inputs: string, more = '') => ({
    inputs: 'float[N, 5] x',
    constants: `float[5, 48] w, float[8, 2] v, ${constants}`,
    nodes: `h = MatMul(x, w)\n k = com.microsoft.MatMulNBits<K = 48, N = 8, bits = 4, block_size = 16${more}>(${inputs})\n y = MatMul(k, v)`,
  })
  const INNER = { 'w:1#2': "MatMulNBits 'k' has scales of blocks of 16 along it" }
  testCases({
    'outputs, and whole blocks of inputs': {
      model: product('uint8[8, 3, 8] b, float[24] s', 'h, b, s'),
      groups: 'w:1 3, b:0 8',
      held: INNER,
    },
    'with zero points for two': {
      model: product('uint8[8, 3, 8] b, float[24] s, uint8[16] z', 'h, b, s, z'),
      groups: 'b:0 8',
      held: { 'w:1': "MatMulNBits 'k' has zero points that share bytes along it" },
    },
    'with a bias and scales as a matrix': {
      model: product('uint8[8, 3, 8] b, float[8, 3] s, float[8] c', 'h, b, s, , , c'),
      groups: 'w:1 3, b:0 8',
      held: INNER,
    },
    'of 8 bits': {
      model: {
        inputs: 'float[N, 5] x',
        constants: 'float[5, 32] w, float[8, 2] v, uint8[8, 2, 16] b, float[16] s, uint8[16] z',
        nodes:
          'h = MatMul(x, w)\n k = com.microsoft.MatMulNBits<K = 32, N = 8, bits = 8, block_size = 16>(h, b, s, z)\n y = MatMul(k, v)',
      },
      groups: 'w:1 2, b:0 8',
    },
    'inputs that fill no whole block': {
      model: {
        inputs: 'float[N, 5] x',
        constants: 'float[5, 20] w, float[8, 2] v, uint8[8, 2, 8] b, float[16] s',
        nodes:
          'h = MatMul(x, w)\n k = com.microsoft.MatMulNBits<K = 20, N = 8, bits = 4, block_size = 16>(h, b, s)\n y = MatMul(k, v)',
      },
      groups: 'b:0 8',
    },
  })
})
