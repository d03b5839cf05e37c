// What exporters and people do to networks besides.

const D = 16
const tokens = (b) => b.input('x', ['N', 'S', D])
const image = (b) => b.input('x', ['N', 3, 'H', 'W'])

export const ODD = {
  'experts, all of them': (b) => {
    const x = tokens(b)
    const gates = b.softmax(b.linear(x, D, 3), 3)
    const parts = b.split(gates, [1, 1, 1], 2).map((gate) => b.mul(gate, b.linear(b.relu(b.linear(x, D, 12)), 12, D)))
    b.output(b.node('Sum', parts), 3)
  },
  'experts as one tensor': (b) => {
    b.only('f32', 'f16')
    const x = tokens(b)
    const gates = b.softmax(b.linear(x, D, 4), 3)
    const h = b.relu(b.node('MatMul', [b.unsqueeze(x, [1]), b.tensor([4, D, 12])]))
    const y = b.node('MatMul', [h, b.tensor([4, 12, D])])
    b.output(b.sum(b.mul(y, b.unsqueeze(b.transpose(gates, [0, 2, 1]), [3])), [1], 0), 3)
  },
  'experts, the best two': (b) => {
    b.from(11)
    const x = tokens(b)
    const logits = b.linear(x, D, 4)
    const [top] = b.nodes('TopK', [logits, b.ints([2])], 2, 'axis = -1')
    const least = b.slice(top, 2, 1, 2)
    const kept = b.node('Cast', [b.node('Not', [b.node('Less', [logits, least])])], `to = ${b.to}`)
    const parts = b.split(b.mul(b.softmax(logits, 3), kept), [1, 1, 1, 1], 2)
    b.output(
      b.node(
        'Sum',
        parts.map((gate) => b.mul(gate, b.linear(b.relu(b.linear(x, D, 8)), 8, D))),
      ),
      3,
    )
  },
  'if with branches of layers': (b) => {
    b.only('f32')
    const x = b.relu(b.gemm(b.input('x', ['N', 8]), 8, 12))
    const flag = b.input('flag', [1], 'bool')
    const [one, two, c] = [b.tensor([12, 12]), b.tensor([12, 12]), b.fresh('v')]
    b.raw(
      `${c} = If(${flag}) <then_branch = t () => (float[a, d] p) { p = MatMul(${x}, ${one}) }, else_branch = e () => (float[a, d] q) { r = MatMul(${x}, ${two}) q = Tanh(r) }>`,
    )
    b.output(b.gemm(b.relu(c), 12, 4), 2)
  },
  'if around a shape': (b) => {
    b.only('f32')
    b.from(11)
    const x = b.relu(b.conv(image(b), 3, 8))
    const pooled = b.relu(b.conv(b.node('GlobalAveragePool', [x]), 8, 12))
    const last = b.node('Gather', [b.node('Shape', [pooled]), b.scalar(3, 'int64')], 'axis = 0')
    const v = b.fresh('v')
    b.raw(
      `${v} = If(${b.node('Equal', [last, b.scalar(1, 'int64')])}) <then_branch = t () => (float[a, c] p) { p = Flatten(${pooled}) }, else_branch = e () => (float[a, c] q) { q = Flatten(${pooled}) }>`,
    )
    b.output(b.gemm(v, 12, 4), 2)
  },
  'loop with a layer': (b) => {
    b.only('f32')
    b.from(11)
    const x = b.relu(b.gemm(b.input('x', ['N', 8]), 8, 12))
    const [w, count, going, y] = [b.tensor([12, 12]), b.scalar(3, 'int64'), b.scalar(1, 'bool'), b.fresh('v')]
    b.raw(
      `${y} = Loop(${count}, ${going}, ${x}) <body = l (int64 i, bool c, float[a, d] h) => (bool k, float[a, d] n) { k = Identity(c) m = MatMul(h, ${w}) n = Tanh(m) }>`,
    )
    b.output(b.gemm(y, 12, 4), 2)
  },
  'loop with hidden units of its own': (b) => {
    b.only('f32')
    b.from(11)
    const x = b.relu(b.gemm(b.input('x', ['N', 8]), 8, 12))
    const [w, v, count, going, y] = [
      b.tensor([12, 16]),
      b.tensor([16, 12]),
      b.scalar(3, 'int64'),
      b.scalar(1, 'bool'),
      b.fresh('v'),
    ]
    b.raw(
      `${y} = Loop(${count}, ${going}, ${x}) <body = l (int64 i, bool c, float[a, d] h) => (bool k, float[a, d] n) { k = Identity(c) m = MatMul(h, ${w}) r = Relu(m) o = MatMul(r, ${v}) n = Tanh(o) }>`,
    )
    b.output(b.gemm(y, 12, 4), 2)
  },
  scan: (b) => {
    b.only('f32')
    const x = b.input('x', [6, 8])
    const [w, r, zero, s, y] = [b.tensor([1, 8, 12]), b.tensor([12, 12]), b.tensor([1, 12]), b.fresh('v'), b.fresh('v')]
    const rows = b.relu(b.squeeze(b.node('MatMul', [b.unsqueeze(x, [0]), w]), [0]))
    b.raw(
      `${s}, ${y} = Scan(${zero}, ${rows}) <num_scan_inputs = 1, body = l (float[1, 12] h, float[12] e) => (float[1, 12] n, float[1, 12] o) { g = MatMul(h, ${r}) f = Add(g, e) n = Tanh(f) o = Identity(n) }>`,
    )
    b.output(b.linear(y, 12, 4), 3)
  },
  'local functions': (b) => {
    b.only('f32')
    b.local(
      `<domain: "local", opset_import: ["" : ${b.opset}]> act (x, w, c) => (y) { m = MatMul(x, w) a = Add(m, c) y = Relu(a) }`,
    )
    const dense = (x, from, to) => b.node('local.act', [x, b.tensor([from, to]), b.tensor([to])])
    b.output(b.linear(dense(dense(b.input('x', ['N', 8]), 8, 16), 16, 12), 12, 4), 2)
  },
  'weights of ConstantOfShape': (b) => {
    b.only('f32')
    const h = b.relu(b.gemm(b.input('x', ['N', 8]), 8, 12))
    const w = b.node('ConstantOfShape', [b.ints([12, 10])], 'value = float[1] {0.1}')
    b.output(b.linear(b.node('Tanh', [b.node('MatMul', [h, w])]), 10, 4), 2)
  },
  'weight norm': (b) => {
    b.only('f32', 'f16')
    const normed = (shape, axes) => {
      const v = b.tensor(shape)
      const norm = b.node('ReduceL2', [v], `axes = [${axes}], keepdims = 1`)
      return b.mul(b.tensor([shape[0], ...axes.map(() => 1)], { about: 1 }), b.node('Div', [v, norm]))
    }
    const x = b.relu(b.node('Conv', [image(b), normed([8, 3, 3, 3], [1, 2, 3])], 'pads = [1, 1, 1, 1]'))
    b.classify(b.relu(b.node('Conv', [x, normed([8, 8, 3, 3], [1, 2, 3])], 'pads = [1, 1, 1, 1]')), 8)
  },
  lora: (b) => {
    const x = tokens(b)
    const low = (v, from, to) => b.mul(b.linear(b.linear(v, from, 4, { bias: false }), 4, to, { bias: false }), b.scalar(0.5))
    const h = b.relu(b.add(b.linear(x, D, 24), low(x, D, 24)))
    b.output(b.add(b.linear(h, 24, D), low(h, 24, D)), 3)
  },
  'a custom operator in the middle': (b) => {
    b.only('f32')
    const x = b.relu(b.conv(b.input('x', ['N', 3, 8, 8]), 3, 8))
    const middle = b.node(
      'com.microsoft.MaxpoolWithMask',
      [b.relu(b.conv(x, 8, 8)), b.input('attention_mask', ['N', 1, 8, 8], 'int32')],
      'kernel_shape = [3, 3], pads = [1, 1, 1, 1]',
    )
    b.classify(b.relu(b.conv(b.relu(b.conv(middle, 8, 8)), 8, 8)), 8)
  },
  'sums along the sequence': (b) => {
    b.from(11)
    b.only('f32', 'qdq')
    const h = b.relu(b.linear(tokens(b), D, 24))
    b.output(b.linear(b.node('CumSum', [h, b.scalar(1, 'int64')]), 24, 4), 3)
  },
  'gates by where': (b) => {
    b.from(11)
    const x = tokens(b)
    const [h, g] = [b.linear(x, D, 24), b.linear(x, D, 24)]
    b.output(b.linear(b.node('Where', [b.node('Less', [g, b.scalar(0)]), b.mul(h, b.scalar(0.1)), h]), 24, 4), 3)
  },
  'masked by ids': (b) => {
    const h = b.relu(b.linear(tokens(b), D, 24))
    const mask = b.node('Cast', [b.input('attention_mask', ['N', 'S'], 'int64')], `to = ${b.to}`)
    b.output(b.linear(b.mul(h, b.unsqueeze(mask, [2])), 24, 4), 3)
  },
  'weights transposed and cast': (b) => {
    b.only('f32')
    const w = b.transpose(b.tensor([24, D]), [1, 0])
    const h = b.relu(b.add(b.node('MatMul', [tokens(b), w]), b.tensor([24])))
    const half = b.node('Cast', [b.node('Cast', [b.tensor([24, 4])], 'to = 10')], 'to = 1')
    b.output(b.node('MatMul', [h, half]), 3)
  },
  'identities, dropout and unused nodes': (b) => {
    const h = b.node('Identity', [b.relu(b.linear(b.node('Identity', [tokens(b)]), D, 24))])
    b.node('Sigmoid', [h])
    b.output(b.linear(b.opset < 12 ? b.node('Dropout', [h], 'ratio = 0.1') : b.node('Dropout', [h, b.scalar(0.1)]), 24, 4), 3)
  },
  'batched flatten by shapes': (b) => {
    const x = b.relu(b.conv(b.input('x', ['N', 3, 8, 8]), 3, 8))
    const batch = b.node('Gather', [b.node('Shape', [x]), b.ints([0])], 'axis = 0')
    const flat = b.node('Reshape', [x, b.concat([batch, b.ints([-1])], 0)])
    b.output(b.gemm(b.relu(b.gemm(flat, 512, 12)), 12, 4), 2)
  },
  'weight is an input too': (b) => {
    const x = b.relu(b.gemm(b.input('x', ['N', 8]), 8, 12))
    const h = b.node('MatMul', [x, b.input('w', [12, 10])])
    b.output(b.gemm(b.relu(h), 10, 4), 2)
  },
  'hidden units are an output too': (b) => {
    const x = b.relu(b.gemm(b.input('x', ['N', 8]), 8, 12))
    const h = b.relu(b.gemm(x, 12, 10))
    b.output(h, 2)
    b.output(b.gemm(h, 10, 4), 2)
  },
  'normalised hidden units': (b) => {
    const h = b.layerNorm(b.relu(b.linear(tokens(b), D, 24)), 24)
    b.output(b.linear(h, 24, 4), 3)
  },
  'attention over channels': (b) => {
    const x = b.relu(b.conv(b.input('x', ['N', 3, 8, 8]), 3, 8))
    const [q, k] = [0, 1].map(() => b.reshape(b.conv(x, 8, 6, { kernel: 1 }), [0, 6, -1]))
    const v = b.reshape(b.conv(x, 8, 8, { kernel: 1 }), [0, 8, -1])
    const weights = b.softmax(b.node('MatMul', [b.transpose(q, [0, 2, 1]), k]), 3)
    const y = b.reshape(b.node('MatMul', [v, b.transpose(weights, [0, 2, 1])]), [0, 8, 8, 8])
    b.classify(b.add(x, y), 8)
  },
  'bilinear pooling': (b) => {
    const x = b.reshape(b.relu(b.conv(b.input('x', ['N', 3, 8, 8]), 3, 8)), [0, 8, -1])
    const gram = b.node('MatMul', [x, b.transpose(x, [0, 2, 1])])
    b.output(b.gemm(b.node('Flatten', [gram]), 64, 4), 2)
  },
  'film, styles and scales': (b) => {
    const x = b.conv(b.input('x', ['N', 3, 8, 8]), 3, 8)
    const style = b.unsqueeze(b.gemm(b.relu(b.gemm(b.input('z', ['N', 6]), 6, 12)), 12, 16), [2, 3])
    const [scale, shift] = b.split(style, [8, 8], 1)
    b.classify(b.relu(b.conv(b.relu(b.add(b.mul(x, scale), shift)), 8, 8)), 8)
  },
  'a gru written out': (b) => {
    b.only('f32', 'f16')
    const x = b.input('x', ['N', 3, 8])
    const [w, r] = [b.tensor([8, 36]), b.tensor([12, 36])]
    let h = b.node('Tanh', [b.gemm(b.squeeze(b.slice(x, 1, 0, 1), [1]), 8, 12)])
    for (const t of [1, 2]) {
      const a = b.split(b.node('MatMul', [b.squeeze(b.slice(x, 1, t, t + 1), [1]), w]), [12, 12, 12], 1)
      const c = b.split(b.node('MatMul', [h, r]), [12, 12, 12], 1)
      const z = b.node('Sigmoid', [b.add(a[0], c[0])])
      const n = b.node('Tanh', [b.add(a[2], b.mul(b.node('Sigmoid', [b.add(a[1], c[1])]), c[2]))])
      h = b.add(n, b.mul(z, b.node('Sub', [h, n])))
    }
    b.output(b.gemm(h, 12, 4), 2)
  },
}
