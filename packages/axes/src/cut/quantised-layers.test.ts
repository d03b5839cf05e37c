import { describe } from 'vitest'
import { testCases } from './cases.test.support.js'

// The gated model and the cut one in ONNX Runtime: what it makes of 8 bits differs by a step where a range follows from other numbers.

/** Rows of a table, of which `w` blocks of 16 are 64 wide, and back to 3. */
const table = (constants: string, attributes: string, zeros = '') => ({
  ...{ inputs: 'int64[N, S] ids', opset: 21 },
  constants: `${constants}, float[9, 4] s, float[64, 3] v`,
  nodes: `x = com.microsoft.GatherBlockQuantized<block_size = 16, ${attributes}>(t, ids, s${zeros})\n y = MatMul(x, v)`,
})

describe('layers on codes in one node', () => {
  testCases({
    'packed attention': {
      model: {
        inputs: 'float[N, S, 5] x',
        constants:
          'float[5, 6] u, float a = {0.02}, uint8 z = {128}, int8[6, 24] w, float[24] b, float[24] ws, int8[24] wz, float[8, 3] v',
        nodes: `h = MatMul(x, u)\n q = QuantizeLinear(h, a, z)\n k = com.microsoft.QAttention<num_heads = 4>(q, w, b, a, ws, , z, wz)\n y = MatMul(k, v)`,
      },
      groups: 'u:1 6, w:1 4',
      tolerance: 0.03,
    },
    'a recurrent layer, whose inputs go': {
      model: {
        inputs: 'float[S, N, 5] x',
        constants:
          'float[5, 6] u, int8[1, 6, 16] w, int8[1, 4, 16] r, float[1, 32] b, float[1] ws = {0.01}, int8[1] wz = {0}, float[1] rs = {0.01}, int8[1] rz = {0}, float[4, 3] v',
        nodes: `h = MatMul(x, u)\n k = com.microsoft.DynamicQuantizeLSTM<hidden_size = 4>(h, w, r, b, , , , , ws, wz, rs, rz)\n y = MatMul(k, v)`,
      },
      groups: 'u:1 6',
      held: { 'w:2': "DynamicQuantizeLSTM 'k' rounds the states of all its units together" },
      tolerance: 0.03,
    },
    'a table in blocks, of which whole ones go': {
      model: table('uint4[9, 64] t', 'bits = 4'),
      groups: 't:1 4',
      held: {
        't:0': "GatherBlockQuantized 'x' finds rows by their numbers",
        't:1#2': "GatherBlockQuantized 'x' has scales of blocks of 16 along it",
      },
    },
    'a table packed in bytes': {
      model: table('uint8[9, 32] t', 'bits = 4'),
      groups: 't:1 4',
    },
    'a table whose zero points share bytes': {
      model: table('uint8[9, 32] t, uint8[9, 2] z', 'bits = 4', ', z'),
      groups: '',
      held: { 't:1': "GatherBlockQuantized 'x' has zero points that share bytes along it" },
    },
    'experts packed in 8 bits': {
      model: {
        inputs: 'float[N, S, 5] x',
        constants: `float[5, 16] u, float[16, 4] r, uint8[4, 32, 16] f, float[4, 32] fs, uint8[4, 16, 32] g, float[4, 16] gs, float[16, 3] v, int64[2] flat = {-1, 16}`,
        nodes: `h = MatMul(x, u)\n i = Reshape(h, flat)\n l = MatMul(i, r)\n m = com.microsoft.QMoE<k = 2, expert_weight_bits = 8, activation_type = "relu">(h, l, f, fs, , g, gs)\n k = Add(h, m)\n y = MatMul(k, v)`,
      },
      groups: 'r:1 4',
      held: { 'u:1': "QMoE 'm' has its weights packed along it" },
    },
  })
})
