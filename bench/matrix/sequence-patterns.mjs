// Networks for sequences, small: 16 wide, 4 heads of 4.

const D = 16
const tokens = (b, width = D, name = 'x') => b.input(name, ['N', 'S', width])
const fixed = (b, length = 8) => b.input('x', ['N', length, D])

function headsOf(b, x, heads, size, perm = [0, 2, 1, 3]) {
  return b.transpose(b.reshape(x, [0, -1, heads, size]), perm)
}

function mixed(b, [q, k, v], { bias, mask } = {}) {
  let scores = b.mul(b.node('MatMul', [q, k]), b.scalar(0.5))
  if (bias) scores = b.add(scores, bias)
  if (mask) scores = b.add(scores, mask)
  return b.node('MatMul', [b.softmax(scores, 4), v])
}

const joined = (b, x, width = D) => b.reshape(b.transpose(x, [0, 2, 1, 3]), [0, -1, width])

function attention(b, x, { context = x, bias, turn = (h) => h } = {}) {
  const q = turn(headsOf(b, b.linear(x, D, D), 4, 4))
  const k = b.transpose(turn(headsOf(b, b.linear(context, D, D), 4, 4)), [0, 1, 3, 2])
  const v = headsOf(b, b.linear(context, D, D), 4, 4)
  return b.linear(joined(b, mixed(b, [q, k, v], { bias })), D, D)
}

const mlp = (b, x, inner = 24, act = (h) => b.gelu(h)) => b.linear(act(b.linear(x, D, inner)), inner, D)

function block(b, x, options) {
  const y = b.add(x, attention(b, b.layerNorm(x, D), options))
  return b.add(y, mlp(b, b.layerNorm(y, D)))
}

function repeated(b, x, groups, shared) {
  const sizes = b.ints([1, 1, groups, 1, 1])
  return b.reshape(b.node('Expand', [b.unsqueeze(x, [2]), sizes]), [0, groups * shared, -1, 4])
}

function grouped(b, shared) {
  const x = tokens(b)
  const n = b.rmsNorm(x, D)
  const q = headsOf(b, b.linear(n, D, D, { bias: false }), 4, 4)
  const [k, v] = [0, 1].map(() =>
    repeated(b, headsOf(b, b.linear(n, D, 4 * shared, { bias: false }), shared, 4), 4 / shared, shared),
  )
  const y = b.add(x, b.linear(joined(b, mixed(b, [q, b.transpose(k, [0, 1, 3, 2]), v])), D, D))
  b.output(b.linear(b.rmsNorm(y, D), D, 5), 3)
}

/** x · cos + turned(x) · sin, of values [N, heads, 8, 4]. */
function rotated(b, x) {
  const [cos, sin] = [b.tensor([1, 1, 8, 4]), b.tensor([1, 1, 8, 4])]
  const [low, high] = [b.slice(x, 3, 0, 2), b.slice(x, 3, 2, 4)]
  return b.add(b.mul(x, cos), b.mul(b.concat([b.node('Neg', [high]), low], 3), sin))
}

function recurrent(b, op, gates, { directions = 1, layers = 2 } = {}) {
  b.only('f32')
  let x = b.transpose(b.input('x', ['N', 6, 8]), [1, 0, 2])
  let width = 8
  for (let i = 0; i < layers; i++) {
    const [w, r, c] = [
      [directions, gates * 12, width],
      [directions, gates * 12, 12],
      [directions, 2 * gates * 12],
    ].map((shape) => b.tensor(shape))
    const more = op === 'GRU' ? ', linear_before_reset = 1' : ''
    const y = b.nodes(
      op,
      [x, w, r, c],
      1,
      `hidden_size = 12, direction = "${directions === 2 ? 'bidirectional' : 'forward'}"${more}`,
    )[0]
    x = directions === 1 ? b.squeeze(y, [1]) : b.reshape(b.transpose(y, [0, 2, 1, 3]), [0, 0, -1])
    width = 12 * directions
  }
  b.output(b.linear(b.transpose(x, [1, 0, 2]), width, 4), 3)
}

export const SEQUENCES = {
  'mlp of gemm': (b) => b.output(b.gemm(b.relu(b.gemm(b.relu(b.gemm(b.input('x', ['N', 8]), 8, 16)), 16, 12)), 12, 4), 2),
  'mlp of matmul with batch norm': (b) => {
    const h = b.relu(b.batchNorm(b.linear(b.input('x', ['N', 8]), 8, 16), 16))
    b.output(b.linear(h, 16, 4), 2)
  },
  glu: (b) => {
    const [a, g] = b.split(b.linear(tokens(b), D, 24), [12, 12], 2)
    b.output(b.linear(b.mul(a, b.node('Sigmoid', [g])), 12, 4), 3)
  },
  'swiglu, separate': (b) => {
    const x = b.rmsNorm(tokens(b), D)
    b.output(b.linear(b.mul(b.silu(b.linear(x, D, 24, { bias: false })), b.linear(x, D, 24, { bias: false })), 24, D), 3)
  },
  'swiglu, fused': (b) => {
    const x = tokens(b)
    const both = b.linear(b.rmsNorm(x, D), D, 48, { bias: false })
    b.output(b.add(x, b.linear(b.mul(b.silu(b.slice(both, 2, 0, 24)), b.slice(both, 2, 24, 48)), 24, D)), 3)
  },
  'attention, separate': (b) => {
    const x = tokens(b)
    b.output(b.linear(b.layerNorm(block(b, x), D), D, 5), 3)
  },
  'attention, fused, split': (b) => {
    const x = tokens(b)
    const [q, k, v] = b.split(b.linear(b.layerNorm(x, D), D, 48), [D, D, D], 2)
    const parts = [headsOf(b, q, 4, 4), headsOf(b, k, 4, 4, [0, 2, 3, 1]), headsOf(b, v, 4, 4)]
    b.output(b.add(x, b.linear(joined(b, mixed(b, parts)), D, D)), 3)
  },
  'attention, packed by a reshape': (b) => {
    const x = tokens(b)
    const packed = b.transpose(b.reshape(b.linear(b.layerNorm(x, D), D, 48), [0, -1, 3, 4, 4]), [2, 0, 3, 1, 4])
    const [q, k, v] = [0, 1, 2].map((i) => b.node('Gather', [packed, b.scalar(i, 'int64')], 'axis = 0'))
    b.output(b.add(x, b.linear(joined(b, mixed(b, [q, b.transpose(k, [0, 1, 3, 2]), v])), D, D)), 3)
  },
  'grouped queries': (b) => grouped(b, 2),
  'one key for all queries': (b) => grouped(b, 1),
  'cross-attention': (b) => {
    const x = tokens(b)
    const y = b.add(x, attention(b, b.layerNorm(x, D), { context: b.input('memory', ['N', 'M', D]) }))
    b.output(b.add(y, mlp(b, b.layerNorm(y, D))), 3)
  },
  'relative position bias': (b) => {
    const x = fixed(b)
    const index = b.ints(Array.from({ length: 64 }, (_, i) => (i >> 3) - (i & 7) + 7))
    const table = b.node('Gather', [b.tensor([15, 4]), index], 'axis = 0')
    const bias = b.unsqueeze(b.transpose(b.reshape(table, [8, 8, 4]), [2, 0, 1]), [0])
    b.output(block(b, x, { bias }), 3)
  },
  'rotary positions': (b) => b.output(block(b, fixed(b), { turn: (h) => rotated(b, h) }), 3),
  alibi: (b) => {
    const slopes = b.tensor([1, 4, 1, 1])
    const distance = b.tensor([1, 1, 8, 8])
    b.output(block(b, fixed(b), { bias: b.mul(slopes, distance) }), 3)
  },
  'post-norm': (b) => {
    const x = tokens(b)
    const y = b.layerNorm(b.add(x, attention(b, x)), D)
    b.output(b.layerNorm(b.add(y, mlp(b, y)), D), 3)
  },
  'two blocks, pre-norm': (b) => b.output(b.linear(b.layerNorm(block(b, block(b, b.linear(tokens(b, 8), 8, D))), D), D, 5), 3),
  'parallel residual': (b) => {
    const x = tokens(b)
    const n = b.layerNorm(x, D)
    b.output(b.add(b.add(x, attention(b, n)), mlp(b, n)), 3)
  },
  'tied embeddings': (b) => {
    b.only('f32', 'f16')
    const table = b.tensor([20, D])
    const x = b.node('Gather', [table, b.input('ids', ['N', 'S'], 'int64')], 'axis = 0')
    b.output(b.node('MatMul', [b.layerNorm(block(b, x), D), b.transpose(table, [1, 0])]), 3)
  },
  'token and position embeddings': (b) => {
    const table = b.tensor([20, D])
    const x = b.node('Gather', [table, b.input('ids', ['N', 8], 'int64')], 'axis = 0')
    b.output(b.linear(b.layerNorm(block(b, b.add(x, b.tensor([8, D]))), D), D, 20), 3)
  },
  'vit patches': (b) => {
    const x = b.conv(b.input('x', ['N', 3, 16, 16]), 3, D, { kernel: 4, stride: 4, pad: 0 })
    const row = b.transpose(b.reshape(x, [0, D, -1]), [0, 2, 1])
    const shape = b.node('Gather', [b.node('Shape', [row]), b.ints([0])], 'axis = 0')
    const token = b.node('Expand', [b.tensor([1, 1, D]), b.concat([shape, b.ints([1, D])], 0)])
    const y = block(b, b.add(b.concat([token, row], 1), b.tensor([1, 17, D])))
    b.output(b.gemm(b.node('Gather', [b.layerNorm(y, D), b.scalar(0, 'int64')], 'axis = 1'), D, 5), 2)
  },
  'swin windows': (b) => {
    const x = b.input('x', ['N', 8, 8, D])
    const n = b.layerNorm(x, D)
    const shifted = b.concat([b.slice(n, 1, 2, 8), b.slice(n, 1, 0, 2)], 1)
    const windows = b.reshape(b.transpose(b.reshape(shifted, [-1, 2, 4, 2, 4, D]), [0, 1, 3, 2, 4, 5]), [-1, 16, D])
    const packed = b.transpose(b.reshape(b.linear(windows, D, 48), [-1, 16, 3, 4, 4]), [2, 0, 3, 1, 4])
    const [q, k, v] = [0, 1, 2].map((i) => b.node('Gather', [packed, b.scalar(i, 'int64')], 'axis = 0'))
    const a = b.linear(joined(b, mixed(b, [q, b.transpose(k, [0, 1, 3, 2]), v], { bias: b.tensor([1, 4, 16, 16]) })), D, D)
    const back = b.reshape(b.transpose(b.reshape(a, [-1, 2, 2, 4, 4, D]), [0, 1, 3, 2, 4, 5]), [-1, 8, 8, D])
    const y = b.add(x, back)
    const z = b.add(y, mlp(b, b.layerNorm(y, D)))
    const merged = b.reshape(b.transpose(b.reshape(z, [-1, 4, 2, 4, 2, D]), [0, 1, 3, 2, 4, 5]), [-1, 4, 4, 4 * D])
    b.output(b.linear(b.layerNorm(merged, 4 * D), 4 * D, 2 * D), 4)
  },
  perceiver: (b) => {
    const context = b.layerNorm(b.linear(tokens(b, 6), 6, D), D)
    const shape = b.node('Gather', [b.node('Shape', [context]), b.ints([0])], 'axis = 0')
    const latents = b.node('Expand', [b.tensor([1, 5, D]), b.concat([shape, b.ints([5, D])], 0)])
    const y = b.add(latents, attention(b, b.layerNorm(latents, D), { context }))
    b.output(b.gemm(b.mean(block(b, y), [1], 0), D, 4), 2)
  },
  t5: (b) => {
    const bias = b.tensor([1, 4, 8, 8])
    let x = fixed(b)
    for (let i = 0; i < 2; i++) {
      const n = b.rmsNorm(x, D)
      const [q, k, v] = [0, 1, 2].map(() => headsOf(b, b.linear(n, D, D, { bias: false }), 4, 4))
      x = b.add(x, b.linear(joined(b, mixed(b, [q, b.transpose(k, [0, 1, 3, 2]), v], { bias })), D, D, { bias: false }))
      x = b.add(
        x,
        mlp(b, b.rmsNorm(x, D), 24, (h) => b.relu(h)),
      )
    }
    b.output(b.rmsNorm(x, D), 3)
  },
  mixer: (b) => {
    const x = fixed(b)
    const across = b.transpose(b.layerNorm(x, D), [0, 2, 1])
    const y = b.add(x, b.transpose(b.linear(b.gelu(b.linear(across, 8, 12)), 12, 8), [0, 2, 1]))
    b.output(b.add(y, mlp(b, b.layerNorm(y, D))), 3)
  },
  'convolutions and attention': (b) => {
    let x = b.relu(b.batchNorm(b.conv(b.input('x', ['N', 3, 16, 16]), 3, D, { stride: 4 }), D))
    x = b.add(x, b.conv(x, D, D, { group: D }))
    const y = block(b, b.transpose(b.reshape(x, [0, D, -1]), [0, 2, 1]))
    b.classify(b.relu(b.conv(b.reshape(b.transpose(y, [0, 2, 1]), [0, D, 4, 4]), D, 12)), 12)
  },
  conformer: (b) => {
    const x = fixed(b)
    const [a, g] = b.split(b.conv(b.transpose(b.layerNorm(x, D), [0, 2, 1]), D, 32, { kernel: 1, rank: 1 }), [D, D], 1)
    const h = b.silu(b.batchNorm(b.conv(b.mul(a, b.node('Sigmoid', [g])), D, D, { rank: 1, group: D }), D))
    const y = b.add(x, b.transpose(b.conv(h, D, D, { kernel: 1, rank: 1 }), [0, 2, 1]))
    b.output(block(b, y), 3)
  },
  convnext: (b) => {
    const x = b.conv(b.input('x', ['N', 3, 16, 16]), 3, D, { kernel: 4, stride: 4, pad: 0 })
    const n = b.layerNorm(b.transpose(b.conv(x, D, D, { group: D }), [0, 2, 3, 1]), D)
    const h = b.mul(b.linear(b.gelu(b.linear(n, D, 32)), 32, D), b.tensor([D]))
    b.classify(b.add(x, b.transpose(h, [0, 3, 1, 2])), D)
  },
  'lstm stack': (b) => recurrent(b, 'LSTM', 4),
  'lstm, both directions': (b) => recurrent(b, 'LSTM', 4, { directions: 2 }),
  'gru stack': (b) => recurrent(b, 'GRU', 3),
  'gru, both directions': (b) => recurrent(b, 'GRU', 3, { directions: 2 }),
  rnn: (b) => recurrent(b, 'RNN', 1),
  'convolutions before an lstm': (b) => {
    b.only('f32')
    const x = b.relu(b.conv(b.relu(b.conv(b.input('x', ['N', 4, 10]), 4, 8, { rank: 1 })), 8, 8, { rank: 1 }))
    const [w, r, c] = [
      [1, 48, 8],
      [1, 48, 12],
      [1, 96],
    ].map((shape) => b.tensor(shape))
    const h = b.nodes('LSTM', [b.transpose(x, [2, 0, 1]), w, r, c], 2, 'hidden_size = 12')[1]
    b.output(b.gemm(b.squeeze(h, [0]), 12, 4), 2)
  },
  'fused attention': (b) => {
    b.only('f32')
    const x = tokens(b)
    const [q, k, v] = [0, 1, 2].map(() => b.linear(b.layerNorm(x, D), D, D))
    b.output(b.add(x, b.linear(b.node('com.microsoft.MultiHeadAttention', [q, k, v], 'num_heads = 4'), D, D)), 3)
  },
  'attention by einsum': (b) => {
    b.from(12)
    const x = tokens(b)
    const [q, k, v] = [0, 1, 2].map(() => b.reshape(b.linear(x, D, D), [0, -1, 4, 4]))
    const scores = b.softmax(b.node('Einsum', [q, k], 'equation = "bqhd,bkhd->bhqk"'), 4)
    const y = b.reshape(b.node('Einsum', [scores, v], 'equation = "bhqk,bkhd->bqhd"'), [0, -1, D])
    b.output(b.add(x, b.linear(y, D, D)), 3)
  },
  'linear attention': (b) => {
    const x = tokens(b)
    const [q, k, v] = [0, 1, 2].map(() => headsOf(b, b.linear(x, D, D), 4, 4))
    const state = b.node('MatMul', [b.transpose(b.node('Elu', [k]), [0, 1, 3, 2]), v])
    b.output(b.add(x, b.linear(joined(b, b.node('MatMul', [b.node('Elu', [q]), state])), D, D)), 3)
  },
  'recurrence by convolution and gates': (b) => {
    const x = tokens(b)
    const h = b.linear(b.layerNorm(x, D), D, 48)
    const [a, g] = [b.slice(h, 2, 0, 24), b.slice(h, 2, 24, 48)]
    const c = b.transpose(b.silu(b.conv(b.transpose(a, [0, 2, 1]), 24, 24, { rank: 1, group: 24 })), [0, 2, 1])
    b.output(b.add(x, b.linear(b.mul(c, b.silu(g)), 24, D)), 3)
  },
}
